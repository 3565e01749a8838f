/** Counts in words: 1 service, 2 dests. Pure. */

/** The counts above zero, each with its word, which is given in the plural. */
export function counted(counts: Record<string, number>): string {
  const words = Object.entries(counts)
    .filter(([, n]) => n > 0)
    .map(([word, n]) => `${n} ${n === 1 ? word.replace(/s$/, '') : word}`)
  return words.join(', ') || 'nothing'
}
