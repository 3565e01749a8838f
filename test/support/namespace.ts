/**
 * A network namespace that lives as long as this process: a sleeping process holds it, and dies
 * with its parent, so that nothing is left behind however a test ends. It is entered by pid, not by
 * `ip netns exec`, which would hide the BPF file system. Assumes root. Read next: lab.ts.
 */
import { type ChildProcess, spawn, spawnSync, type SpawnOptions } from 'node:child_process'
import { once } from 'node:events'
import { readlinkSync } from 'node:fs'

/** Longest wait for a holder to have its namespace: a fork and two execs, far below. */
const HOLD_TIMEOUT_MS = 5_000
const POLL_MS = 20

export interface Namespace {
  name: string
  /** What `ip link ... netns` wants. */
  pid: number
  /** Runs a program inside, to its end. @throws Error with all it said, when it fails. */
  run(command: string[], input?: string): string
  /** Starts a program inside; it dies with this process. */
  start(command: string[], options?: SpawnOptions): ChildProcess
  /** Ends it, with all that was left in it. */
  close(): Promise<void>
}

/** Makes a namespace with its loopback up. */
export async function createNamespace(name: string): Promise<Namespace> {
  const holder = spawn('setpriv', ['--pdeathsig', 'KILL', 'unshare', '-n', 'sleep', 'infinity'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const failed = once(holder, 'error').then(([cause]) => {
    throw cause instanceof Error ? cause : new Error(String(cause))
  })
  const { pid } = holder
  if (pid === undefined) return failed
  await waitFor(`namespace ${name}`, () => netOf(pid) !== netOf('self'), HOLD_TIMEOUT_MS)
  const enter = ['nsenter', `--net=/proc/${pid}/ns/net`, '--']
  const namespace: Namespace = {
    name,
    pid,
    run: (command, input) => runCommand([...enter, ...command], input),
    start: (command, options = {}) =>
      spawn('setpriv', ['--pdeathsig', 'KILL', ...enter, ...command], options),
    close: () => endOf(holder),
  }
  namespace.run(['ip', 'link', 'set', 'lo', 'up'])
  return namespace
}

/** Kills a process this one started, and waits until it is no more. */
export async function endOf(
  process: ChildProcess,
  signal: NodeJS.Signals = 'SIGKILL',
): Promise<void> {
  if (process.exitCode !== null || process.signalCode !== null) return
  const exit = once(process, 'exit')
  process.kill(signal)
  await exit
}

/** Which namespace a process is in; '' when it has gone. */
function netOf(pid: number | 'self'): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`)
  } catch {
    return ''
  }
}

/** @throws Error with all the program said, when it fails. */
export function runCommand(command: string[], input = ''): string {
  const [program = '', ...args] = command
  const { status, stdout, stderr, error } = spawnSync(program, args, { input, encoding: 'utf8' })
  if (error) throw error
  if (status === 0) return stdout
  throw new Error(`${command.join(' ')}: exit ${String(status)}\n${input}\n${stdout}${stderr}`)
}

/** Asks again and again until the answer is true. @throws Error naming `what`, when it never is. */
export async function waitFor(
  what: string,
  ask: () => boolean | Promise<boolean>,
  timeoutMs = 10_000,
): Promise<void> {
  const giveUpAt = Date.now() + timeoutMs
  while (!(await ask())) {
    if (Date.now() > giveUpAt) throw new Error(`waited ${timeoutMs} ms in vain for ${what}`)
    await new Promise(resolve => setTimeout(resolve, POLL_MS))
  }
}
