/** `xlvs mark list`. */
import { type Example, XlvsCommand } from '../../bin/command.ts'
import { marksText } from '../../output/marks.ts'

export default class MarkList extends XlvsCommand {
  static override summary = 'List the rules that give packets a mark, in their order.'
  static override examples: Example[] = [
    { description: 'See them in a table.', command: 'xlvs mark list' },
    { description: 'Hand them to a program.', command: 'xlvs mark list --json' },
  ]

  async run(): Promise<void> {
    const { flags } = await this.parse(MarkList)
    const marks = await this.ask(flags, director => director.marks())
    this.print(flags, { marks }, () => marksText(marks))
  }
}
