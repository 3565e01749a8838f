/** What the daemon does every second; whatever fails of it is tried again at the next. */
import type { Logger } from 'pino'
import type { Director } from './director.ts'

/** To be called every second. */
export function tending(
  director: Pick<Director, 'defend' | 'tend'>,
  log: Pick<Logger, 'error'>,
): () => void {
  let isTending = false // a large apply keeps it waiting for seconds
  return () => {
    try {
      director.defend()
    } catch (error) {
      log.error({ err: error }, 'defending failed')
    }
    if (isTending) return
    isTending = true
    director
      .tend()
      .catch((error: unknown) => {
        log.error({ err: error }, 'tending failed')
      })
      .finally(() => {
        isTending = false
      })
  }
}
