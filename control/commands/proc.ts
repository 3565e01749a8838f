/** `xlvs proc NAME`. */
import * as Args from '@oclif/core/args'
import { type Example, XlvsCommand } from '../bin/command.ts'
import { PROC_NAMES } from '../ipvs/proc.ts'
import { procText } from '../ipvs/proc_files.ts'

export default class Proc extends XlvsCommand {
  static override summary = "Print a file of the kernel's IPVS in /proc/net, as it would be."
  static override description =
    'For programs that read /proc/net/ip_vs and its like: the same text, byte for byte.'
  static override args = {
    name: Args.string({
      description: 'name of the file',
      options: PROC_NAMES,
      required: true,
      ignoreStdin: true,
    }),
  }
  static override examples: Example[] = [
    { description: 'Print services and dests as the kernel does.', command: 'xlvs proc ip_vs' },
    {
      description: 'See what each CPU has counted, in hexadecimal.',
      command: 'xlvs proc ip_vs_stats_percpu',
    },
  ]

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Proc)
    const name = PROC_NAMES.find(known => known === args.name) ?? 'ip_vs'
    const text = await this.ask(flags, director => procText(name, director))
    this.print(flags, { name, text }, () => text)
  }
}
