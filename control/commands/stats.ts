/** `xlvs stats`. */
import * as Flags from '@oclif/core/flags'
import { type Example, XlvsCommand } from '../bin/command.ts'
import { ratesText, statsText } from '../output/stats.ts'

export default class Stats extends XlvsCommand {
  static override summary = 'Show counters, why packets left xlvs, and how full its table is.'
  static override flags = {
    rate: Flags.boolean({
      description: 'show what services and dests gain in a second instead',
      default: false,
    }),
  }
  static override examples: Example[] = [
    { description: 'See what passed, and where the rest went.', command: 'xlvs stats' },
    { description: 'See connections, packets and bytes a second.', command: 'xlvs stats --rate' },
    { description: 'Hand counters and rates to a program.', command: 'xlvs stats --json' },
  ]

  async run(): Promise<void> {
    const { flags } = await this.parse(Stats)
    const [stats, services] = await this.ask(flags, director =>
      Promise.all([director.stats(), flags.rate ? director.services() : []]),
    )
    this.print(flags, stats, () => (flags.rate ? ratesText(services, stats) : statsText(stats)))
  }
}
