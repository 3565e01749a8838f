/** `xlvs zero [SERVICE]`. */
import * as Args from '@oclif/core/args'
import { type Example, XlvsCommand } from '../bin/command.ts'
import { findService } from '../bin/service_arg.ts'
import { serviceName } from '../model/service.ts'

export default class Zero extends XlvsCommand {
  static override summary = 'Set the counters and rates of a service, or of all, to zero.'
  static override description =
    "With a service, its dests' too; without one, the total as well. Reasons are never set to zero."
  static override args = {
    service: Args.string({
      description: 'service as protocol:address:port, or its name; all when it is left out',
      ignoreStdin: true,
    }),
  }
  static override examples: Example[] = [
    { description: 'Begin to count anew everywhere.', command: 'xlvs zero' },
    {
      description: 'Begin to count one service and its dests anew.',
      command: 'xlvs zero tcp:192.0.2.2:80',
    },
  ]

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Zero)
    const service = await this.ask(flags, async director => {
      const service =
        args.service === undefined ? undefined : await findService(director, args.service)
      await director.zero(service)
      return service
    })
    const what = service ? serviceName(service) : 'all services'
    this.print(flags, { zeroed: service ?? 'all' }, () => `counters of ${what} are zero\n`)
  }
}
