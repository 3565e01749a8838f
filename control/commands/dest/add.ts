/** `xlvs dest add`. */
import { destArg, type Example, XlvsCommand } from '../../bin/command.ts'
import { DEST_FLAGS, NEW_DEST, readDest } from '../../bin/dest_flags.ts'
import { findService, serviceArg } from '../../bin/service_arg.ts'
import { parseDestName } from '../../config/name.ts'
import { destName, portOfService, serviceName } from '../../model/service.ts'

export default class DestAdd extends XlvsCommand {
  static override summary = 'Add a dest to a service.'
  static override description =
    'Without --nat, --dr or --tun it is nat, which asks nothing of the server but its route ' +
    'back. (The ipvsadm spelling keeps its own default, dr.)'
  static override args = { service: serviceArg, dest: destArg }
  static override flags = DEST_FLAGS
  static override examples: Example[] = [
    {
      description: 'Send a share of the connections to port 8080 of a server.',
      command: 'xlvs dest add tcp:192.0.2.2:80 10.0.0.3:8080 --nat --weight 1',
    },
    {
      description: 'Let a server that has the VIP on lo answer the clients itself.',
      command: 'xlvs dest add tcp:192.0.2.2:80 10.0.0.4 --dr',
    },
    {
      description: 'Give it no new connections while it has a thousand.',
      command: 'xlvs dest add tcp:192.0.2.2:80 10.0.0.5 --upper 1000 --lower 900',
    },
  ]

  async run(): Promise<void> {
    const { args, flags } = await this.parse(DestAdd)
    const { service, dest, warnings } = await this.ask(flags, async director => {
      const service = await findService(director, args.service)
      const id = parseDestName(args.dest, portOfService(service))
      const dest = { ...id, ...readDest(flags, NEW_DEST) }
      return { service, dest, warnings: await director.addDest(service, dest) }
    })
    const text = `dest ${destName(dest)} of ${serviceName(service)} added\n`
    this.printDone(flags, { service, dest }, text, warnings)
  }
}
