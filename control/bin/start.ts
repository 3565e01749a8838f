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

/** The name of ipvsadm or of one of its scripts, when a program was called by a link of it. */
export function scriptName(path: string): string | undefined {
  return /(?:^|\/)(ipvsadm(?:-save|-restore)?)(?:\.js)?$/.exec(path)?.[1]
}
