/** `xlvs conns`. */
import { type Example, XlvsCommand } from '../bin/command.ts'
import { connsText } from '../output/conns.ts'

export default class Conns extends XlvsCommand {
  static override summary = 'List the connections.'
  static override examples: Example[] = [
    { description: 'See who is connected to what.', command: 'xlvs conns' },
    { description: 'Hand the list to a program.', command: 'xlvs conns --json' },
  ]

  async run(): Promise<void> {
    const { flags } = await this.parse(Conns)
    const conns = await this.ask(flags, director => director.conns())
    this.print(flags, { conns }, () => connsText(conns))
  }
}
