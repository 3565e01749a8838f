/**
 * The flags that describe a dest, shared by `dest add` and `dest set`.
 */
import * as Flags from '@oclif/core/flags'
import { parseDestName, parseServiceName, parseWeight } from '../config/name.ts'
import type { Dest, ServiceId } from '../model/service.ts'

export const DEST_FLAGS = {
  nat: Flags.boolean({
    description: 'rewrite addresses and ports both ways; replies come back here (default)',
    exclusive: ['dr'],
  }),
  dr: Flags.boolean({
    description: 'direct routing: only the MAC changes; replies go straight to the client',
    exclusive: ['nat'],
  }),
  weight: Flags.string({
    char: 'w',
    description: 'share of new connections, 0 to 65535; 0: none, connections stay',
    default: '1',
    helpValue: 'NUMBER',
  }),
}

/** Service and dest that the arguments and flags of a command mean. */
export function readDest(
  args: { service: string; dest: string },
  flags: { dr: boolean; weight: string },
): { service: ServiceId; dest: Dest } {
  const service = parseServiceName(args.service)
  const id = parseDestName(args.dest, service.port)
  const fwd = flags.dr ? 'dr' : 'nat'
  return { service, dest: { ...id, fwd, weight: parseWeight(flags.weight) } }
}
