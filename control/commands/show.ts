/** `xlvs show`, and `xlvs` alone. */
import * as Flags from '@oclif/core/flags'
import { type Example, XlvsCommand } from '../bin/command.ts'
import type { DirectorClient } from '../daemon/client.ts'
import { idleText } from '../output/settings.ts'
import { showText } from '../output/show.ts'
import { idleDaemonsText } from '../output/sync.ts'
import { warningsText } from '../output/warning.ts'

export default class Show extends XlvsCommand {
  static override summary = 'Show interfaces, services and dests, and what is wrong with them.'
  static override flags = {
    yaml: Flags.boolean({
      default: false,
      description: 'print the configuration, as xlvs apply takes it',
      exclusive: ['json'],
    }),
  }
  static override examples: Example[] = [
    { description: 'See everything at a glance.', command: 'xlvs show' },
    { description: 'Hand it to a program.', command: 'xlvs show --json' },
    { description: 'Keep it as a file.', command: 'xlvs show --yaml' },
  ]

  async run(): Promise<void> {
    const { flags } = await this.parse(Show)
    if (flags.yaml) {
      process.stdout.write(await this.ask(flags, configurationText))
      return
    }
    const [settings, interfaces, services, daemons, warnings] = await this.ask(flags, director =>
      Promise.all([
        director.settings(),
        director.interfaces(),
        director.services(),
        director.daemons(),
        director.warnings(),
      ]),
    )
    this.print(
      flags,
      { settings, interfaces, services, daemons, warnings },
      style =>
        showText(interfaces, services, style) +
        idleDaemonsText(daemons, style) +
        idleText(settings, style) +
        warningsText(warnings, style),
    )
  }
}

/** What the director has, as the text of lvs.yaml. */
async function configurationText(director: DirectorClient): Promise<string> {
  const { configurationOf } = await import('../config/shown.ts')
  const { printConfiguration } = await import('../config/print.ts')
  const [settings, interfaces, services, daemons, marks] = await Promise.all([
    director.settings(),
    director.interfaces(),
    director.services(),
    director.daemons(),
    director.marks(),
  ])
  return printConfiguration(configurationOf(settings, interfaces, services, daemons, marks))
}
