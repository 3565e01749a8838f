/**
 * Names of ports and hosts for ipvsadm, from the system: /etc/services, and reverse look-ups for a
 * listing without -n.
 */
import { readFileSync } from 'node:fs'
import type { Protocol } from '../model/service.ts'
import type { Names } from './listing.ts'

const SERVICES = '/etc/services'

interface Entry {
  names: string[]
  port: number
  protocol: string
}

/** The port of a service name: getservbyname(3). */
export function portOf(name: string, protocol: Protocol): number | undefined {
  return readServices().find(entry => entry.protocol === protocol && entry.names.includes(name))
    ?.port
}

/** Names for those addresses, looked up beforehand; what has none stays a number. */
export async function lookUp(addresses: Iterable<string>): Promise<Names> {
  const { lookupService } = process.getBuiltinModule('node:dns/promises')
  const hosts = new Map<string, string>()
  const lookUpOne = async (address: string): Promise<void> => {
    const found = await lookupService(address, 0).catch(() => undefined)
    if (found) hosts.set(address, found.hostname)
  }
  await Promise.all([...new Set(addresses)].map(lookUpOne))
  const entries = readServices()
  return {
    host: address => hosts.get(address) ?? address,
    port: (port, protocol) => {
      const found = entries.find(entry => entry.port === port && entry.protocol === protocol)
      return found?.names[0] ?? String(port)
    },
  }
}

function readServices(): Entry[] {
  return readText()
    .split('\n')
    .map(line => line.replace(/#.*/, '').trim().split(/\s+/))
    .flatMap(([name, where, ...aliases]) => {
      const [port, protocol] = where?.split('/') ?? []
      if (name === undefined || port === undefined || protocol === undefined) return []
      return [{ names: [name, ...aliases], port: Number(port), protocol }]
    })
}

/** A system without the file has no names. */
function readText(): string {
  try {
    return readFileSync(SERVICES, 'utf8')
  } catch {
    return ''
  }
}
