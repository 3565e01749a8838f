/** `xlvs decap IFACE`: for servers; it needs no daemon. Read next: ../dataplane/decap.ts. */
import * as Args from '@oclif/core/args'
import * as Flags from '@oclif/core/flags'
import { type Example, XlvsCommand } from '../bin/command.ts'
import { parseInterface } from '../config/name.ts'
import { BPFFS_DEFAULT } from '../daemon/options.ts'
import { XlvsError } from '../errors.ts'
import { decapText } from '../output/decap.ts'
import { warningsText } from '../output/warning.ts'

export default class Decap extends XlvsCommand {
  static override summary = 'On a server: take tunnel headers off what a director sends.'
  static override description =
    'Packets of IP in IP for an address of this host lose their outer header on the way in, so ' +
    'that a socket on the virtual address answers. No daemon is needed. It lasts until --off or ' +
    'a restart of the machine; run it again when addresses have changed.'
  static override args = {
    interface: Args.string({
      description: 'interface that packets of the director come in by',
      ignoreStdin: true,
    }),
  }
  static override flags = {
    off: Flags.boolean({ description: 'stop it', exclusive: ['list', 'generic'] }),
    list: Flags.boolean({ description: 'show where it is on, and what became of packets' }),
    generic: Flags.boolean({
      description:
        'run XDP in the network stack, not in the driver: slow, works everywhere; default native',
      exclusive: ['list'],
    }),
    bpffs: Flags.string({
      description: 'folder of the pins, in a mounted bpffs',
      default: BPFFS_DEFAULT,
      helpValue: 'FOLDER',
    }),
  }
  static override examples: Example[] = [
    { description: 'Serve what a director sends by eth0.', command: 'xlvs decap eth0' },
    { description: 'See what has been decapsulated.', command: 'xlvs decap --list' },
    { description: 'Stop it.', command: 'xlvs decap --off eth0' },
  ]

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Decap)
    const { listDecap, refuseServer, startDecap, stopDecap } = await import('../dataplane/decap.ts')
    refuseServer()
    if (flags.list) {
      const interfaces = listDecap(flags.bpffs)
      this.print(flags, { interfaces }, () => decapText(interfaces))
      return
    }
    const name = named(args.interface)
    if (flags.off) {
      stopDecap(flags.bpffs, name)
      this.print(flags, { stopped: name }, () => `${name} decapsulates no more\n`)
      return
    }
    const warnings = startDecap(flags.bpffs, name, flags.generic ? 'generic' : 'native')
    const interfaces = listDecap(flags.bpffs).filter(i => i.name === name)
    this.print(
      flags,
      { interfaces, warnings },
      style => decapText(interfaces) + warningsText(warnings, style),
    )
  }
}

function named(word: string | undefined): string {
  if (word !== undefined) return parseInterface(word)
  throw new XlvsError(
    'BAD_USAGE',
    'xlvs decap takes the interface that packets of the director come in by',
    'name it, as in xlvs decap eth0, or see xlvs decap --list',
  )
}
