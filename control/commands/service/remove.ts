/** `xlvs service remove`. */
import { type Example, XlvsCommand } from '../../bin/command.ts'
import { findService, serviceArg } from '../../bin/service_arg.ts'
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
    const { id, warnings } = await this.ask(flags, async director => {
      const id = await findService(director, args.service)
      return { id, warnings: await director.removeService(id) }
    })
    this.printRemoved(flags, { removed: id }, `service ${serviceName(id)} removed\n`, warnings)
  }
}
