/**
 * Runs the real commands as processes of their own, the way a shell would.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'

const BIN = join(import.meta.dirname, '..', '..', 'control', 'bin')

export interface Ran {
  status: number | null
  out: string
  err: string
}

interface Given {
  socket?: string
  input?: string
  /** Folder to run in; this one otherwise. */
  cwd?: string
  env?: Record<string, string>
  /** Another script than xlvs.js. */
  script?: string
  /** Closes its standard output at once. */
  readNothing?: boolean
  /** File that its standard output goes to. */
  output?: string
  /** Is told what it prints as it prints it. */
  listen?: (out: string) => void
}

/** `xlvs` with those words, talking to that socket. */
export function xlvs(words: readonly string[], given: Given = {}): Promise<Ran> {
  const script = given.script ?? join(BIN, 'xlvs.js')
  const env = { ...process.env, XLVS_SOCKET: given.socket ?? '/nonexistent/xlvs.sock' }
  const { cwd } = given
  const options = { env: { ...env, ...given.env }, ...(cwd === undefined ? {} : { cwd }) }
  const command = [process.execPath, script, ...words]
  const into = given.output === undefined ? [] : ['sh', '-c', `exec "$@" >${given.output}`, 'sh']
  const [program = '', ...args] = [...into, ...command]
  const child = spawn(program, args, options)
  const ran: Ran = { status: null, out: '', err: '' }
  child.stdout.on('data', chunk => {
    ran.out += String(chunk)
    given.listen?.(ran.out)
  })
  child.stderr.on('data', chunk => (ran.err += String(chunk)))
  if (given.readNothing) child.stdout.destroy()
  child.stdin.on('error', () => undefined)
  child.stdin.end(given.input ?? '')
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', status => {
      resolve({ ...ran, status })
    })
  })
}
