/**
 * ipvsadm over the daemon's socket: one line, or with -R a line for each on standard input. It must
 * start fast, so it imports nothing but what it needs. Read next: grammar.ts, answer.ts.
 */
import type { ProgressBar } from '../bin/progress_bar.ts'
import { connectDirector, type BatchOutcome, type DirectorClient } from '../daemon/client.ts'
import { BATCH_MAX, SOCKET_DEFAULT } from '../daemon/options.ts'
import { XlvsError } from '../errors.ts'
import { HostWanted, type Lookups } from './address.ts'
import { answer } from './answer.ts'
import { changeOf, foundBy, type Line } from './batch.ts'
import { ERRNO, errnoOf, SURE, type Found } from './errno.ts'
import { parseLine, type Request } from './grammar.ts'
import { kernelWords } from './kernel_words.ts'
import { portsIn } from './names.ts'
import { Refusal, refused, tryHelp, wrong } from './refusal.ts'
import { SYSTEM, type System } from './system.ts'
import { usage } from './usage.ts'

/** Runs ipvsadm with those words; resolves to its exit status. */
export async function main(
  words: readonly string[],
  program: string,
  system: System = SYSTEM,
  socket: string = process.env['XLVS_SOCKET'] ?? SOCKET_DEFAULT,
): Promise<number> {
  const run = new Run(connectDirector(socket, undefined, 'ipvsadm'), program, system)
  try {
    if (process.geteuid?.() !== 0) await run.refuseWithoutRights()
    const request = await run.parse(words.length === 0 ? ['-L'] : words)
    return request.command === 'restore' ? await run.restore() : await run.carryOut(request)
  } catch (error) {
    return run.complain(error)
  } finally {
    run.director.close()
  }
}

/** How a line of -R ended: its exit status, and whether the run ends with it. */
interface LineEnd {
  status: number
  isLast: boolean
}

class Run {
  readonly director: DirectorClient
  readonly #program: string
  readonly #system: System
  /** Addresses by the names of hosts, as far as they are known. */
  readonly #hosts = new Map<string, string | undefined>()
  readonly #lookups: Lookups
  #bar: ProgressBar | undefined

  constructor(director: DirectorClient, program: string, system: System) {
    this.director = director
    this.#program = program
    this.#system = system
    this.#lookups = {
      portOf: portsIn(() => system.services()),
      addressOf: host => {
        if (!this.#hosts.has(host)) throw new HostWanted(host)
        return this.#hosts.get(host)
      },
    }
  }

  /** Who may not speak to IPVS is told so whatever the words are. @throws Refusal */
  async refuseWithoutRights(): Promise<void> {
    try {
      await this.director.version()
    } catch (error) {
      if (error instanceof XlvsError && isForbidden(error)) throw unreachable(error)
    }
  }

  /** What the words ask for; the grammar is pure, so it is asked again when a host is known. */
  async parse(words: readonly string[]): Promise<Request> {
    for (;;) {
      try {
        return parseLine(words, this.#program, this.#lookups)
      } catch (error) {
        if (!(error instanceof HostWanted)) throw error
        this.#hosts.set(error.host, await this.#system.addressOf(error.host))
      }
    }
  }

  /** -R: the exit status is that of the last line; a line asked wrongly ends the run. */
  async restore(): Promise<number> {
    const { progressBar } = await import('../bin/progress_bar.ts')
    const bar = progressBar(this.#system.terminal, 'lines')
    this.#bar = bar
    const lines = (await this.#system.readInput()).split('\n')
    try {
      return await this.#restore(lines, done => {
        bar.show({ done, total: lines.length })
      })
    } finally {
      bar.clear()
    }
  }

  /** Changes that follow one another are carried out together; it looks as if one by one. */
  async #restore(lines: readonly string[], progress: (done: number) => void): Promise<number> {
    const waiting: Line[] = []
    let end: LineEnd = { status: 0, isLast: false }
    for (const [done, line] of lines.entries()) {
      const words = line.split(/[ \t\r]+/).filter(word => word !== '' && word !== 'ipvsadm')
      if (words.length === 0) continue
      const next = await this.#next(words)
      if ('change' in next) waiting.push(next)
      if ('change' in next && waiting.length < BATCH_MAX) continue
      if (waiting.length > 0) end = await this.#together(waiting.splice(0))
      if (!end.isLast && !('change' in next)) end = await this.#alone(next)
      if (end.isLast) return end.status
      progress(done)
    }
    return waiting.length > 0 ? (await this.#together(waiting)).status : end.status
  }

  /** What a line asks for, or what is wrong with it. */
  async #next(words: readonly string[]): Promise<Line | { request: Request } | { error: unknown }> {
    try {
      const request = await this.parse(words)
      if (request.command === 'restore') throw tryHelp(this.#program)
      const change = changeOf(request)
      return change ? { request, change } : { request }
    } catch (error) {
      return { error }
    }
  }

  async #alone(line: { request: Request } | { error: unknown }): Promise<LineEnd> {
    try {
      if ('error' in line) throw line.error
      const { command } = line.request
      const status = await this.carryOut(line.request)
      return { status, isLast: command === 'help' || command === 'version' }
    } catch (error) {
      return this.#failed(error)
    }
  }

