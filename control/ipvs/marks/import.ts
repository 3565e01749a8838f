/** Marks as other programs set them, to rules of xlvs. Pure. Read next: iptables.ts, nft.ts. */
import type { Imported } from './chains.ts'
import { importIptables } from './iptables.ts'
import { importNft } from './nft.ts'

export type { Imported, LeftOut } from './chains.ts'

/** What iptables-save, ip6tables-save or `nft -j list ruleset` have said. @throws BAD_REQUEST */
export function importMarks(text: string): Imported {
  return text.trimStart().startsWith('{') ? importNft(text) : importIptables(text)
}
