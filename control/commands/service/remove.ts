/** `xlvs service remove`. */
import { serviceArg, type Example, XlvsCommand } from '../../bin/command.ts'
import { parseServiceName } from '../../config/name.ts'
import { serviceName } from '../../model/service.ts'

export default class ServiceRemove extends XlvsCommand {
  static override summary = 'Remove a service and its dests.'
  static override args = { service: serviceArg }
  static override examples: Example[] = [
    {
      description: 'Balance that address and port no more.',
      command: 'xlvs service remove tcp:192.0.2.2:80',
    },
    {
      description: 'Do so, and say so in JSON.',
      command: 'xlvs service remove tcp:192.0.2.2:80 --json',
    },
  ]

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ServiceRemove)
    const id = parseServiceName(args.service)
    const warnings = await this.ask(flags, director => director.removeService(id))
    this.printDone(flags, { removed: id }, `service ${serviceName(id)} removed\n`, warnings)
  }
}