  /** How the last of the lines ended, or the one that ends the run. */
  async #together(lines: readonly Line[]): Promise<LineEnd> {
    let end: LineEnd = { status: 0, isLast: false }
    const outcomes = await this.#tried(lines)
    for (const [i, line] of lines.entries()) {
      const outcome = outcomes?.[i]
      if (!outcome) end = await this.#alone(line)
      else if ('error' in outcome) {
        const { error } = outcome
        end = this.#failed(await this.#refusalOf(error, line.request, () => foundBy(line.request)))
      } else end = { status: 0, isLast: false }
      if (end.isLast) break
    }
    return end
  }

  /** How each line ended; undefined: the batch was refused as a whole, and none was tried. */
  async #tried(lines: readonly Line[]): Promise<BatchOutcome[] | undefined> {
    try {
      return await this.director.batch(lines.map(({ change }) => change))
    } catch (error) {
      if (!(error instanceof XlvsError)) throw error
      if (error.code !== 'SOCKET_REFUSED' && error.code !== 'TIMED_OUT') return undefined
      return lines.map(() => ({ error }))
    }
  }

  #failed(error: unknown): LineEnd {
    const status = this.complain(error)
    return { status, isLast: !(error instanceof Refusal) || error.endsRun }
  }

  /** Does it and prints. @throws Refusal */
  async carryOut(request: Request): Promise<number> {
    try {
      if (request.command === 'help') this.#system.print(usage(this.#program))
      else this.#system.print(await answer(request, this.director, this.#system))
      return 0
    } catch (error) {
      if (!(error instanceof XlvsError)) throw error
      throw await this.#refusalOf(error, request, () => this.#found())
    }
  }

  /** The error in the kernel's words, after the kernel's checks, in its order. */
  async #refusalOf(
    error: XlvsError,
    request: Request,
    found: () => Found | Promise<Found>,
  ): Promise<Refusal> {
    if (error.code === 'SOCKET_REFUSED') return unreachable(error)
    const known = ERRNO[error.code]
    const sure = known === undefined || SURE.includes(error.code)
    const errno = sure ? known : (errnoOf(request, await found()) ?? known)
    if (errno === undefined) return refused(`${error.message}\n${error.hint}`)
    const words = kernelWords(errno, request.command)
    // Whoever lists is told, and -R ends.
    return request.command === 'list' ? new Refusal(words, 1, true) : refused(words)
  }

  async #found(): Promise<Found> {
    return { services: await this.director.services() }
  }

  /** Prints the error; the exit status. */
  complain(error: unknown): number {
    if (!(error instanceof Refusal)) throw error
    this.#bar?.clear()
    this.#system.complain(`${error.message}\n`)
    return error.exitStatus
  }
}

/**
 * The kernel's module is missing, or may not be spoken to.
 * Differs from LVS: without a daemon it says where it looked, and -h and -v still work.
 */
function unreachable(error: XlvsError): Refusal {
  if (isForbidden(error))
    return wrong(
      `Can't initialize ipvs: ${kernelWords('EPERM', 'list')}\n` +
        'Are you sure that IP Virtual Server is built in the kernel or as module?',
    )
  return wrong(`Can't initialize ipvs: ${error.message}\n${error.hint}`)
}

function isForbidden(error: XlvsError): boolean {
  const { code } = (error.cause ?? {}) as { code?: string }
  return code === 'EACCES' || code === 'EPERM'
}
