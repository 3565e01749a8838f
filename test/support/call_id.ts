/**
 * The Call-ID of a SIP message as the kernel reads it, written again from its C, step for step:
 * what bpf/message.h does in another way. Bytes are characters of Latin-1 here.
 * Source: net/netfilter/nf_conntrack_sip.c ct_sip_get_header, sip_skip_whitespace, callid_len,
 * net/netfilter/ipvs/ip_vs_pe_sip.c get_callid (v6.1).
 */
/** IP_VS_PEDATA_MAXLEN. */
const LONGEST = 255

/** undefined: it has none. */
export function kernelCallId(message: string): string | undefined {
  let from = 0
  for (;;) {
    const found = header(message, from)
    if (!found) return undefined
    const { at, length } = found
    if (length === 0) {
      from += at
      continue
    }
    if (length > LONGEST || at + length === message.length) return undefined
    return isLineEnd(message[at + length]) ? message.slice(at, at + length) : undefined
  }
}

function header(text: string, from: number): { at: number; length: number } | undefined {
  for (let at = from; at < text.length; at++) {
    if (!isLineEnd(text[at])) continue
    if (++at >= text.length) break
    if (text[at - 1] === '\r' && text[at] === '\n' && ++at >= text.length) break
    if (isBlank(text[at])) continue
    if (/^call-id/i.test(text.slice(at))) at += 'call-id'.length
    else if (/^i[^]/i.test(text.slice(at)) && !isLetter(text.charCodeAt(at + 1))) at++
    else continue
    const colon = skipBlank(text, at)
    if (colon === undefined || text[colon] !== ':' || colon + 1 >= text.length) break
    const value = skipBlank(text, colon + 1)
    if (value === undefined) break
    return { at: value, length: callIdLength(text, value) }
  }
  return undefined
}

function skipBlank(text: string, from: number): number | undefined {
  let at = from
  while (at < text.length && isBlank(text[at])) at++
  return at < text.length && isLineEnd(text[at]) ? continued(text, at) : at
}

function continued(text: string, from: number): number | undefined {
  let at = from + 1
  if (at >= text.length) return undefined
  if (text[at - 1] === '\r' && text[at] === '\n' && ++at >= text.length) return undefined
  if (!isBlank(text[at])) return undefined
  while (at < text.length && isBlank(text[at])) at++
  return at
}

function callIdLength(text: string, at: number): number {
  const length = wordLength(text, at)
  if (length === 0 || text[at + length] !== '@') return length
  const host = wordLength(text, at + length + 1)
  return host === 0 ? 0 : length + 1 + host
}

function wordLength(text: string, from: number): number {
  let at = from
  while (at < text.length && isWord(text.charCodeAt(at))) at++
  return at - from
}

function isWord(code: number): boolean {
  if (isLetter(code) || (code >= 0x30 && code <= 0x39)) return true
  return '!"%()*+-./:<>?[\\]_`{}~\''.includes(String.fromCharCode(code))
}

/** Latin-1's letters are letters to the kernel. */
function isLetter(code: number): boolean {
  return (
    /[A-Za-z]/.test(String.fromCharCode(code)) || (code >= 0xc0 && code !== 0xd7 && code !== 0xf7)
  )
}

function isLineEnd(character: string | undefined): boolean {
  return character === '\r' || character === '\n'
}

function isBlank(character: string | undefined): boolean {
  return character === ' ' || character === '\t'
}
