/**
 * A network namespace that lives as long as this process: a sleeping process holds it, and dies
 * with its parent, so that nothing is left behind however a test ends. It is entered by pid, not by
 * `ip netns exec`, which would hide the BPF file system. Assumes root. Read next: lab.ts.
 */
import { type ChildProcess, spawn, spawnSync, type SpawnOptions } from 'node:child_process'
import { once } from 'node:events'
import { readlinkSync } from 'node:fs'
import { text } from 'node:stream/consumers'

/** Longest wait for a holder to have its namespace: a fork and two execs, far below. */
const HOLD_TIMEOUT_MS = 30_000
const POLL_MS = 20

export interface Namespace {
  name: string
  /** What `ip link ... netns` wants. */
  pid: number
  /** Runs a program inside, to its end. @throws Error with all it said, when it fails. */
  run(command: string[], input?: string): string
  /** Runs a program inside, to its end, whatever that is. */
  attempt(command: string[]): Promise<Outcome>
  /** Starts a program inside; it dies with this process. */
  start(command: string[], options?: SpawnOptions): ChildProcess
  /** Ends all that was started in it, then itself. */
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
  const started: ChildProcess[] = []
  const enter = ['nsenter', `--net=/proc/${pid}/ns/net`, '--']
  const namespace: Namespace = {
    name,
    pid,
    run: (command, input) => runCommand([...enter, ...command], input),
    attempt: command => attempt(['setpriv', '--pdeathsig', 'KILL', ...enter, ...command]),
    start: (command, options = {}) => {
      const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...enter, ...command], options)
      started.push(child)
      return child
    },
    close: async () => {
      await Promise.all(started.map(child => endOf(child)))
      await endOf(holder)
    },
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

export interface Outcome {
  /** null: it did not end by itself in time, and was ended. */
  status: number | null
  stdout: string
  stderr: string
}

/** Longest a command may take on a busy machine. */
const COMMAND_TIMEOUT_MS = 120_000

/** Runs a program while other things go on. */
export async function attempt(command: string[]): Promise<Outcome> {
  const [program = '', ...args] = command
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: COMMAND_TIMEOUT_MS,
  })
  const closed = once(child, 'close') as Promise<[number | null]>
  const said = Promise.all([text(child.stdout), text(child.stderr)])
  const [[stdout, stderr], [status]] = await Promise.all([said, closed])
  return { status, stdout, stderr }
}

/** Like runCommand, while other things go on. @throws Error with all the program said. */
export async function runMeanwhile(command: string[]): Promise<string> {
  const { status, stdout, stderr } = await attempt(command)
  if (status === 0) return stdout
  throw new Error(`${command.join(' ')}: exit ${String(status)}\n${stdout}${stderr}`)
}

/** Asks again and again until the answer is true. @throws Error naming `what`, when it never is. */
export async function waitFor(
  what: string,
  ask: () => boolean | Promise<boolean>,
  timeoutMs = 60_000,
): Promise<void> {
  const giveUpAt = Date.now() + timeoutMs
  while (!(await ask())) {
    if (Date.now() > giveUpAt) throw new Error(`waited ${timeoutMs} ms in vain for ${what}`)
    await new Promise(resolve => setTimeout(resolve, POLL_MS))
  }
}
