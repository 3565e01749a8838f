/** `xlvs dest set`. */
import { destArg, serviceArg, type Example, XlvsCommand } from '../../bin/command.ts'
import { DEST_FLAGS, readDest } from '../../bin/dest_flags.ts'
import { destName, serviceName } from '../../model/service.ts'

export default class DestSet extends XlvsCommand {
  static override summary =
    'Change the settings of a dest; what is not given returns to its default.'
  static override description = 'Settings are replaced as a whole.'
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
    const { service, dest } = readDest(args, flags)
    await this.ask(flags, director => director.setDest(service, dest))
    this.print(
      flags,
      { service, dest },
      () => `dest ${destName(dest)} of ${serviceName(service)} changed\n`,
    )
  }
}
