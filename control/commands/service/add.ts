/** `xlvs service add`. */
import { type Example, XlvsCommand } from '../../bin/command.ts'
import { newServiceArg } from '../../bin/service_arg.ts'
import { newSchedulerFlag, readService, SERVICE_FLAGS } from '../../bin/service_flags.ts'
import { parseServiceName } from '../../config/name.ts'
import { serviceName } from '../../model/service.ts'

export default class ServiceAdd extends XlvsCommand {
  static override summary = 'Add a service.'
  static override args = { service: newServiceArg }
  static override flags = { scheduler: newSchedulerFlag, ...SERVICE_FLAGS }
  static override examples: Example[] = [
    {
      description: 'Balance HTTP round robin.',
      command: 'xlvs service add tcp:192.0.2.1:80 --scheduler rr',
    },
    {
      description: 'Balance DNS over UDP.',
      command: 'xlvs service add udp:192.0.2.1:53 --scheduler rr',
    },
    {
      description: 'Keep clients of one network with one server for ten minutes.',
      command: 'xlvs service add tcp:192.0.2.1:443 --persistent 600 --netmask 255.255.255.0',
    },
  ]

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ServiceAdd)
    const id = parseServiceName(args.service)
    const service = { ...id, ...readService(flags, id, { scheduler: 'wlc' }) }
    const warnings = await this.ask(flags, director => director.addService(service))
    this.printDone(flags, { service }, `service ${serviceName(service)} added\n`, warnings)
  }
}
