/** `xlvs attach IFACE..`. */
import * as Args from '@oclif/core/args'
import * as Flags from '@oclif/core/flags'
import { type Example, XlvsCommand } from '../bin/command.ts'
import { parseInterface } from '../config/name.ts'
import { warningsText } from '../output/warning.ts'

export default class Attach extends XlvsCommand {
  static override summary = 'Attach the XDP program to interfaces, so that they balance.'
  static override description =
    'All of them, or none where one is refused. XDP comes before the INPUT firewall: rules there ' +
    'no longer see packets of the services.'
  static override strict = false
  static override args = {
    interface: Args.string({
      description: 'interface, or several',
      required: true,
      ignoreStdin: true,
    }),
  }
  static override flags = {
    generic: Flags.boolean({
      description:
        'run XDP in the network stack, not in the driver: slow, works everywhere; default native',
      default: false,
    }),
  }
  static override examples: Example[] = [
    { description: 'Balance what arrives on eth0 and eth1.', command: 'xlvs attach eth0 eth1' },
    { description: 'Do so without help of the driver.', command: 'xlvs attach eth0 --generic' },
  ]

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(Attach)
    const names = [...new Set(argv.map(word => parseInterface(String(word))))]
    const mode = flags.generic ? 'generic' : 'native'
    const warnings = await this.ask(flags, async director => {
      const remarks = await director.attach(names, mode)
      return [...remarks, ...(await director.warnings())]
    })
    this.print(
      flags,
      { attached: names, mode, warnings },
      style => `attached ${names.join(', ')} (${mode})\n${warningsText(warnings, style)}`,
    )
  }
}
