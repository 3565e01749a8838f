/**
 * Why a packet left the program, as it is shown. Pure; imports nothing.
 * Read next: ../output/reasons.ts.
 */

export interface ReasonView {
  /** The enum's name in lower case words. */
  reason: string
  packets: number
  /** To the host untouched, to a dest or client, to the sender as an ICMP error, or nowhere. */
  becomes: 'passed' | 'forwarded' | 'answered' | 'dropped'
  /** Why, in some words. */
  means: string
  /** What to do when the count rises, in the imperative; empty where nothing is wrong. */
  look: string
}
