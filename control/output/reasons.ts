/**
 * What each reason for which a packet leaves the program means, and what to do when its count
 * rises; and how `xlvs reasons` prints them. A reason without its sentences does not compile.
 * MANUAL has the same table. Pure. Read next: ../../bpf/types.h (enum reason).
 */
import { REASON } from '../abi/maps.gen.ts'
import type { ReasonView } from '../model/reason.ts'
import type { Style } from './style.ts'
import { table, type Column } from './table.ts'

type Sizes = 'GO_ON' | 'REASONS' | 'REASONS_MAX'
export type ReasonName = Exclude<keyof typeof REASON, Sizes>
type Sentences = Pick<ReasonView, 'becomes' | 'means' | 'look'>

/** `look` is what to do, in the imperative; empty where nothing is wrong however many there are. */
export const REASON_SENTENCES: Record<ReasonName, Sentences> = {
  NOT_IP: passed('ARP and whatever else is neither IPv4 nor IPv6', ''),
  FOREIGN_MAC: passed(
    'the frame is for another machine',
    'see with ip -d link whether the interface is promiscuous, when there are many',
  ),
  MALFORMED: passed('the IP header is not one', 'find the sender with tcpdump -e'),
  BAD_CHECKSUM: passed(
    'the checksum of the IPv4 header is wrong',
    'check cable, switch and memory of the sender; ip -s link counts errors too',
  ),
  HAS_OPTIONS: passed(
    'options that the host answers or refuses, or more IPv6 extension headers than xlvs looks through',
    '',
  ),
  FRAGMENT: passed(
    'a piece of a packet, which xlvs does not balance yet',
    'find the smaller MTU on the way from the client, or let senders of UDP send less at a time',
  ),
  OTHER_PROTOCOL: passed('neither TCP nor UDP, nor IPsec of a connection', ''),
  TRUNCATED: passed('the packet ends within its header', 'find the sender with tcpdump -e'),
  NO_SERVICE: passed('address and port are no service: what the host itself gets', ''),
  NO_CONNECTION: passed(
    'within no connection, and no beginning of one either; answers of dests to ' +
      'health checks of this host, too',
    'leave out what health checks cause; else compare timeouts with those of clients and ' +
      'servers: what rests longer expires here first',
  ),
  FTP_DATA: passed('a connection that an FTP server opens from port 20', ''),
  VIP_NOT_LOCAL: passed(
    'the address of the service is not on this host, as on a VRRP backup',
    'add the address when this host should balance it: xlvs show says how',
  ),
  OTHER_VLAN: passed(
    'the tag names a VLAN that has no interface here',
    'see with ip -d link which VLANs have an interface, and add the one that is missing',
  ),
  MARTIAN: passed(
    'no client has such a source: this host itself, loopback, multicast, or what rp_filter refuses',
    'read the log of the kernel with net.ipv4.conf.all.log_martians=1',
  ),
  LOCAL_DEST: passed(
    'the dest is this host: delivered here, by nat translated and else as it came',
    '',
  ),
  DIRECT_REPLY: passed(
    'a reply of a dest by dr or tun, or an ICMP error about a request to one: counted',
    '',
  ),
  NAT_REQUEST: forwarded('to a dest, addresses rewritten', ''),
  NAT_REPLY: forwarded('to a client, addresses rewritten back', ''),
  DIRECT: forwarded('to a dest as it is (dr)', ''),
  TUNNEL: forwarded('to a dest in an outer IP header (tun)', ''),
  ICMP_REQUEST: forwarded('an ICMP error about what a dest sent, to that dest', ''),
  ICMP_REPLY: forwarded('an ICMP error about what a client sent, to that client', ''),
  RESOLVING: forwarded(
    'the MAC of the next hop is not known yet; the kernel asks for it and sends then',
    'see ip neighbour when the count goes on rising: a dest or a router does not answer',
  ),
  TTL_EXPIRED: answered(
    'its time to live ended here: ICMP time exceeded',
    'trace the route from a client, and look for a loop',
  ),
  TOO_BIG: answered(
    'it has DF and is longer than the MTU to the dest: ICMP fragmentation needed',
    'compare the MTUs on both sides of the director, and let ICMP through to the clients',
  ),
  NO_DEST: answered(
    'the service has no dest of weight above 0 that is not overloaded: ICMP port unreachable',
    'add a dest, or give one a weight above 0 or a larger upper threshold: xlvs show names the service',
  ),
  STRAY: answered(
    'sent by a nat dest, within no connection: port unreachable (nat_icmp_send)',
    'compare timeouts with those of the servers: what rests longer expires here first',
  ),
  UNREACHABLE: answered(
    'no route to the dest, or its neighbour does not answer: ICMP host unreachable',
    'see in xlvs show which dest it is, then try ip route get to it, and ip neighbour',
  ),
  RESET: answered(
    'its dest was removed, and the service resets connections then: TCP reset',
    'wait until clients have connected anew: then the count stands still',
  ),
  DEST_GONE: dropped(
    'its connection has a dest that was removed',
    'wait until clients have connected anew: then the count stands still',
  ),
  TABLE_FULL: dropped(
    'the connection table has no room for a new connection',
    'see in xlvs stats how full it is, and make a larger one as MANUAL says (Larger connection tables)',
  ),
  STRIPE_BUSY: dropped(
    'another CPU was making a connection in the same place; the client sends again',
    'report it when it is a good part of the new connections',
  ),
  NO_ROUTE: dropped(
    'there is no route back to the client',
    'try ip route get to the client, and add the route that is missing',
  ),
  NEEDS_FRAGMENTING: dropped(
    'longer than the MTU without DF; xlvs does not cut packets yet',
    'make the MTU behind the director as large as the one before it',
  ),
  BAD_ICMP: dropped(
    'ICMP cut short, or an error about a NAT connection whose checksum is wrong',
    'find the sender with tcpdump -e',
  ),
  CUT_SHORT: dropped(
    'a packet of a NAT connection that ends within its TCP or UDP header',
    'find the sender with tcpdump -e',
  ),
  OVERLOAD: dropped(
    'a new connection, one of so many, as drop_packet says',
    'find who opens so many connections, or what takes the memory; xlvs get drop_packet',
  ),
  LOOPBACK_DEST: dropped(
    'the dest is a loopback address by nat, to which nothing comes from outside',
    'give the dest another address of this host',
  ),
  RESET_LIMITED: dropped(
    'its dest was removed, and so many were reset already in this second; the next may be',
    'nothing: clients send again, and are answered then',
  ),
  NO_CALL_ID: dropped(
    'to a service of the sip engine, no connection yet, and no Call-ID that ends its line within it',
    'see with tcpdump -A what clients send: such services are for SIP over UDP only',
  ),
  INTERNAL: dropped('what should not happen did', 'read the log of the daemon, and report it'),
}

