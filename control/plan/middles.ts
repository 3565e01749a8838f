/** Two lists of which much is the same: what is between their common beginning and end. Pure. */

/** Of each what is only its own, and where that begins in both. */
type Middles<T> = [a: readonly T[], b: readonly T[], start: number]

/** Several ask about the same change. */
let last: { a: readonly unknown[]; b: readonly unknown[]; found: Middles<unknown> } | undefined

/** Equal is what is the very same; lists do not change. */
export function middles<T>(a: readonly T[], b: readonly T[]): Middles<T> {
  if (last?.a !== a || last.b !== b) last = { a, b, found: middlesOf(a, b) }
  return last.found as Middles<T>
}

/** A list with some more in front; what middles() will be asked about the two is known already. */
export function grown<T>(added: readonly T[], list: readonly T[]): T[] {
  const whole = added.concat(list)
  last = { a: list, b: whole, found: [[], added, 0] }
  return whole
}

/** A list with others in the place of one of it, of which middles() knows too. */
export function replaced<T>(list: readonly T[], at: number, come: readonly T[]): T[] {
  const whole = list.toSpliced(at, 1, ...come)
  last = { a: list, b: whole, found: [list.slice(at, at + 1), come, at] }
  return whole
}

function middlesOf<T>(a: readonly T[], b: readonly T[]): Middles<T> {
  const most = Math.min(a.length, b.length)
  let start = 0
  while (start < most && a[start] === b[start]) start++
  let end = 0
  while (end < most - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++
  return [a.slice(start, a.length - end), b.slice(start, b.length - end), start]
}
