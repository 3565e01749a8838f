/** `xlvs sync show`. */
import { type Example, XlvsCommand } from '../../bin/command.ts'
import { daemonsText } from '../../output/sync.ts'

export default class SyncShow extends XlvsCommand {
  static override summary = 'Show the sync daemons that run.'
  static override examples: Example[] = [
    { description: 'See them in a table.', command: 'xlvs sync show' },
    { description: 'Hand them to a program.', command: 'xlvs sync show --json' },
  ]

  async run(): Promise<void> {
    const { flags } = await this.parse(SyncShow)
    const daemons = await this.ask(flags, director => director.daemons())
    this.print(flags, { daemons }, style => daemonsText(daemons, style))
  }
}
