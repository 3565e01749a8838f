/** Who made an object, so that nobody changes what is another's by accident. Imports nothing. */

/** A command, ipvsadm, the API, or the configuration file whose path follows. */
export type Origin = 'command' | 'ipvsadm' | 'api' | `file ${string}`

/** The origin of what was made before origins were kept. */
const ORIGIN_UNKNOWN: Origin = 'command'

/** Origins that a client may name itself; a file's comes with what is applied. */
export const CLIENT_ORIGINS = ['command', 'ipvsadm', 'api'] as const

export function originOf(object: { origin?: Origin }): Origin {
  return object.origin ?? ORIGIN_UNKNOWN
}

/** The origin of what the file at that path names. */
export function fileOrigin(path: string): Origin {
  return `file ${path}`
}

/** The path of the file that owns it, undefined when no file does. */
export function fileOf(origin: Origin): string | undefined {
  return origin.startsWith('file ') ? origin.slice('file '.length) : undefined
}
