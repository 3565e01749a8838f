/**
 * Numbers as the kernel reads them from a write to one of its settings: decimal, octal (010) or
 * hexadecimal (0x10), what follows a blank is not read. Pure. Read next: sysctl.ts.
 * Source: kernel/sysctl.c proc_get_long, do_proc_dointvec (v6.12); what Linux 6.1 was seen to take
 * is in test/unit/ipvs/sysctl_writes.jsonl.
 */

/** Longer words are refused unread. */
const WORD_MAX = 20
/** One number or none; then nothing, or a blank and the rest. */
const WORD = /^\s*(-?)(0x[0-9a-f]+|[0-9]+)(?:[ \t\n](.*))?$/is

/**
 * The first `count` numbers of a text, fewer where it ends sooner.
 * @returns their values, negative ones too; undefined where the kernel says EINVAL
 */
export function kernelNumbers(text: string, count: number): bigint[] | undefined {
  const found: bigint[] = []
  let rest = text
  while (found.length < count && (found.length === 0 || rest.trim() !== '')) {
    const [, sign = '', digits, after = ''] = WORD.exec(rest) ?? []
    const value = digits === undefined ? undefined : valueOf(digits)
    if (value === undefined || sign.length + (digits?.length ?? 0) > WORD_MAX) return undefined
    found.push(sign === '-' ? -value : value)
    rest = after
  }
  return found
}

function valueOf(digits: string): bigint | undefined {
  if (/^0x/i.test(digits) || !digits.startsWith('0') || digits === '0') return BigInt(digits)
  return /^[0-7]+$/.test(digits) ? BigInt(`0o${digits}`) : undefined
}
