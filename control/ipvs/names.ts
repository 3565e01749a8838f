/**
 * Names of ports and hosts for ipvsadm: /etc/services, and reverse look-ups for a listing without
 * -n. Pure; the file's text and the look-up are handed in.
 */
import { familyOf } from '../model/address.ts'
import type { DestId, Protocol } from '../model/service.ts'
import { inetNtop } from './address.ts'

/** The name of a host by its address; undefined when it has none. */
export type HostOf = (address: string) => Promise<string | undefined>

/** How an address and a port are written: in numbers, or by name without -n. */
export interface Names {
  host(address: string): string
  /** Without a protocol (a mark's dests) ports have no names. */
  port(port: number, protocol: Protocol | undefined): string
}

export const NUMBERS: Names = { host: address => address, port: String }

/** ipvsadm's buffer for an address and a port, less the final zero. */
const ENDPOINT_MAX = 59

/** An address with its port as ipvsadm prints it, cut where its buffer ends. */
export function endpoint(of: DestId, protocol: Protocol | undefined, names: Names): string {
  const port = names.port(of.port, protocol)
  if (familyOf(of.address) === 4) return `${names.host(of.address)}:${port}`.slice(0, ENDPOINT_MAX)
  const host = names.host(of.address)
  const text = host === of.address ? inetNtop(host) : host
  return `[${text}]:${port}`.slice(0, ENDPOINT_MAX)
}

interface Entry {
  names: string[]
  port: number
  protocol: string
}

/** The port of a name by the text of /etc/services: getservbyname(3). */
export function portsIn(
  servicesText: () => string,
): (name: string, protocol: Protocol) => number | undefined {
  let entries: Entry[] | undefined
  return (name, protocol) => {
    entries ??= readServices(servicesText())
    return entries.find(entry => entry.protocol === protocol && entry.names.includes(name))?.port
  }
}

/** Names for those addresses and any port; what has none stays a number. */
export async function namesOf(
  addresses: Iterable<string>,
  hostOf: HostOf,
  servicesText: string,
): Promise<Names> {
  const hosts = new Map<string, string>()
  const lookUp = async (address: string): Promise<void> => {
    const host = await hostOf(address)
    if (host !== undefined) hosts.set(address, host)
  }
  await Promise.all([...new Set(addresses)].map(lookUp))
  const ports = new Map<string, string>()
  for (const { port, protocol, names } of readServices(servicesText)) {
    const key = `${port}/${protocol}`
    if (!ports.has(key)) ports.set(key, names[0] ?? String(port))
  }
  return {
    host: address => hosts.get(address) ?? address,
    port: (port, protocol) => ports.get(`${port}/${protocol}`) ?? String(port),
  }
}

function readServices(text: string): Entry[] {
  return text
    .split('\n')
    .map(line => line.replace(/#.*/, '').trim().split(/\s+/))
    .flatMap(([name, where, ...aliases]) => {
      const [port, protocol] = where?.split('/') ?? []
      if (name === undefined || port === undefined || protocol === undefined) return []
      return [{ names: [name, ...aliases], port: Number(port), protocol }]
    })
}
