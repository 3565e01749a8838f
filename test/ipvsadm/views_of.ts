/**
 * What the director would have shown when a listing was recorded, read back from the listing: each
 * tells a part, the parts of one state go together. Knows ipvsadm's columns, and nothing of how
 * xlvs prints them. Read next: samples.test.ts.
 */
import {
  serviceName,
  type ConnView,
  type DestView,
  type Protocol,
  type SchedFlag,
  type Scheduler,
  type ServiceView,
  type Traffic,
} from '../../control/model/service.ts'
import { parseServiceName } from '../../control/config/name.ts'
import { conn, dest, service } from '../support/views.ts'

const FWD = { Masq: 'nat', Route: 'dr', Tunnel: 'tun' } as const

/** What a numeric listing of the table says, with what is known from others; in its order. */
export function learn(known: readonly ServiceView[], text: string): ServiceView[] {
  const header = /^Prot.*\n.*\n/m.exec(text)?.[0] ?? ''
  const found: ServiceView[] = []
  for (const line of text.slice(text.indexOf(header) + header.length).split('\n')) {
    if (line.startsWith('  -> ')) learnDest(found.at(-1), line, header)
    else if (line !== '') found.push(learnService(known, line, header))
  }
  return found
}

function learnService(services: readonly ServiceView[], line: string, header: string): ServiceView {
  const [, protocol = '', name = '', v6 = '', rest = ''] =
    /^(\w+) +(\S+)( IPv6)? *(.*)$/.exec(line) ?? []
  const have = find(services, nameOf(protocol, name, v6 !== ''))
  if (/Conns|CPS/.test(header)) return { ...have, ...counted(header, rest), dests: [...have.dests] }
  const [scheduler = '', ...words] = rest.split(' ')
  const after = (word: string): string | undefined => words[words.indexOf(word) + 1 || Infinity]
  const flags = words.find(word => word.startsWith('('))
  return {
    ...have,
    scheduler: scheduler as Scheduler,
    ...(flags !== undefined && { schedFlags: flagsOf(flags.slice(1, -1)) }),
    ...(words.includes('persistent') && { persistentS: Number(after('persistent')) }),
    ...(words.includes('mask') && { netmask: after('mask') ?? '' }),
    ...(words.includes('pe') && { engine: 'sip' as const }),
    ...(words.includes('ops') && { onePacket: true as const }),
    dests: [...have.dests],
  }
}

function learnDest(of: ServiceView | undefined, line: string, header: string): void {
  const [end = '', ...columns] = line.slice(5).trim().split(/ +/)
  if (!of) throw new Error(`a dest of no service: ${line}`)
  const id = idOf(end)
  const at = of.dests.findIndex(have => have.address === id.address && have.port === id.port)
  const [have] = at < 0 ? [dest(id)] : of.dests.splice(at, 1)
  of.dests.push({ ...(have ?? dest(id)), ...destColumns(header, columns) })
}

function destColumns(header: string, columns: readonly string[]): Partial<DestView> {
  if (/Conns|CPS/.test(header)) return counted(header, columns.join(' '))
  const numbers = columns.map(Number)
  const [active = 0, inactive = 0] = numbers.slice(-2)
  const [first = 0, second = 0] = numbers
  if (header.includes('Uthreshold'))
    return {
      ...(first > 0 && { upper: first }),
      ...(second > 0 && { lower: second }),
      active,
      inactive,
    }
  if (header.includes('PersistConn')) return { weight: first, persistent: second, active, inactive }
  const fwd = FWD[columns[0] as keyof typeof FWD]
  const weight = numbers.at(-3) ?? 0
  const tunnel = header.includes('TunnelInfo') ? tunnelOf(columns[1] ?? '') : {}
  return { fwd, weight, active, inactive, ...tunnel }
}

function tunnelOf(text: string): Partial<DestView> {
  const [type, ...rest] = text.split(':')
  if (type !== 'gue' && type !== 'gre') return {}
  const sum = { '+c': 'csum', 'r+c': 'remcsum' }[rest.at(-1) ?? ''] as
    'csum' | 'remcsum' | undefined
  return {
    tunnel: {
      type,
      ...(type === 'gue' && { port: Number(rest[0]) }),
      ...(sum !== undefined && { checksum: sum }),
    },
  }
}

function counted(header: string, text: string): { traffic: Traffic } | { rates: Traffic } {
  const [conns = 0, inPackets = 0, outPackets = 0, inBytes = 0, outBytes = 0] = text
    .split(/ +/)
    .map(Number)
  const numbers = { conns, inPackets, outPackets, inBytes, outBytes }
  return header.includes('CPS') ? { rates: numbers } : { traffic: numbers }
}

const FLAGS: Partial<Record<string, SchedFlag>> = { fallback: 'flag-1', port: 'flag-2' }

function flagsOf(text: string): SchedFlag[] {
  const flags = text.split(',').map(word => FLAGS[word.replace(/^[sm]h-/, '')] ?? word)
  return (flags as SchedFlag[]).sort()
}

function nameOf(protocol: string, name: string, v6: boolean): string {
  if (protocol === 'FWM') return `fwmark${v6 ? '6' : ''}:${name}`
  return `${protocol.toLowerCase()}:${name}`
}

function find(services: readonly ServiceView[], name: string): ServiceView {
  const id = parseServiceName(name)
  const have = services.find(one => serviceName(one) === name)
  return have ?? { ...service(), ...id }
}

function idOf(end: string): { address: string; port: number } {
  const colon = end.lastIndexOf(':')
  const address = end.slice(0, colon).replace(/^\[|\]$/g, '')
  return { address, port: Number(end.slice(colon + 1)) }
}

/** The lines of -Lnc, or of /proc/net/ip_vs_conn; templates of marks are no connections yet. */
export function connsOf(text: string): ConnView[] {
  const lines = text.split('\n').filter(line => /^(TCP|UDP|SCTP) /.test(line))
  return lines.map(line => {
    const words = line.trim().split(/ +/)
    const protocol = (words[0] ?? '').toLowerCase() as Protocol
    if (!text.startsWith('Pro ')) {
      const [, expires = '', state = '', ...ends] = words
      const [client, virtual, to] = ends.map(idOf)
      const [minutes = 0, seconds = 0] = expires.split(':').map(Number)
      const expiresS = minutes * 60 + seconds
      return { ...conn(), protocol, state, expiresS, ...named(client, virtual, to) }
    }
    const numbers = words.slice(1)
    const ends = [0, 2, 4].map(i => fromHex(numbers[i] ?? '', numbers[i + 1] ?? ''))
    const [, , , , , , state = ''] = numbers
    const expiresS = Number(words.at(-1))
    return { ...conn(), protocol, state, expiresS, ...named(...ends) }
  })
}

type End = ConnView['client']

function named(
  client?: End,
  virtual?: End,
  to?: End,
): Pick<ConnView, 'client' | 'virtual' | 'dest'> {
  if (!client || !virtual || !to) throw new Error('a connection has three ends')
  return { client, virtual, dest: to }
}

function fromHex(address: string, port: string): End {
  const text = address.includes(':')
    ? new URL(`http://[${address}]`).hostname.slice(1, -1)
    : (address.match(/../g) ?? []).map(byte => parseInt(byte, 16)).join('.')
  return { address: text, port: parseInt(port, 16) }
}
