/** `xlvs sync start`. */
import { type Example, XlvsCommand } from '../../bin/command.ts'
import { interfaceArg, readSync, roleArg, SYNC_FLAGS } from '../../bin/sync_flags.ts'
import { parseSyncRole } from '../../config/field.ts'
import { parseInterface } from '../../config/name.ts'

export default class SyncStart extends XlvsCommand {
  static override summary = 'Start a sync daemon, by which directors share their connections.'
  static override description =
    'A master sends what connections there are; a backup takes it in. Both may run, one of each.'
  static override args = { role: roleArg, interface: interfaceArg }
  static override flags = SYNC_FLAGS
  static override examples: Example[] = [
    {
      description: 'Tell other directors on that network of connections.',
      command: 'xlvs sync start master eth0 --sync-id 1',
    },
    { description: 'Take in what they tell.', command: 'xlvs sync start backup eth0 --sync-id 1' },
  ]

  async run(): Promise<void> {
    const { args, flags } = await this.parse(SyncStart)
    const role = parseSyncRole(args.role)
    const wish = { interface: parseInterface(args.interface), ...readSync(flags) }
    const [warnings, daemon] = await this.ask(flags, async director => {
      const heard = await director.startDaemon(role, wish)
      return [heard, (await director.daemons()).find(known => known.role === role)] as const
    })
    const text = `${role} sync daemon started on ${wish.interface}\n`
    this.printDone(flags, { daemon }, text, warnings)
  }
}
