/**
 * Debian's keepalived, unmodified, run by `xlvs exec` in a namespace, and what clients see of what
 * it does. Assumes root. Read next: ../lab/keepalived.test.ts.
 */
import type { ChildProcess } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { endOf, type Namespace, waitFor } from './namespace.ts'

/** What an operator runs. */
export const XLVS = fileURLToPath(new URL('../../control/bin/xlvs.js', import.meta.url))
const ASK = fileURLToPath(new URL('lab_ask.ts', import.meta.url))
/** Longest wait for what a check finds out, or a reload does, on a machine that is very busy. */
const EVENT_MS = 60_000

export interface Keepalived {
  /** Holds its files; scripts of checks may be put there. */
  folder: string
  /** Reads another configuration. */
  reload(configuration: string): void
  /** Ends it as an operator does, and waits until it has. */
  stop(): Promise<void>
  /** What it has said. */
  log(): string
  /** Ends it if need be, and removes its files. */
  remove(): Promise<void>
}

export interface KeepalivedOptions {
  /** Of xlvsd. */
  socket: string
  /** It goes into the background, as without -n. */
  daemonised?: boolean
  /** Words on its command line besides, such as -C for checkers alone. */
  words?: string[]
}

/** Starts it with a configuration, which is told the folder of its files. */
export async function startKeepalived(
  namespace: Namespace,
  configuration: (folder: string) => string,
  { socket, daemonised = false, words = [] }: KeepalivedOptions,
): Promise<Keepalived> {
  const folder = mkdtempSync(join(tmpdir(), 'xlvs-keepalived-'))
  const [file, logFile, pidFile] = ['conf', 'log', 'pid'].map(name => join(folder, name)) as [
    string,
    string,
    string,
  ]
  writeFileSync(file, configuration(folder))
  const pids = ['-p', pidFile, '-c', join(folder, 'checkers'), '-r', join(folder, 'vrrp')]
  const how = daemonised ? ['-D'] : ['-n', '-l', '-D']
  const fd = openSync(logFile, 'a')
  const command = ['exec', '--socket', socket, '--', 'keepalived', ...how, '-f', file, ...pids]
  const child: ChildProcess = namespace.start([process.execPath, XLVS, ...command, ...words], {
    stdio: ['ignore', fd, fd],
  })
  closeSync(fd)
  const log = (): string => readFileSync(logFile, 'utf8')
  const pid = (): number => {
    try {
      return Number(readFileSync(pidFile, 'utf8'))
    } catch {
      return 0
    }
  }
  await waitFor(
    'keepalived to start',
    () => {
      const hasEnded = child.exitCode !== null && (child.exitCode > 0 || !daemonised)
      if (hasEnded) throw new Error(`keepalived ended:\n${log()}`)
      return pid() > 0
    },
    EVENT_MS,
  )
  const stop = async (): Promise<void> => {
    const main = pid()
    if (main > 0) process.kill(main, 'SIGTERM')
    await waitFor('keepalived to end', () => pid() === 0 || !isAlive(main), EVENT_MS)
  }
  return {
    folder,
    log,
    reload: text => {
      writeFileSync(file, text)
      process.kill(pid(), 'SIGHUP')
    },
    stop,
    remove: async () => {
      if (daemonised) await stop()
      else await endOf(child, 'SIGTERM')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Who answers, and how often; '' is for requests without an answer. */
export type Answers = Record<string, number>

export interface Asker {
  /** Makes so many requests. */
  ask(protocol: 'tcp' | 'udp', address: string, port: number, count?: number): Promise<Answers>
}

/** A client that can be asked again and again; it ends with its namespace. */
export function askerIn(namespace: Namespace): Asker {
  const child = namespace.start([process.execPath, ASK], { stdio: ['pipe', 'pipe', 'inherit'] })
  if (!child.stdout || !child.stdin) throw new Error('the asker has no pipes')
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    ask: async (protocol, address, port, count = 12) => {
      child.stdin?.write(`${protocol} ${address} ${port} ${count}\n`)
      const { value } = (await lines.next()) as { value?: string }
      return JSON.parse(value ?? '{}') as Answers
    },
  }
}

/** Rows of a table: what happened, what clients saw then, and after how long. */
export class Table {
  readonly #rows: [event: string, saw: string, seconds: string][] = []

  /**
   * Waits until exactly those answer, each request being answered.
   * @param names who is to answer; none: nobody
   */
  async see(
    event: string,
    names: readonly string[],
    ask: () => Promise<Answers>,
  ): Promise<Answers> {
    const since = performance.now()
    const expected = names.length === 0 ? [''] : names.toSorted()
    let answers: Answers = {}
    const isSo = async (): Promise<boolean> => {
      answers = await ask()
      return Object.keys(answers).toSorted().join() === expected.join()
    }
    try {
      await waitFor(`${event}: ${names.join(', ') || 'nobody'} to answer`, isSo, EVENT_MS)
    } catch (cause) {
      throw new Error(`${event}: the answers are ${JSON.stringify(answers)}`, { cause })
    }
    const saw = Object.entries(answers).map(([name, count]) => `${name || 'nobody'} ${count}`)
    this.add(event, saw.toSorted().join(', '), since)
    return answers
  }

  add(event: string, saw: string, sinceMs: number): void {
    this.#rows.push([event, saw, ((performance.now() - sinceMs) / 1000).toFixed(1)])
  }

  /** Its lines. */
  text(): string {
    const all = [['EVENT', 'CLIENTS SAW', 'SECONDS'], ...this.#rows]
    const widths = [0, 1].map(i => Math.max(...all.map(row => row[i]?.length ?? 0)))
    return all
      .map(([a = '', b = '', c = '']) =>
        [a.padEnd(widths[0] ?? 0), b.padEnd(widths[1] ?? 0), c.padStart(7)].join('  '),
      )
      .join('\n')
  }
}
