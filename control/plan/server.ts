/**
 * What a server needs so that its sockets answer for a virtual address that it shares with others.
 * Pure. Read next: ../dataplane/decap.ts (who finds the facts).
 * Source: Documentation/networking/ip-sysctl.rst (v6.12): arp_ignore, arp_announce, rp_filter.
 */
import type { Warning } from '../model/warning.ts'

/** Facts of the host and of the interface that decapsulates. */
export interface ServerFacts {
  name: string
  /** Addresses on lo besides loopback's own. */
  onLoopback: readonly string[]
  /** Sysctls in force: the larger one of conf/all and conf/NAME. */
  arpIgnore: number
  arpAnnounce: number
  rpFilter: number
  /** Whether IPv4's default route leaves by the interface. */
  isDefaultWay: boolean
}

const RP_FILTER_STRICT = 1
const ARP_ANNOUNCE_BEST = 2

/** What is missing, each with the command that mends it. */
export function serverNeeds(facts: ServerFacts): Warning[] {
  const { name, onLoopback, arpIgnore, arpAnnounce, rpFilter, isDefaultWay } = facts
  const needs: Warning[] = []
  if (onLoopback.length === 0)
    needs.push({
      kind: 'no-vip',
      message: 'lo has no virtual address, so no socket here gets what is decapsulated',
      cure: 'ip address add VIP/32 dev lo',
    })
  if (arpIgnore === 0)
    needs.push({
      kind: 'arp-ignore',
      message: 'this host answers ARP for addresses on lo, and could take a VIP from its director',
      cure: 'sysctl -w net.ipv4.conf.all.arp_ignore=1',
    })
  if (arpAnnounce < ARP_ANNOUNCE_BEST)
    needs.push({
      kind: 'arp-announce',
      message: 'this host asks by ARP with addresses of lo, and could take a VIP from its director',
      cure: `sysctl -w net.ipv4.conf.all.arp_announce=${ARP_ANNOUNCE_BEST}`,
    })
  if (rpFilter === RP_FILTER_STRICT && !isDefaultWay)
    needs.push({
      kind: 'rp-filter',
      message:
        `rp_filter drops what comes in by ${name} from clients that are not reached by it, ` +
        'and the default route leaves elsewhere',
      cure: `sysctl -w net.ipv4.conf.${name.replaceAll('.', '/')}.rp_filter=2`,
    })
  return needs
}
