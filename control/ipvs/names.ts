/**
 * Names of ports and hosts for ipvsadm: /etc/services, and reverse look-ups for a listing without
 * -n. Pure; the file's text and the look-up are handed in.
 */
import type { Protocol } from '../model/service.ts'
import type { PortOf } from './address.ts'
import type { Names } from './listing.ts'

/** The name of a host by its address; undefined when it has none. */
export type HostOf = (address: string) => Promise<string | undefined>

interface Entry {
  names: string[]
  port: number
  protocol: string
}

/** The port of a name by the text of /etc/services: getservbyname(3). */
export function portsIn(servicesText: () => string): PortOf {
  return (name: string, protocol: Protocol) =>
    readServices(servicesText()).find(
      entry => entry.protocol === protocol && entry.names.includes(name),
    )?.port
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
  const entries = readServices(servicesText)
  return {
    host: address => hosts.get(address) ?? address,
    port: (port, protocol) => {
      const found = entries.find(entry => entry.port === port && entry.protocol === protocol)
      return found?.names[0] ?? String(port)
    },
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
