/**
 * What both commands do before anything else.
 */
import { writeSync } from 'node:fs'

/** Lets the reader of standard output go away, as `| head` does; says when it cannot be written. */
export function start(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit()
    try {
      writeSync(2, `error: standard output cannot be written: ${error.message}\n`)
    } catch {
      // Nor can standard error: the status says it.
    }
    process.exit(1)
  })
}

/** The name of ipvsadm or of one of its scripts, when a program was called by a link of it. */
export function scriptName(path: string): string | undefined {
  return /(?:^|\/)(ipvsadm(?:-save|-restore)?)(?:\.js)?$/.exec(path)?.[1]
}
