/**
 * ipvsadm-save and ipvsadm-restore, the scripts that come with ipvsadm, as they behave.
 * Source: ipvsadm-save, ipvsadm-restore (v1.31).
 */
import { basename } from 'node:path'
import { main } from './main.ts'
import { SYSTEM, type System } from './system.ts'

/**
 * Runs the program of that name with those words; any name but the scripts' is ipvsadm. Resolves
 * to its exit status.
 */
export function call(
  program: string,
  words: readonly string[],
  system: System = SYSTEM,
  socket?: string,
): Promise<number> {
  const name = basename(program)
  if (name === 'ipvsadm-save') return save(name, words, system, socket)
  if (name === 'ipvsadm-restore') return restore(system, socket)
  return main(words, program, system, socket)
}

async function save(
  name: string,
  words: readonly string[],
  system: System,
  socket: string | undefined,
): Promise<number> {
  if (words.some(word => word.startsWith('-') && word !== '-n')) {
    system.complain(
      `${name}: Script to save the IPVS table to stdout.\n` +
        '   With the -n option, prints out the table in numeric format.\n',
    )
    return 1
  }
  return main(words.includes('-n') ? ['-S', '-n'] : ['-S'], 'ipvsadm', system, socket)
}

/** Clears first; lines that begin with # are left out. */
async function restore(system: System, socket: string | undefined): Promise<number> {
  const text = await system.readInput()
  const kept = text.split('\n').filter(line => !line.startsWith('#'))
  const readInput = (): Promise<string> => Promise.resolve(kept.join('\n'))
  await main(['-C'], 'ipvsadm', system, socket)
  return main(['-R'], 'ipvsadm', { ...system, readInput }, socket)
}
