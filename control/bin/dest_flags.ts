/**
 * The flags that describe a dest, shared by `dest add` and `dest set`.
 */
import * as Flags from '@oclif/core/flags'
import { parseDestName, parseWeight } from '../config/name.ts'
import {
  destName,
  FORWARDING_METHODS,
  portOfService,
  serviceName,
  type Dest,
  type DestId,
  type ForwardingMethod,
  type ServiceId,
  type ServiceView,
} from '../model/service.ts'

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
}

interface FwdFlags {
  nat: boolean
  dr: boolean
  tun: boolean
}

/** The forwarding method that the flags name, undefined when none does. */
export function fwdOf(flags: FwdFlags): ForwardingMethod | undefined {
  return FORWARDING_METHODS.find(fwd => flags[fwd])
}

/** A dest as it is now, undefined when there is none. */
export function findDest(
  services: readonly ServiceView[],
  service: ServiceId,
  dest: DestId,
): Dest | undefined {
  const found = services.find(known => serviceName(known) === serviceName(service))
  return found?.dests.find(known => destName(known) === destName(dest))
}

/** The dest of a service that a word and flags mean. */
export function readDest(
  service: ServiceId,
  word: string,
  flags: FwdFlags & { weight?: string | undefined },
): Dest {
  const id = parseDestName(word, portOfService(service))
  return { ...id, fwd: fwdOf(flags) ?? 'nat', weight: parseWeight(flags.weight ?? '1') }
}
