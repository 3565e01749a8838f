/** `xlvs service set`. */
import { type Example, XlvsCommand } from '../../bin/command.ts'
import { findService, serviceArg, settingsNow } from '../../bin/service_arg.ts'
import { readService, schedulerFlag, SERVICE_FLAGS } from '../../bin/service_flags.ts'
import { serviceName } from '../../model/service.ts'

export default class ServiceSet extends XlvsCommand {
  static override summary =
    'Change settings of a service; connections stay, and so does what is not given.'
  static override args = { service: serviceArg }
  static override flags = { scheduler: schedulerFlag, ...SERVICE_FLAGS }
  static override examples: Example[] = [
    {
      description: 'Choose another scheduler.',
      command: 'xlvs service set tcp:192.0.2.2:80 --scheduler rr',
    },
    {
      description: 'Let its clients be persistent no more.',
      command: 'xlvs service set tcp:192.0.2.2:80 --persistent none',
    },
  ]

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ServiceSet)
    this.needOneOf(flags, ServiceSet.flags)
    const { service, warnings } = await this.ask(flags, async director => {
      const id = await findService(director, args.service)
      const now = await settingsNow(director, id)
      const service = { ...id, ...readService(flags, id, now) }
      return { service, warnings: await director.setService(service) }
    })
    this.printDone(flags, { service }, `service ${serviceName(service)} changed\n`, warnings)
  }
}
