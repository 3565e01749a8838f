/**
 * One daemon a journal: the folder's `owner` file names the process that has it. A process that is
 * gone, or is another program by now, has it no longer. Read next: journal.ts.
 */
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isSameProgram } from '../dataplane/pins.ts'
import { XlvsError } from '../errors.ts'

/**
 * Takes the folder for this process; the function gives it back.
 * @throws STATE_IN_USE when a living daemon has it; JOURNAL_WRITE when it cannot be written.
 */
export function lockState(folder: string): () => void {
  const owner = join(folder, 'owner')
  const mine = join(folder, `owner.${process.pid}`)
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    writeFileSync(mine, `${process.pid}\n`, { mode: 0o600 })
    try {
      take(folder, mine, owner)
    } finally {
      rmSync(mine)
    }
  } catch (cause) {
    if (cause instanceof XlvsError) throw cause
    throw new XlvsError(
      'JOURNAL_WRITE',
      `the state folder ${folder} cannot be taken: ${(cause as Error).message}`,
      'make it writable for root, or name another with --state',
      { cause },
    )
  }
  return () => {
    rmSync(owner, { force: true })
  }
}

/** A link is made whole or not at all, so two that start together cannot both have it. */
function take(folder: string, mine: string, owner: string): void {
  for (;;) {
    try {
      linkSync(mine, owner)
      return
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause
    }
    const pid = Number(readFileSync(owner, 'utf8'))
    if (isSameProgram(pid))
      throw new XlvsError(
        'STATE_IN_USE',
        `the state folder ${folder} belongs to process ${pid}, which is alive`,
        'stop that xlvsd first, or start this one with --socket, --bpffs and --state of its own',
      )
    rmSync(owner, { force: true })
  }
}
