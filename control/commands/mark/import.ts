/** `xlvs mark import`. */
import * as Args from '@oclif/core/args'
import * as Flags from '@oclif/core/flags'
import { type Example, XlvsCommand } from '../../bin/command.ts'
import { readText } from '../../bin/config_file.ts'
import { importMarks } from '../../ipvs/marks/import.ts'
import { importedText, leftOutError, leftText, sorted } from '../../output/marks.ts'

export default class MarkImport extends XlvsCommand {
  static override summary =
    "Add the mark rules that a packet filter's say, as far as they can be said."
  static override description =
    'Reads what iptables-save, ip6tables-save or nft -j list ruleset have printed, and names ' +
    'each rule that it cannot express. The packet filter itself stays as it is.'
  static override args = {
    file: Args.string({
      description: 'the text; - or nothing: standard input',
      default: '-',
      ignoreStdin: true,
    }),
  }
  static override flags = {
    'dry-run': Flags.boolean({ description: 'only say what would be added' }),
    strict: Flags.boolean({ description: 'when a rule is left out, add nothing and exit with 1' }),
  }
  static override examples: Example[] = [
    { description: 'See what would come of it.', command: 'xlvs mark import rules.txt --dry-run' },
    {
      description: 'Add it, and hand all of it to a program.',
      command: 'xlvs mark import rules.txt --json',
    },
  ]

  async run(): Promise<void> {
    const { args, flags } = await this.parse(MarkImport)
    const { rules, left } = importMarks(await readText(args.file, 'the rules of'))
    const dryRun = flags['dry-run']
    const found = await this.ask(flags, async director => {
      const all = sorted(rules, left, await director.marks())
      if (!flags.json) process.stderr.write(leftText(all.left))
      const lost = all.left.filter(({ aside }) => !aside)
      if (flags.strict && lost.length > 0) throw leftOutError(lost)
      if (!dryRun && all.added.length > 0) await director.addMarks(all.added)
      return all
    })
    this.print(flags, { ...found, dryRun }, () => importedText(found, dryRun))
  }
}
