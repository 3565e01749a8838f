/** `xlvs daemon`: the daemon itself, in the foreground. */
import * as Flags from '@oclif/core/flags'
import { type Example, XlvsCommand } from '../bin/command.ts'
import {
  BPFFS_DEFAULT,
  CONNECTIONS6_DEFAULT,
  CONNECTIONS_DEFAULT,
  LOG_LEVELS,
  STATE_DEFAULT,
  type DaemonOptions,
} from '../daemon/options.ts'
import { XlvsError } from '../errors.ts'

export default class Daemon extends XlvsCommand {
  static override summary = 'Run the daemon in the foreground.'
  static override description =
    'It adopts what an earlier daemon left running. SIGTERM stops it and leaves packets flowing.'
  static override flags = {
    bpffs: Flags.string({
      description: 'folder of the pinned maps, in a mounted bpffs',
      default: BPFFS_DEFAULT,
      helpValue: 'FOLDER',
    }),
    state: Flags.string({
      description: 'folder of the journal',
      default: STATE_DEFAULT,
      helpValue: 'FOLDER',
    }),
    connections: Flags.string({
      description: 'slots for IPv4 connections, 32 bytes each; a NAT connection takes two',
      default: String(CONNECTIONS_DEFAULT),
      helpValue: 'NUMBER',
    }),
    connections6: Flags.string({
      description: 'slots for IPv6 connections, 64 bytes each',
      default: String(CONNECTIONS6_DEFAULT),
      helpValue: 'NUMBER',
    }),
    'log-level': Flags.option({ options: LOG_LEVELS, default: 'info' })({
      description: 'least important line to log',
      helpValue: 'LEVEL',
    }),
    interface: Flags.string({
      char: 'i',
      multiple: true,
      multipleNonGreedy: true,
      description: 'interface to attach at start, native mode; may be repeated; default none',
      helpValue: 'IFACE',
    }),
  }
  static override examples: Example[] = [
    { description: 'Run with the usual folders.', command: 'xlvs daemon' },
    {
      description: 'Balance on eth0 from the start.',
      command: 'xlvs daemon --interface eth0 --log-level warn',
    },
  ]

  async run(): Promise<void> {
    const { flags, metadata } = await this.parse(Daemon)
    const isAsked = (flag: string): boolean => metadata.flags[flag]?.setFromDefault !== true
    const options: DaemonOptions = {
      socket: flags.socket,
      bpffs: flags.bpffs,
      state: flags.state,
      connections: parseSlots('connections', flags.connections),
      connections6: parseSlots('connections6', flags.connections6),
      asked: (['connections', 'connections6'] as const).filter(isAsked),
      logLevel: flags['log-level'],
      ...(flags.interface ? { interfaces: flags.interface } : {}),
    }
    const { runDaemon } = await import('../daemon/main.ts')
    await runDaemon(options)
  }
}

/** Fewest slots that make sense; the most: 4 GiB of them, beyond what a director needs. */
const SLOTS_MIN = 1024
const SLOTS_MAX = 1 << 27

function parseSlots(flag: string, text: string): number {
  const slots = Number(text)
  if (/^[0-9]+$/.test(text) && slots >= SLOTS_MIN && slots <= SLOTS_MAX) return slots
  throw new XlvsError(
    'BAD_USAGE',
    `--${flag} ${text} is out of range: expected ${SLOTS_MIN} to ${SLOTS_MAX} slots`,
    'leave it out for the default; a power of two that is twice the connections fits',
  )
}
