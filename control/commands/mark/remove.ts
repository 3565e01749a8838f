/** `xlvs mark remove`. */
import { type Example, XlvsCommand } from '../../bin/command.ts'
import { ruleArg, ruleLine } from '../../bin/mark_words.ts'
import { parseMarkMatch } from '../../config/mark_line.ts'
import { markMatchText } from '../../model/mark.ts'

export default class MarkRemove extends XlvsCommand {
  static override summary = 'Remove a rule that gives packets a mark.'
  static override description =
    'It is named by its packets, as xlvs mark list writes them, without its mark.'
  static override strict = false
  static override args = { rule: ruleArg }
  static override examples: Example[] = [
    {
      description: 'Mark those packets no more.',
      command: 'xlvs mark remove tcp to 192.0.2.1 port 80-81',
    },
    {
      description: 'Do so, and say so in JSON.',
      command: 'xlvs mark remove to 192.0.2.0/24 in eth0 --json',
    },
  ]

  async run(): Promise<void> {
    const { raw, flags } = await this.parse(MarkRemove)
    const match = parseMarkMatch(ruleLine(raw))
    const warnings = await this.ask(flags, director => director.removeMarks([match]))
    const text = `mark rule ${markMatchText(match)} removed\n`
    this.printRemoved(flags, { removed: match }, text, warnings)
  }
}
