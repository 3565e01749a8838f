/**
 * The flags that describe a dest, shared by `dest add` and `dest set`; the words are those of
 * lvs.yaml. Read next: ../config/field.ts (the values).
 */
import * as Flags from '@oclif/core/flags'
import {
  parseThreshold,
  parseTunnelChecksum,
  parsePort,
  parseTunnelType,
  tunnelOf,
} from '../config/field.ts'
import { parseWeight } from '../config/name.ts'
import {
  destName,
  FORWARDING_METHODS,
  serviceName,
  withoutUndefined,
  type Dest,
  type DestId,
  type DestSettings,
  type ForwardingMethod,
  type ServiceId,
  type ServiceView,
  type TunnelOptions,
} from '../model/service.ts'
import { changed } from './service_flags.ts'

export const DEST_FLAGS = {
  nat: Flags.boolean({
    description: 'rewrite addresses and ports both ways; replies come back here (default)',
    exclusive: ['dr', 'tun'],
  }),
  dr: Flags.boolean({
    description: 'direct routing: only the MAC changes; replies go straight to the client',
    exclusive: ['nat', 'tun'],
  }),
  tun: Flags.boolean({
    description: 'tunnel: the packet travels inside another; replies go straight to the client',
    exclusive: ['nat', 'dr'],
  }),
  weight: Flags.string({
    char: 'w',
    description: 'share of new connections, 0 to 2147483647, at first 1; 0: none, connections stay',
    helpValue: 'NUMBER',
  }),
  upper: Flags.string({
    char: 'x',
    description: 'connections with which it gets no new ones, 1 to 2147483647, or none',
    helpValue: 'NUMBER',
  }),
  lower: Flags.string({
    char: 'y',
    description: 'below so many it gets new ones again, 1 to upper; none: 3/4 of upper',
    helpValue: 'NUMBER',
  }),
  tunnel: Flags.string({
    description: 'how packets travel with tun: ipip (at first), gue, or gre',
    helpValue: 'TYPE',
  }),
  'tunnel-port': Flags.string({
    description: 'UDP port of the server, 1 to 65535, of gue only, which needs it',
    helpValue: 'NUMBER',
  }),
  'tunnel-checksum': Flags.string({
    description: 'of the outer packet, of gue and gre: none (at first), csum; of gue also remcsum',
    helpValue: 'KIND',
  }),
}

interface Given {
  nat: boolean
  dr: boolean
  tun: boolean
  weight: string | undefined
  upper: string | undefined
  lower: string | undefined
  tunnel: string | undefined
  'tunnel-port': string | undefined
  'tunnel-checksum': string | undefined
}

/** What a dest is that nothing is said of. */
export const NEW_DEST: DestSettings = { fwd: 'nat', weight: 1 }

/** A dest as it is now, undefined when there is none. */
export function findDest(
  services: readonly ServiceView[],
  service: ServiceId,
  dest: DestId,
): Dest | undefined {
  const found = services.find(known => serviceName(known) === serviceName(service))
  return found?.dests.find(known => destName(known) === destName(dest))
}

/**
 * The settings that flags make of those there are; what is not given stays, save what has no
 * meaning any more: a lower threshold without an upper one, and options of another tunnel.
 * @throws what config/field.ts and config/name.ts throw
 */
export function readDest(flags: Given, now: DestSettings): DestSettings {
  const fwd: ForwardingMethod = FORWARDING_METHODS.find(fwd => flags[fwd]) ?? now.fwd
  const upper = changed(flags.upper, text => parseThreshold('upper', text), now.upper)
  const lowerNow = upper === undefined ? undefined : now.lower
  return withoutUndefined<DestSettings>({
    fwd,
    weight: flags.weight === undefined ? now.weight : parseWeight(flags.weight),
    upper,
    lower: changed(flags.lower, text => parseThreshold('lower', text), lowerNow),
    tunnel: readTunnel(flags, fwd === 'tun' ? now.tunnel : undefined),
  })
}

/** @throws BAD_TUNNEL, BAD_PORT */
function readTunnel(flags: Given, now: TunnelOptions | undefined): TunnelOptions | undefined {
  const { tunnel, 'tunnel-port': port, 'tunnel-checksum': checksum } = flags
  const type = tunnel === undefined ? now?.type : parseTunnelType(tunnel)
  const kept = type === now?.type ? now : undefined
  return tunnelOf({
    type,
    port: port === undefined ? kept?.port : parsePort(port),
    checksum: checksum === undefined ? kept?.checksum : parseTunnelChecksum(checksum),
  })
}
