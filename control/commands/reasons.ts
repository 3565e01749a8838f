/** `xlvs reasons`. */
import * as Flags from '@oclif/core/flags'
import { setTimeout as pause } from 'node:timers/promises'
import { type Example, XlvsCommand } from '../bin/command.ts'
import type { DirectorClient } from '../daemon/client.ts'
import { reasonsText, risenBetween, risenText } from '../output/reasons.ts'

/** Between two looks of --watch. */
const LOOK_MS = 2000

export default class Reasons extends XlvsCommand {
  static override summary = 'Show what became of packets and why, and what to do about it.'
  static override flags = {
    all: Flags.boolean({
      description: 'show those that no packet has left with, too',
      default: false,
    }),
    watch: Flags.boolean({
      description: 'then print every 2 s which counts have risen, until it is interrupted',
      default: false,
    }),
  }
  static override examples: Example[] = [
    { description: 'See where packets went.', command: 'xlvs reasons' },
    { description: 'See what every reason means.', command: 'xlvs reasons --all' },
  ]

  async run(): Promise<void> {
    const { flags } = await this.parse(Reasons)
    await this.ask(flags, async director => {
      const reasons = await director.reasons()
      const shown = reasons.filter(({ packets }) => flags.all || packets > 0)
      if (!flags.watch) {
        this.print(flags, { reasons: shown }, style => reasonsText(shown, style))
        return
      }
      if (!flags.json) this.print(flags, undefined, style => reasonsText(shown, style))
      await watch(director, reasons, flags.json)
    })
  }
}

async function watch(
  director: DirectorClient,
  first: Awaited<ReturnType<DirectorClient['reasons']>>,
  json: boolean,
): Promise<never> {
  for (let before = first; ;) {
    await pause(LOOK_MS)
    const now = await director.reasons()
    const risen = risenBetween(before, now)
    process.stdout.write(json ? `${JSON.stringify({ reasons: risen })}\n` : risenText(risen))
    before = now
  }
}
