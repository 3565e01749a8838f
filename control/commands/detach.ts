/** `xlvs detach IFACE..`. */
import * as Args from '@oclif/core/args'
import { type Example, XlvsCommand } from '../bin/command.ts'
import { parseInterface } from '../config/name.ts'

export default class Detach extends XlvsCommand {
  static override summary = 'Detach the XDP program from interfaces; they balance no more.'
  static override strict = false
  static override args = {
    interface: Args.string({
      description: 'interface, or several',
      required: true,
      ignoreStdin: true,
    }),
  }
  static override examples: Example[] = [
    { description: 'Stop balancing on eth0.', command: 'xlvs detach eth0' },
    { description: 'Stop on two, and say so in JSON.', command: 'xlvs detach eth0 eth1 --json' },
  ]

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(Detach)
    const names = argv.map(word => parseInterface(String(word)))
    const warnings = await this.ask(flags, async director => {
      const attached = (await director.interfaces()).map(({ name }) => name)
      // One that cannot be detached first: then it is refused before anything is done.
      const unknown = names.filter(name => !attached.includes(name))
      const warnings = []
      for (const name of new Set([...unknown, ...names]))
        warnings.push(...(await director.detach(name)))
      return warnings
    })
    this.printRemoved(flags, { detached: names }, `detached ${names.join(', ')}\n`, warnings)
  }
}
