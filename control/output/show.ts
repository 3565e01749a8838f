/**
 * `xlvs show` for people: where the program runs, services and dests in one table, then each
 * trouble in a sentence with what to try. Pure.
 */
import { familyOf } from '../model/address.ts'
import {
  destName,
  isMark,
  serviceName,
  type DestView,
  type DrainView,
  type InterfaceView,
  type ServiceView,
} from '../model/service.ts'
import { destWords, serviceWords } from '../model/words.ts'
import { calledText } from './called.ts'
import { inactiveText, serviceWarnings } from './inactive.ts'
import type { Style } from './style.ts'
import { table, type Column } from './table.ts'

const COLUMNS: readonly Column[] = [
  { title: 'SERVICE / DEST' },
  { title: 'SCHEDULER / FWD' },
  { title: 'WEIGHT', align: 'right' },
  { title: 'ACTIVE', align: 'right' },
  { title: 'INACTIVE', align: 'right' },
  { title: 'STATE' },
]

const NEXT_HOP: Record<DestView['nextHop'], string> = {
  resolved: '',
  resolving: 'next hop: resolving',
  unreachable: 'next hop: unreachable',
  'no route': 'next hop: no route',
  local: 'this host',
}

/** More of a kind than people read are only counted. */
const NAMED_MAX = 10

interface Trouble {
  /** In words. */
  kind: string
  text: string
}

/** The whole page. */
export function showText(
  interfaces: readonly InterfaceView[],
  services: readonly ServiceView[],
  style: Style,
): string {
  const body = services.length > 0 ? servicesTable(services) : 'no services\n'
  const troubles = [...interfaces.flatMap(interfaceTrouble), ...services.flatMap(serviceTroubles)]
  return interfacesLine(interfaces) + body + notes(troubles, style)
}

/** Some services, one at least, and their troubles. */
export function someServicesText(services: readonly ServiceView[], style: Style): string {
  return servicesTable(services) + notes(services.flatMap(serviceTroubles), style)
}

/** Dests are listed in the order they were added, the reverse of the view's. */
function servicesTable(services: readonly ServiceView[]): string {
  const rows = services.flatMap(service => [
    serviceRow(service),
    ...service.dests.toReversed().map(dest => destRow(dest)),
    ...(service.drains ?? []).map(dest => drainRow(dest)),
  ])
  return table(COLUMNS, rows)
}

function notes(troubles: readonly Trouble[], style: Style): string {
  const kinds = Map.groupBy(troubles, ({ kind }) => kind)
  const named = new Set([...kinds.values()].flatMap(all => all.slice(0, NAMED_MAX)))
  const lines = [
    ...troubles.filter(trouble => named.has(trouble)).map(({ text }) => text),
    ...[...kinds]
      .filter(([, all]) => all.length > NAMED_MAX)
      .map(
        ([kind, all]) => `and ${all.length - NAMED_MAX} more (${kind}); xlvs show --json has all`,
      ),
  ]
  return lines.map(line => `${style.yellow('!')} ${line}\n`).join('')
}

function interfacesLine(interfaces: readonly InterfaceView[]): string {
  if (interfaces.length === 0)
    return 'attached: nowhere, so nothing is balanced; try xlvs attach IFACE\n'
  return `attached: ${interfaces.map(({ name, mode }) => `${name} (${mode})`).join(', ')}\n`
}

function serviceRow(service: ServiceView): string[] {
  const state = [
    ...serviceWords(service)
      .filter(([what]) => what !== 'name')
      .map(word => word.join(' ')),
    ...(service.vipLocal ? [] : ['VIP not local']),
    ...(service.notActive.length > 0 ? ['not active yet'] : []),
  ]
  return [calledText(service), service.scheduler, '', '', '', state.join(', ')]
}

function destRow(dest: DestView): string[] {
  const { fwd, weight, active, inactive, nextHop, notActive, slowStartLeftS } = dest
  const state = [
    ...destWords(dest).map(word => word.join(' ')),
    ...(weight === 0 ? ['quiesced'] : []),
    ...(dest.overloaded ? ['overloaded'] : []),
    ...(slowStartLeftS === undefined ? [] : [`slow start: ${slowStartLeftS} s left`]),
    ...(nextHop === 'resolved' ? [] : [NEXT_HOP[nextHop]]),
    ...(notActive.length > 0 ? [`${notActive.join(', ')} not active yet`] : []),
  ]
  return [`  ${destName(dest)}`, fwd, `${weight}`, `${active}`, `${inactive}`, state.join(', ')]
}

