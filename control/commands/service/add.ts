/** `xlvs service add`. */
import * as Flags from '@oclif/core/flags'
import { type Example, XlvsCommand } from '../../bin/command.ts'
import { newServiceArg } from '../../bin/service_arg.ts'
import { nameFlag, readName } from '../../bin/service_flags.ts'
import { parseScheduler, parseServiceName } from '../../config/name.ts'
import { SCHEDULERS, serviceName } from '../../model/service.ts'

export default class ServiceAdd extends XlvsCommand {
  static override summary = 'Add a service.'
  static override args = { service: newServiceArg }
  static override flags = {
    scheduler: Flags.string({
      char: 's',
      description: `who gets the next connection: ${SCHEDULERS.join(', ')}`,
      default: 'wlc',
      helpValue: 'NAME',
    }),
    name: nameFlag,
  }
  static override examples: Example[] = [
    {
      description: 'Balance HTTP round robin.',
      command: 'xlvs service add tcp:192.0.2.1:80 --scheduler rr',
    },
    {
      description: 'Balance DNS over UDP.',
      command: 'xlvs service add udp:192.0.2.1:53 --scheduler rr',
    },
  ]

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ServiceAdd)
    const id = parseServiceName(args.service)
    const service = { ...id, scheduler: parseScheduler(flags.scheduler), ...readName(flags.name) }
    await this.ask(flags, director => director.addService(service))
    this.print(flags, { service }, () => `service ${serviceName(service)} added\n`)
  }
}
