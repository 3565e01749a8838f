/** `xlvs service set`. */
import * as Flags from '@oclif/core/flags'
import { type Example, XlvsCommand } from '../../bin/command.ts'
import { findService, serviceArg } from '../../bin/service_arg.ts'
import { nameFlag, readName } from '../../bin/service_flags.ts'
import { parseScheduler } from '../../config/name.ts'
import { SCHEDULERS, serviceName } from '../../model/service.ts'

export default class ServiceSet extends XlvsCommand {
  static override summary = 'Change the settings of a service; connections stay.'
  static override args = { service: serviceArg }
  static override flags = {
    scheduler: Flags.string({
      char: 's',
      description: `who gets the next connection: ${SCHEDULERS.join(', ')}`,
      required: true,
      helpValue: 'NAME',
    }),
    name: nameFlag,
  }
  static override examples: Example[] = [
    {
      description: 'Choose another scheduler.',
      command: 'xlvs service set tcp:192.0.2.2:80 --scheduler rr',
    },
    {
      description: 'Do so, and say so in JSON.',
      command: 'xlvs service set tcp:192.0.2.2:80 -s rr --json',
    },
  ]

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ServiceSet)
    const settings = { scheduler: parseScheduler(flags.scheduler), ...readName(flags.name) }
    const { service, warnings } = await this.ask(flags, async director => {
      const service = { ...(await findService(director, args.service)), ...settings }
      return { service, warnings: await director.setService(service) }
    })
    this.printDone(flags, { service }, `service ${serviceName(service)} changed\n`, warnings)
  }
}
