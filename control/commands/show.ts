/** `xlvs show`, and `xlvs` alone. */
import { type Example, XlvsCommand } from '../bin/command.ts'
import { showText } from '../output/show.ts'
import { warningsText } from '../output/warning.ts'

export default class Show extends XlvsCommand {
  static override summary = 'Show interfaces, services and dests, and what is wrong with them.'
  static override examples: Example[] = [
    { description: 'See everything at a glance.', command: 'xlvs show' },
    { description: 'Hand it to a program.', command: 'xlvs show --json' },
  ]

  async run(): Promise<void> {
    const { flags } = await this.parse(Show)
    const [interfaces, services, warnings] = await this.ask(flags, director =>
      Promise.all([director.interfaces(), director.services(), director.warnings()]),
    )
    this.print(
      flags,
      { interfaces, services, warnings },
      style => showText(interfaces, services, style) + warningsText(warnings, style),
    )
  }
}
