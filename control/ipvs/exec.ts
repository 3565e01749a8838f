/**
 * Puts a program in the place of this process, with the library in front of it that leads whoever
 * asks for the kernel's IPVS to xlvsd. Read next: ../../addon/preload/hooks.c.
 */
import { accessSync, constants, statSync, writeSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ipvsSocketOf } from '../daemon/options.ts'
import { connectError, saysNobody } from '../daemon/client.ts'
import { XlvsError } from '../errors.ts'

/** Beside control/, in a checkout and when installed. Scripts that it starts need it absolute. */
const LIBRARY = fileURLToPath(new URL('../../build/libxlvs-ipvs.so', import.meta.url))
/** Node ignores these two, and what is ignored would stay so in the program. */
const SIGNALS = '--default-signal=PIPE,XFSZ'
const ENV = '/usr/bin/env'

/** What LD_PRELOAD becomes, `before` being what it is. @throws PROGRAM_MISSING */
export function preloadOf(library: string, before: string): string {
  // The dynamic linker would look for the parts, find none, and run the program without.
  if (/[ :]/.test(library))
    throw new XlvsError(
      'PROGRAM_MISSING',
      `the library ${library} cannot be named: in LD_PRELOAD a space or a colon ends a name`,
      'move xlvs to a folder whose path has neither',
    )
  return before === '' ? library : `${library}:${before}`
}

/** Does not return. @throws PROGRAM_MISSING, BAD_USAGE */
export async function execute(
  [name = '', ...args]: readonly string[],
  socket: string,
): Promise<never> {
  const program = found(name)
  const env = {
    ...process.env,
    LD_PRELOAD: preloadOf(LIBRARY, process.env['LD_PRELOAD'] ?? ''),
    XLVS_IPVS_SOCKET: resolve(ipvsSocketOf(socket)),
  }
  if (!isProgram(LIBRARY))
    throw new XlvsError(
      'PROGRAM_MISSING',
      `the library ${LIBRARY} is missing`,
      'build it with make build, or reinstall xlvs',
    )
  // It may be started later, so this is no error. One that was killed leaves its socket.
  if (saysNobody(await connectError(env.XLVS_IPVS_SOCKET)))
    warn(
      `warning: there is no xlvsd at ${socket}, so ${name} finds the kernel's own IPVS or none\n` +
        '    start xlvsd, or name its socket with --socket\n',
    )
  const words = [name, ...args]
  // env would take a name with = for a variable.
  if (isProgram(ENV) && !name.includes('=')) words.unshift(ENV, SIGNALS, '--')
  block()
  process.execve?.(words[0] === ENV ? ENV : program, words, env)
  throw new XlvsError('PROGRAM_MISSING', `${program} cannot be run`, 'see whether it is a program')
}

/**
 * Node waits for pipes and terminals by itself, and leaves them so that nobody else can: a program
 * would take "not now" for the end of its input, and drop what a slow reader has no room for.
 */
function block(): void {
  for (const stream of [process.stdin, process.stdout, process.stderr]) {
    const { _handle } = stream as { _handle?: { setBlocking?(isBlocking: boolean): unknown } }
    _handle?.setBlocking?.(true)
  }
}

/** At once, as this process is about to be another. */
function warn(text: string): void {
  try {
    writeSync(2, text)
  } catch {
    // Nobody reads it: the program is run all the same.
  }
}

/** The program as execvp() would find it. @throws PROGRAM_MISSING */
function found(name: string): string {
  const path = process.env['PATH'] ?? '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
  const all = name.includes('/') ? [name] : path.split(delimiter).map(folder => join(folder, name))
  const program = all.find(isProgram)
  if (program !== undefined) return program
  throw new XlvsError(
    'PROGRAM_MISSING',
    `there is no program ${name}`,
    name.includes('/') ? 'see whether the path is right' : 'install it, or name it by its path',
  )
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}
