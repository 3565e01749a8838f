/** Starts and stops the sweeping worker, and keeps its latest figures. */
import { Worker } from 'node:worker_threads'
import type { Kernel } from './kernel.ts'
import type { Both } from './slots.ts'

export interface SweepFigures {
  /** Slots in use at the last sweep, of each table. */
  used: Both<number>
  /** Connections freed since the start. */
  expired: number
  tookMs: number
}

/** What the worker is asked; it answers with the number. */
export interface SweepQuestion {
  ask: 'endOrphans' | 'gracePeriod' | 'dropEntries'
  id: number
}

export interface Sweeper {
  figures: SweepFigures
  /** Ends the connections of dests that are in no service; resolves when they have ended. */
  endOrphans(): Promise<void>
  /** Resolves after one RCU grace period. */
  gracePeriod(): Promise<void>
  /** Ends some half-open connections. */
  dropEntries(): void
  stop(): Promise<void>
}

/** @param onError is told when the worker dies: deadlines are not kept until a restart */
export function startSweeper(kernel: Kernel, onError: (error: Error) => void): Sweeper {
  const worker = new Worker(workerFile(), {
    workerData: {
      bpffs: kernel.bpffs,
      stashFirst: kernel.sizes.slots,
      second: kernel.ticksPerSecond,
    },
  })
  const figures: SweepFigures = { used: [0, 0], expired: 0, tookMs: 0 }
  const asked = new Map<number, () => void>()
  let id = 0
  const answered = (question: SweepQuestion['ask']): Promise<void> =>
    new Promise(done => {
      asked.set(++id, done)
      worker.postMessage({ ask: question, id } satisfies SweepQuestion)
    })
  worker.on('message', (m: Partial<SweepFigures> & { id?: number }) => {
    if (m.id !== undefined) {
      asked.get(m.id)?.()
      asked.delete(m.id)
    }
    figures.expired += m.expired ?? 0
    figures.used = m.used ?? figures.used
    figures.tookMs = m.tookMs ?? figures.tookMs
  })
  worker.on('error', (error: unknown) => {
    onError(error instanceof Error ? error : new Error(String(error)))
  })
  return {
    figures,
    endOrphans: () => answered('endOrphans'),
    gracePeriod: () => answered('gracePeriod'),
    dropEntries: () => void answered('dropEntries'),
    stop: async () => {
      await worker.terminate()
    },
  }
}

/** A source in a checkout, a bundle of its own where the daemon is one (test/oracle/impl.sh). */
function workerFile(): URL {
  const suffix = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  return new URL(`../dataplane/sweep_worker.${suffix}`, import.meta.url)
}
