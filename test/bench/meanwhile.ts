/**
 * How long others wait while xlvsd is busy. For benches with a lab. Read next: apply.ts.
 */
import { setTimeout } from 'node:timers/promises'
import { connectDirector } from '../../control/daemon/client.ts'

/** Longest that anybody may wait for an answer, whatever xlvsd is doing. */
export const SLOWEST_MS_MAX = 150
/** Between two questions to xlvsd: it is to be watched, not loaded. */
const PAUSE_MS = 20

/** Asks the daemon again and again, and knows the longest wait in ms. */
export function slowestAnswer(socket: string): { stop: () => Promise<number> } {
  const director = connectDirector(socket)
  let asking = true
  const asked = (async () => {
    let slowest = 0
    while (asking) {
      const started = performance.now()
      await director.version()
      slowest = Math.max(slowest, performance.now() - started)
      await setTimeout(PAUSE_MS)
    }
    director.close()
    return slowest
  })()
  return {
    stop: () => {
      asking = false
      return asked
    },
  }
}

/** A figure beside its gate; Infinity: it has none. */
export function judged(value: number, max: number): { text: string; passed: boolean } {
  const passed = value <= max
  const gate = Number.isFinite(max) ? ` (gate ${max}: ${passed ? 'passed' : 'FAILED'})` : ''
  return { text: `${value.toFixed(0)} ms${gate}`, passed }
}
