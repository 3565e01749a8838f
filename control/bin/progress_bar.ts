/** A bar for what takes longer than a moment: on a terminal only, gone when it is done. */
import type { WriteStream } from 'node:tty'
import type { Progress } from '../model/difference.ts'

const WIDTH = 40

export interface ProgressBar {
  show: (progress: Progress) => void
  /** Takes the bar off the screen. */
  clear: () => void
}

/** A bar on that stream, of so many of something; nothing is written when it is no terminal. */
export function progressBar(
  stream: Pick<WriteStream, 'isTTY' | 'write'>,
  what = 'services',
): ProgressBar {
  let shown = false
  return {
    show: ({ done, total }) => {
      if (!stream.isTTY || total === 0) return
      const filled = Math.round((WIDTH * done) / total)
      const bar = '#'.repeat(filled).padEnd(WIDTH, '.')
      stream.write(`\r[${bar}] ${done} of ${total} ${what}`)
      shown = true
    },
    clear: () => {
      if (shown) stream.write('\r\u001b[K')
      shown = false
    },
  }
}
