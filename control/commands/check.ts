/** `xlvs check [FILE]`: needs no daemon and no rights. */
import { type Example, XlvsCommand } from '../bin/command.ts'
import { fileArg, readConfiguration } from '../bin/config_file.ts'
import { counted } from '../output/counted.ts'

export default class Check extends XlvsCommand {
  static override summary = 'Check a configuration file, and show everything that is wrong with it.'
  static override description = 'Needs neither root nor the daemon.'
  static override args = { file: fileArg }
  static override examples: Example[] = [
    { description: 'Check before applying.', command: 'xlvs check lvs.yaml' },
    { description: 'Do so in an editor or a pipeline.', command: 'xlvs check lvs.yaml --json' },
  ]

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Check)
    const { configuration } = await readConfiguration(args.file)
    const { services, interfaces, settings, sync = {}, marks = [] } = configuration
    const counts = {
      services: services.length,
      dests: services.reduce((sum, { dests }) => sum + dests.length, 0),
      interfaces: interfaces.length,
      settings: Object.keys(settings).length,
      daemons: Object.keys(sync).length,
      marks: marks.length,
    }
    const { marks: rules, ...others } = counts
    this.print(
      flags,
      { file: args.file, ...counts },
      () => `${args.file} is good: ${counted({ ...others, 'mark rules': rules })}\n`,
    )
  }
}
