/**
 * What the demo's director balances, and its configuration file. Pure. Read next: story.ts.
 */
import { destName, serviceName, type AddressServiceId } from '../../control/model/service.ts'
import { destOf, type Method, METHODS, METHODS6, SERVICES, TUNNELS } from '../support/lab.ts'
import type { LabServer } from '../support/lab_network.ts'

/** A service: how its dests get the packets, and what they serve. */
export interface Offer {
  method: Method
  kind: 'http' | 'udp'
}

const [FOUR_IN_FOUR, SIX_IN_SIX, FOUR_IN_SIX, SIX_IN_FOUR] = TUNNELS
/** NAT and DR in both families, tunnels in every pair of them. */
export const OFFERS: Offer[] = [
  ...[...METHODS, ...METHODS6].flatMap(method =>
    (['http', 'udp'] as const).map(kind => ({ method, kind })),
  ),
  { method: FOUR_IN_FOUR, kind: 'http' },
  { method: SIX_IN_SIX, kind: 'http' },
  { method: FOUR_IN_SIX, kind: 'udp' },
  { method: SIX_IN_FOUR, kind: 'udp' },
]

export function serviceOf({ method, kind }: Offer): AddressServiceId {
  return { ...SERVICES[kind], address: method.vip }
}

/** `4` to dests of the same family; `4-in-6`: clients' family in the tunnel's. */
export function familiesOf({ method }: Offer): string {
  const client = method.vip.includes(':') ? 6 : 4
  return method.fwd === 'tun' ? `IPv${client} in IPv${method.family}` : `IPv${client}`
}

/** lvs.yaml; of the server that is quiesced, every dest has weight 0. */
export function configuration(servers: readonly LabServer[], quiesced?: LabServer): string {
  const services = OFFERS.flatMap(offer => [
    `  ${serviceName(serviceOf(offer)).replace(':', ' ')}:`,
    '    scheduler: rr',
    '    dests:',
    ...servers.map(server => {
      const dest = destName(destOf(offer.method, offer.kind, server))
      return `      - ${offer.method.fwd} ${dest} weight ${server === quiesced ? 0 : 1}`
    }),
  ])
  return `interfaces: [c0, r0]\nservices:\n${services.join('\n')}\n`
}
