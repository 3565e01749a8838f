/** `xlvs watch`. */
import * as Flags from '@oclif/core/flags'
import { type Example, XlvsCommand } from '../bin/command.ts'
import { shown } from '../config/refusal.ts'
import { XlvsError } from '../errors.ts'
import { isEventId } from '../model/event.ts'
import { eventText } from '../output/event.ts'

export default class Watch extends XlvsCommand {
  static override summary = 'Print what changes, a line each, until it is interrupted.'
  static override description =
    'Changes of services, dests and interfaces, whoever makes them; and what the director ' +
    'finds: a VIP that comes or goes, a next hop lost or found, an interface that goes or comes, ' +
    'or its link, a full table.'
  static override flags = {
    after: Flags.string({
      description: 'id of an event: print first what came since; default from now on',
      helpValue: 'ID',
    }),
  }
  static override examples: Example[] = [
    { description: 'See what happens from now on.', command: 'xlvs watch' },
    { description: 'Hand it to a program, a JSON object a line.', command: 'xlvs watch --json' },
    {
      description: 'Go on after an event that is known.',
      command: 'xlvs watch --json --after 1f0c9a3e-17',
    },
  ]

  async run(): Promise<void> {
    const { flags } = await this.parse(Watch)
    refuseNoId(flags.after)
    await this.ask(flags, async director => {
      for await (const event of director.watch({ after: flags.after }))
        process.stdout.write(flags.json ? `${JSON.stringify(event)}\n` : eventText(event))
    })
  }
}

function refuseNoId(after: string | undefined): void {
  if (after === undefined || isEventId(after)) return
  throw new XlvsError(
    'BAD_USAGE',
    `--after ${shown(after)} is not the id of an event: expected one like 1f0c9a3e-17`,
    'take the id of an event from xlvs watch --json, or leave it out',
  )
}