/** All reasons in the order of the enum, with the counts that `packetsBy` gives. */
export function reasonViews(packetsBy: (reason: number) => number): ReasonView[] {
  return Object.entries(REASON_SENTENCES).map(([name, sentences]) => ({
    reason: name.toLowerCase().replaceAll('_', ' '),
    packets: packetsBy(REASON[name as ReasonName]),
    ...sentences,
  }))
}

const COLUMNS: readonly Column[] = [
  { title: 'REASON' },
  { title: 'PACKETS', align: 'right' },
  { title: 'WERE' },
  { title: 'WHY' },
]

/** A table, and below it what to do about each of its reasons that may mean trouble. */
export function reasonsText(reasons: readonly ReasonView[], style: Style): string {
  if (reasons.length === 0) return 'no packet has come yet\n'
  const rows = reasons.map(r => [r.reason, `${r.packets}`, r.becomes, r.means])
  const notes = reasons
    .filter(({ look, packets }) => look !== '' && packets > 0)
    .map(({ reason, look }) => `${style.yellow('!')} ${reason}: ${look}\n`)
  return table(COLUMNS, rows) + notes.join('')
}

const SINCE_COLUMNS: readonly Column[] = [
  { title: 'REASON' },
  { title: 'PACKETS', align: 'right' },
  { title: 'NEW', align: 'right' },
]

/** Reasons whose counts have risen, and by how much. */
export function risenText(risen: readonly Risen[]): string {
  if (risen.length === 0) return 'no new packet\n'
  return table(
    SINCE_COLUMNS,
    risen.map(({ reason, packets, since }) => [reason, `${packets}`, `+${since}`]),
  )
}

export interface Risen {
  reason: string
  packets: number
  /** Packets since the last look. */
  since: number
}

/** What has risen between two looks. */
export function risenBetween(before: readonly ReasonView[], after: readonly ReasonView[]): Risen[] {
  const had = new Map(before.map(({ reason, packets }) => [reason, packets]))
  return after
    .map(({ reason, packets }) => ({ reason, packets, since: packets - (had.get(reason) ?? 0) }))
    .filter(({ since }) => since !== 0)
}

function passed(means: string, look: string): Sentences {
  return { becomes: 'passed', means, look }
}

function forwarded(means: string, look: string): Sentences {
  return { becomes: 'forwarded', means, look }
}

function answered(means: string, look: string): Sentences {
  return { becomes: 'answered', means, look }
}

function dropped(means: string, look: string): Sentences {
  return { becomes: 'dropped', means, look }
}
