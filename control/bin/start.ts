/**
 * What both commands do before anything else.
 */

/** Lets the reader of standard output go away, as `| head` does. */
export function start(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit()
  })
}
