/** `xlvs apply [FILE]`: the configuration of a file, put in force. */
import * as Flags from '@oclif/core/flags'
import { resolve } from 'node:path'
import { type Example, XlvsCommand } from '../bin/command.ts'
import { fileArg, readConfiguration } from '../bin/config_file.ts'
import { progressBar } from '../bin/progress_bar.ts'
import { XlvsError } from '../errors.ts'
import { fileOrigin } from '../model/origin.ts'
import { appliedText } from '../output/applied.ts'
import { styleFor } from '../output/style.ts'

export default class Apply extends XlvsCommand {
  static override summary = 'Make services, interfaces, sync daemons and settings what a file says.'
  static override description =
    'Shows the difference and does it: all of it, or nothing. Only what the file owns changes: ' +
    'what it made, or has taken over. What others own is counted and left alone.'
  static override args = { file: fileArg }
  static override flags = {
    'dry-run': Flags.boolean({
      description: 'show the difference, and change nothing',
      default: false,
    }),
    'take-over': Flags.boolean({
      description: 'make the file own what it names, whoever had it',
      default: false,
    }),
    verbose: Flags.boolean({
      char: 'v',
      description: 'list what others own and is left alone, not only how much it is',
      default: false,
    }),
  }
  static override examples: Example[] = [
    { description: 'See what would change.', command: 'xlvs apply lvs.yaml --dry-run' },
    { description: 'Do it.', command: 'xlvs apply lvs.yaml' },
    { description: 'Do it, and see what others own.', command: 'xlvs apply lvs.yaml --verbose' },
    {
      description: 'Let a file have what was made by commands.',
      command: 'xlvs apply lvs.yaml --take-over',
    },
  ]

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Apply)
    const { configuration, text } = await readConfiguration(args.file)
    const origin = fileOrigin(args.file === '-' ? '-' : resolve(args.file))
    const bar = progressBar(process.stderr)
    const wish = { configuration, origin, takeOver: flags['take-over'] }
    const options = { dryRun: flags['dry-run'], onProgress: bar.show }
    try {
      const applied = await this.ask(flags, director => director.apply(wish, options))
      bar.clear()
      const style = styleFor(process.stdout.isTTY, process.env)
      const text = appliedText(args.file, applied, style, flags.verbose)
      this.printDone(flags, applied, text, applied.warnings)
    } catch (error) {
      if (!(error instanceof XlvsError)) throw error
      const { placed } = await import('../config/place.ts')
      throw placed(args.file, text, error)
    } finally {
      bar.clear()
    }
  }
}
