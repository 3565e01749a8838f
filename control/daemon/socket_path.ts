/** What a path must be for a unix socket to be there. Light, as client.ts is. */
import { XlvsError } from '../errors.ts'

const { lstatSync } = process.getBuiltinModule('node:fs')

/** Linux' sockaddr_un has 108 bytes, and Node ends a path with a zero. Source: unix(7). */
const BYTES_MAX = 107
const OTHER = 'name another path by --socket or XLVS_SOCKET'

/** The path, which a socket can have. @throws BAD_USAGE when none can */
export function socketPathOf(path: string): string {
  if (path === '') throw new XlvsError('BAD_USAGE', 'the path of the socket is empty', OTHER)
  const bytes = Buffer.byteLength(path)
  if (bytes <= BYTES_MAX) return path
  throw new XlvsError(
    'BAD_USAGE',
    `${path} is no path for a socket: the path has ${bytes} bytes, a socket's at most ${BYTES_MAX}`,
    OTHER,
  )
}

/** What is at a path that is not a socket; undefined: nothing, a socket, or who knows. */
export function notSocket(path: string): string | undefined {
  try {
    const found = lstatSync(path, { throwIfNoEntry: false })
    if (found === undefined || found.isSocket() || found.isSymbolicLink()) return undefined
    if (found.isDirectory()) return 'it is a folder, not a socket'
    return found.isFile() ? 'it is a plain file, not a socket' : 'it is not a socket'
  } catch {
    return undefined
  }
}
