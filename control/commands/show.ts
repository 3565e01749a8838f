/** `xlvs show [SERVICE...]`, and `xlvs` alone. */
import * as Args from '@oclif/core/args'
import * as Flags from '@oclif/core/flags'
import { type Example, XlvsCommand } from '../bin/command.ts'
import { pickServices } from '../bin/service_arg.ts'
import type { DirectorClient } from '../daemon/client.ts'
import { XlvsError } from '../errors.ts'
import { serviceWarnings } from '../output/inactive.ts'
import { idleText } from '../output/settings.ts'
import { showText, someServicesText } from '../output/show.ts'
import { idleDaemonsText } from '../output/sync.ts'
import { warningsText } from '../output/warning.ts'

export default class Show extends XlvsCommand {
  static override summary = 'Show interfaces, services and dests, and what is wrong with them.'
  static override strict = false
  static override args = {
    service: Args.string({
      description:
        'service as protocol:address:port, or its name, or several; everything by default',
      ignoreStdin: true,
    }),
  }
  static override flags = {
    yaml: Flags.boolean({
      default: false,
      description: 'print the configuration, as xlvs apply takes it',
      exclusive: ['json'],
    }),
  }
  static override examples: Example[] = [
    { description: 'See everything at a glance.', command: 'xlvs show' },
    { description: 'See one service.', command: 'xlvs show tcp:192.0.2.2:80' },
    { description: 'Hand it to a program.', command: 'xlvs show --json' },
    { description: 'Keep it as a file.', command: 'xlvs show --yaml' },
  ]

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(Show)
    const words = argv.map(String)
    if (flags.yaml) {
      refuseParts(words)
      process.stdout.write(await this.ask(flags, configurationText))
      return
    }
    if (words.length > 0) {
      const services = pickServices(await this.ask(flags, director => director.services()), words)
      const warnings = services.flatMap(serviceWarnings)
      this.print(flags, { services, warnings }, style => someServicesText(services, style))
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
    const all = [...services.flatMap(serviceWarnings), ...warnings]
    this.print(
      flags,
      { settings, interfaces, services, daemons, warnings: all },
      style =>
        showText(interfaces, services, style) +
        idleDaemonsText(daemons, style) +
        idleText(settings, style) +
        warningsText(warnings, style),
    )
  }
}

/** An apply of a part would remove the rest. */
function refuseParts(words: readonly string[]): void {
  if (words.length === 0) return
  throw new XlvsError(
    'BAD_USAGE',
    `--yaml prints the whole configuration, not ${words.join(' and ')} alone`,
    'leave out --yaml, or the services',
  )
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
