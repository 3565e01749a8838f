/**
 * What both commands do before anything else. Compiled code is kept between runs: it takes half of
 * a command's start. Not in the shared temporary folder, Node's default: what root loads as code
 * must not be somebody else's to write.
 */
import { enableCompileCache } from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** Keeps compiled code in ~/.cache/xlvs, if that can be written; lets `| head` close the pipe. */
export function start(): void {
  enableCompileCache(join(homedir(), '.cache', 'xlvs'))
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit()
  })
}
