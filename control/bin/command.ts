/**
 * What every xlvs command has: the global flags, the way to the director, and the two ways to
 * print. A command itself is parse, call, print. Read next: ../commands/show.ts.
 */
import * as Args from '@oclif/core/args'
import { Command } from '@oclif/core/command'
import * as Flags from '@oclif/core/flags'
import { connectDirector, type DirectorClient } from '../daemon/client.ts'
import { SOCKET_DEFAULT } from '../daemon/options.ts'
import { XlvsError } from '../errors.ts'
import type { Warning } from '../model/warning.ts'
import { styleFor, type Style } from '../output/style.ts'

const GLOBAL = { helpGroup: 'GLOBAL' } as const

/** A dest as an argument, spelled alike everywhere; services are in service_arg.ts. */
export const destArg = Args.string({
  description: 'dest as address:port; without port, the port of the service',
  required: true,
  ignoreStdin: true,
})

/** An example in a command's help; a test runs each of them. */
export interface Example {
  description: string
  command: string
}

export abstract class XlvsCommand extends Command {
  static override baseFlags = {
    socket: Flags.string({
      ...GLOBAL,
      description: "path of the daemon's socket",
      env: 'XLVS_SOCKET',
      default: SOCKET_DEFAULT,
      helpValue: 'PATH',
    }),
    json: Flags.boolean({ ...GLOBAL, description: 'print JSON, for machines' }),
    debug: Flags.boolean({ ...GLOBAL, description: 'print the stack of an error' }),
  }

  /** Calls the director and hangs up. */
  protected async ask<Answer>(
    flags: { socket: string },
    call: (director: DirectorClient) => Promise<Answer>,
  ): Promise<Answer> {
    const director = connectDirector(flags.socket, undefined, 'command')
    try {
      return await call(director)
    } finally {
      director.close()
    }
  }

  /** @throws BAD_USAGE when none of a command's own flags is given */
  protected needOneOf(given: object, known: object): void {
    if (Object.keys(known).some(flag => Object.entries(given).some(([name]) => name === flag)))
      return
    const flags = Object.keys(known).map(flag => `--${flag}`)
    throw new XlvsError(
      'BAD_USAGE',
      `there is nothing to change: expected one of ${flags.join(', ')}`,
      'give what is to be different; the rest stays as it is',
    )
  }

  /** Prints a change that is done; what the director warned of goes to standard error. */
  protected printDone(
    flags: { json: boolean },
    value: object,
    text: string,
    warnings: readonly Warning[] = [],
  ): void {
    this.print(flags, warnings.length > 0 ? { ...value, warnings } : value, () => text)
    if (flags.json) return
    const style = styleFor(process.stderr.isTTY, process.env)
    for (const { message, cure } of warnings)
      process.stderr.write(`${style.yellow('warning:')} ${message}\n    ${cure}\n`)
  }

  /** The same of something removed, which its file loses when somebody else makes it anew. */
  protected printRemoved(
    flags: { json: boolean },
    value: object,
    text: string,
    warnings: readonly Warning[],
  ): void {
    const lost = warnings.map(warning =>
      warning.kind === 'owned-by-file'
        ? {
            ...warning,
            message: `${warning.message}; what a command adds instead is not the file's`,
          }
        : warning,
    )
    this.printDone(flags, value, text, lost)
  }

  /** Prints `value` as JSON with --json, else the text. */
  protected print(flags: { json: boolean }, value: unknown, text: (style: Style) => string): void {
    const style = styleFor(process.stdout.isTTY, process.env)
    process.stdout.write(flags.json ? `${JSON.stringify(value, null, 2)}\n` : text(style))
  }
}
