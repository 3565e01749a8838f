/** `xlvs mark add`. */
import { type Example, XlvsCommand } from '../../bin/command.ts'
import { ruleArg, ruleLine } from '../../bin/mark_words.ts'
import { parseMarkRule } from '../../config/mark_line.ts'
import { markRuleText } from '../../model/mark.ts'

export default class MarkAdd extends XlvsCommand {
  static override summary = 'Add a rule that gives packets a mark, for services by mark.'
  static override description =
    'The last rule that matches a packet gives its mark; 0 is for none. Words that are left out ' +
    'match anything.'
  static override strict = false
  static override args = { rule: ruleArg }
  static override examples: Example[] = [
    {
      description: 'Mark what comes to two ports of an address.',
      command: 'xlvs mark add tcp to 192.0.2.1 port 80-81 mark 7',
    },
    {
      description: 'Mark all of a network that comes in by an interface, but not from another.',
      command: 'xlvs mark add to 192.0.2.0/24 in eth0 mark 7',
    },
  ]

  async run(): Promise<void> {
    const { raw, flags } = await this.parse(MarkAdd)
    const rule = parseMarkRule(ruleLine(raw))
    const warnings = await this.ask(flags, director => director.addMarks([rule]))
    this.printDone(flags, { rule }, `mark rule ${markRuleText(rule)} added\n`, warnings)
  }
}
