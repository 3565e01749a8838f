/** `xlvs dest remove`. */
import { destArg, type Example, XlvsCommand } from '../../bin/command.ts'
import { findService, serviceArg } from '../../bin/service_arg.ts'
import { parseDestName } from '../../config/name.ts'
import { destName, portOfService, serviceName } from '../../model/service.ts'

export default class DestRemove extends XlvsCommand {
  static override summary = 'Remove a dest from a service.'
  static override args = { service: serviceArg, dest: destArg }
  static override examples: Example[] = [
    {
      description: 'Take a server out.',
      command: 'xlvs dest remove tcp:192.0.2.2:80 10.0.0.2:80',
    },
    {
      description: 'The port may be left out when it is the one of the service.',
      command: 'xlvs dest remove tcp:192.0.2.2:80 10.0.0.2',
    },
  ]

  async run(): Promise<void> {
    const { args, flags } = await this.parse(DestRemove)
    const { service, dest, warnings } = await this.ask(flags, async director => {
      const service = await findService(director, args.service)
      const dest = parseDestName(args.dest, portOfService(service))
      return { service, dest, warnings: await director.removeDest(service, dest) }
    })
    const text = `dest ${destName(dest)} of ${serviceName(service)} removed\n`
    this.printRemoved(flags, { service, removed: dest }, text, warnings)
  }
}
