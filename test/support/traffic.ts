/**
 * Traffic of the lab: what to send, and how it goes. Read next: lab.ts (who sends it),
 * lab_client.ts (the program that does).
 */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

import { waitFor } from './namespace.ts'

/** Longest wait for some more requests, on a machine that is busy with other things. */
const MORE_TIMEOUT_MS = 90_000

export interface Load {
  /** short: a TCP connection a request; kept: one per parallel client; udp: a port a datagram. */
  kind: 'short' | 'kept' | 'udp'
  address: string
  port: number
  /** Requests or datagrams in all. */
  count: number
  /** At most so many at a time. */
  parallel: number
  /** Only so many until allow(); default all. */
  hold?: number
  /** Each client's rest after a request, so that many loads leave others some CPU; default none. */
  restMs?: number
  /** Longest wait for one answer; default 10 s. */
  patienceMs?: number
}

/** A load that knows its ports: each connection takes the next. */
export interface NumberedLoad extends Load {
  firstPort: number
}

export interface Progress {
  done: number
  /** Part of done: refused, reset, cut short, or not answered in time. */
  lost: number
  total: number
  /** Answers by the name of who gave them. */
  answers: Record<string, number>
  /** kept: clients whose one connection was answered by more than one server. */
  mixed: number
  /** Why requests were lost, the first few. */
  reasons: string[]
}

export interface Running {
  /** How far it is; changes as it runs. */
  readonly progress: Progress
  /** Resolves when all is done. @throws Error when the client itself failed. */
  readonly finished: Promise<Progress>
  onProgress(see: (progress: Progress) => void): void
  /** Waits until `count` more are done, and fails when it ends before. */
  more(count: number): Promise<void>
  /** Lets it do so many in all, where Load.hold held it back. */
  allow(count: number): void
  /** Ends it early, between requests. */
  stop(): Promise<Progress>
}

/** Follows a client (lab_client.ts) from its standard output. */
export function follow(client: ChildProcess, total: number): Running {
  let progress: Progress = { done: 0, lost: 0, total, answers: {}, mixed: 0, reasons: [] }
  const watchers: ((progress: Progress) => void)[] = []
  const read = async (): Promise<Progress> => {
    const exit = once(client, 'exit')
    if (client.stdout)
      for await (const line of createInterface({ input: client.stdout })) {
        progress = JSON.parse(line) as Progress
        for (const see of watchers) see(progress)
      }
    const [code, signal] = (await exit) as [number | null, string | null]
    if (code !== 0) throw new Error(`the lab's client ended with ${String(code ?? signal)}`)
    return progress
  }
  const finished = read()
  let ended = false
  const markEnded = () => (ended = true)
  finished.then(markEnded, markEnded)
  const more = async (count: number): Promise<void> => {
    const enough = progress.done + count
    await waitFor(`${count} more requests`, () => ended || progress.done >= enough, MORE_TIMEOUT_MS)
    if (progress.done < enough)
      throw new Error(`the load was over at ${progress.done} of ${enough}`)
  }
  return {
    more,
    allow: count => {
      client.stdin?.write(`${count}\n`)
    },
    stop: () => {
      client.stdin?.end()
      return finished
    },
    get progress() {
      return progress
    },
    finished,
    onProgress: see => {
      watchers.push(see)
    },
  }
}