function drainRow(dest: DrainView): string[] {
  const { fwd, active, inactive, leftS } = dest
  const state = `removed, drain: ${leftS} s left`
  return [`  ${destName(dest)}`, fwd, '', `${active}`, `${inactive}`, state]
}

function interfaceTrouble({ name, present, running }: InterfaceView): Trouble[] {
  if (present && running) return []
  const text = present
    ? `${name} is down or has no link: nothing comes in by it; try ip link set ${name} up`
    : `${name} has gone or lost the program; try xlvs attach ${name} when it is back`
  return [{ kind: 'interfaces that nothing comes in by', text }]
}

function serviceTroubles(service: ServiceView): Trouble[] {
  const name = serviceName(service)
  const vip =
    service.vipLocal || isMark(service)
      ? []
      : [
          `VIP not local: ${service.address} is not an address of this host, so ${name} balances ` +
            `nothing; try ip address add ${hostPrefix(service.address)} dev lo`,
        ]
  const of = (kind: string, texts: string[]): Trouble[] => texts.map(text => ({ kind, text }))
  return [
    ...of('not active yet', notActive(service)),
    ...of('VIP not local', vip),
    ...of('new connections are refused', refusing(service)),
    ...serviceWarnings(service).map(({ kind, message, cure }) => {
      return { kind: kind.replaceAll('-', ' '), text: `${message}; try ${cure}` }
    }),
    ...service.dests.flatMap(dest => of(NEXT_HOP[dest.nextHop], destTrouble(name, dest))),
  ]
}

/** Why it has no dest for new connections: at most one line. */
function refusing(service: ServiceView): string[] {
  if (service.notActive.length > 0) return []
  const name = serviceName(service)
  const refuses = 'so it refuses new connections; try'
  const weighty = service.dests.filter(({ weight }) => weight > 0)
  const [first] = service.dests
  if (!first) return [`${name} has no dest, ${refuses} xlvs dest add ${name} ADDRESS`]
  const set = `${refuses} xlvs dest set ${name} ${destName(first)}`
  if (weighty.length === 0) return [`${name} has no dest with a weight above 0, ${set} --weight 1`]
  const full = weighty.find(({ overloaded }) => overloaded)
  const isFull = weighty.every(dest => dest.overloaded ?? dest.notActive.length > 0)
  if (!full || !isFull) return []
  return [
    `${name} has only dests that are overloaded or have weight 0, ${refuses} ` +
      `xlvs dest set ${name} ${destName(full)} --upper NUMBER`,
  ]
}

/** What of it the data plane does not do yet, and what packets see of that: at most one line. */
function notActive(service: ServiceView): string[] {
  const name = serviceName(service)
  if (service.notActive.length > 0)
    return [`${inactiveText(service, service.notActive)}; try ${otherThan(service)}`]
  const lacking = service.dests.filter(dest => dest.notActive.length > 0)
  const [first] = lacking
  if (!first) return []
  const what = [...new Set(lacking.flatMap(dest => dest.notActive))].join(', ')
  return [
    `${name}: not active yet in its dests: ${what}; try xlvs dest set ${name} ` +
      `${destName(first)} --tunnel ipip`,
  ]
}

/** What can be balanced today in place of a service that cannot. */
function otherThan({ protocol }: ServiceView): string {
  return protocol === 'sctp' ? 'a service of tcp or udp' : 'the address written as IPv4'
}

function destTrouble(name: string, dest: DestView): string[] {
  const { address, nextHop } = dest
  if (nextHop === 'no route')
    return [`${name}: no route to dest ${address}; try ip route get ${address}`]
  const hop = `${name}: the next hop to dest ${address}`
  if (nextHop === 'resolving')
    return [`${hop} has not answered yet, and packets wait for it; try ip neighbour`]
  if (nextHop === 'unreachable') return [`${hop} does not answer; try ip neighbour`]
  return []
}

function hostPrefix(address: string): string {
  return `${address}/${familyOf(address) === 4 ? 32 : 128}`
}
