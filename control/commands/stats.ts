/** `xlvs stats`. */
import { type Example, XlvsCommand } from '../bin/command.ts'
import { statsText } from '../output/stats.ts'

export default class Stats extends XlvsCommand {
  static override summary = 'Show counters, why packets left xlvs, and how full its table is.'
  static override examples: Example[] = [
    { description: 'See what passed, and where the rest went.', command: 'xlvs stats' },
    { description: 'Hand the counters to a program.', command: 'xlvs stats --json' },
  ]

  async run(): Promise<void> {
    const { flags } = await this.parse(Stats)
    const stats = await this.ask(flags, director => director.stats())
    this.print(flags, stats, () => statsText(stats))
  }
}
