/** `xlvs conns`. */
import * as Flags from '@oclif/core/flags'
import { once } from 'node:events'
import { type Example, XlvsCommand } from '../bin/command.ts'
import { findService } from '../bin/service_arg.ts'
import { XlvsError } from '../errors.ts'
import { serviceName } from '../model/service.ts'
import { connsJson, connsText } from '../output/conns.ts'

export default class Conns extends XlvsCommand {
  static override summary = 'List the connections, all or some.'
  static override flags = {
    service: Flags.string({
      description: 'only of this service, as protocol:address:port or its name; default any',
      helpValue: 'SERVICE',
    }),
    dest: Flags.string({
      description: 'only to this dest, as address or address:port; default any',
      helpValue: 'DEST',
    }),
    client: Flags.string({
      description: 'only of this client, as address or address:port; default any',
      helpValue: 'CLIENT',
    }),
    state: Flags.string({
      description: 'only in this state, for example established; of UDP, udp; default any',
      helpValue: 'STATE',
    }),
    limit: Flags.string({ description: 'at most so many, default all', helpValue: 'NUMBER' }),
  }
  static override examples: Example[] = [
    { description: 'See who is connected to what.', command: 'xlvs conns' },
    {
      description: 'See who still uses a server.',
      command: 'xlvs conns --dest 10.0.0.2 --state established',
    },
    {
      description: 'See ten connections of a service.',
      command: 'xlvs conns --service web --limit 10',
    },
    { description: 'Hand the list to a program.', command: 'xlvs conns --json' },
  ]

  async run(): Promise<void> {
    const { flags } = await this.parse(Conns)
    const { dest, client, state } = flags
    const limit = parseLimit(flags.limit)
    const print = flags.json ? connsJson() : connsText()
    await this.ask(flags, async director => {
      const service =
        flags.service === undefined
          ? undefined
          : serviceName(await findService(director, flags.service))
      let left = limit
      for await (const conns of director.eachConns({ service, dest, client, state })) {
        await write(print.some(conns.slice(0, left)))
        left -= conns.length
        if (left <= 0) break
      }
      await write(print.end())
    })
  }
}

/** Waits while the reader is slower: there may be millions. */
async function write(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, 'drain')
}

function parseLimit(text: string | undefined): number {
  if (text === undefined) return Infinity
  if (/^[0-9]{1,12}$/.test(text) && Number(text) > 0) return Number(text)
  throw new XlvsError(
    'BAD_USAGE',
    `--limit ${text} is not a number of connections: expected 1 or more`,
    'leave it out for all',
  )
}
