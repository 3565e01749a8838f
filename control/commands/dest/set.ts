/** `xlvs dest set`. */
import { destArg, type Example, XlvsCommand } from '../../bin/command.ts'
import { DEST_FLAGS, findDest, NEW_DEST, readDest } from '../../bin/dest_flags.ts'
import { findService, serviceArg } from '../../bin/service_arg.ts'
import { parseDestName } from '../../config/name.ts'
import { destName, portOfService, serviceName } from '../../model/service.ts'

export default class DestSet extends XlvsCommand {
  static override summary = 'Change the settings of a dest; what is not given stays as it is.'
  static override args = { service: serviceArg, dest: destArg }
  static override flags = DEST_FLAGS
  static override examples: Example[] = [
    {
      description: 'Quiesce a server: no new connections, the old ones stay.',
      command: 'xlvs dest set tcp:192.0.2.2:80 10.0.0.2:80 --weight 0',
    },
    {
      description: 'Give it twice the share.',
      command: 'xlvs dest set tcp:192.0.2.2:80 10.0.0.2:80 --weight 2',
    },
  ]

  async run(): Promise<void> {
    const { args, flags } = await this.parse(DestSet)
    this.needOneOf(flags, DEST_FLAGS)
    const { service, dest, warnings } = await this.ask(flags, async director => {
      const service = await findService(director, args.service)
      const id = parseDestName(args.dest, portOfService(service))
      const now = findDest(await director.services(), service, id) ?? NEW_DEST
      const dest = { ...id, ...readDest(flags, now) }
      return { service, dest, warnings: await director.setDest(service, dest) }
    })
    const text = `dest ${destName(dest)} of ${serviceName(service)} changed\n`
    this.printDone(flags, { service, dest }, text, warnings)
  }
}
