/** `xlvs sync stop`. */
import { type Example, XlvsCommand } from '../../bin/command.ts'
import { roleArg } from '../../bin/sync_flags.ts'
import { parseSyncRole } from '../../config/field.ts'

export default class SyncStop extends XlvsCommand {
  static override summary = 'Stop a sync daemon.'
  static override args = { role: roleArg }
  static override examples: Example[] = [
    {
      description: 'Tell other directors of connections no more.',
      command: 'xlvs sync stop master',
    },
    { description: 'Do so, and say so in JSON.', command: 'xlvs sync stop master --json' },
  ]

  async run(): Promise<void> {
    const { args, flags } = await this.parse(SyncStop)
    const role = parseSyncRole(args.role)
    const warnings = await this.ask(flags, director => director.stopDaemon(role))
    this.printRemoved(flags, { stopped: role }, `${role} sync daemon stopped\n`, warnings)
  }
}
