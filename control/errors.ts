/**
 * Every error a person can meet: a stable code, a sentence (what, where, the value, the rule) and
 * one thing to try. Imports nothing. MANUAL.md has an entry for each code; a test compares.
 */

/** code: [exit status (1 tried and failed, 2 asked wrongly), HTTP status]. */
export const ERROR_CODES = {
  NO_ROOT: [1, 403],
  NO_BPFFS: [1, 500],
  KERNEL_TOO_OLD: [1, 500],
  NO_NATIVE_XDP: [1, 409],
  INTERFACE_MISSING: [1, 404],
  INTERFACE_NOT_ATTACHED: [1, 404],
  INTERFACE_ATTACHED: [1, 409],
  INTERFACE_UNFIT: [1, 409],
  OFFLOAD_ON: [1, 409],
  NO_XDP_TRANSMIT: [1, 409],
  IFINDEX_TOO_LARGE: [1, 409],
  MTU_TOO_LARGE: [1, 409],
  FOREIGN_PROGRAM: [1, 409],
  ABI_MISMATCH: [1, 500],
  SOCKET_IN_USE: [1, 500],
  SOCKET_REFUSED: [1, 503],
  PINS_IN_USE: [1, 500],
  STATE_IN_USE: [1, 500],
  JOURNAL_MISSING: [1, 500],
  JOURNAL_DAMAGED: [1, 500],
  JOURNAL_WRITE: [1, 500],
  TABLE_FULL: [1, 507],
  KERNEL_REFUSED: [1, 500],
  TIMED_OUT: [1, 504],
  PROGRAM_MISSING: [1, 500],
  TOO_MANY_WATCHERS: [1, 503],
  INTERNAL: [1, 500],
  BAD_ADDRESS: [2, 400],
  BAD_PORT: [2, 400],
  BAD_PROTOCOL: [2, 400],
  BAD_MARK: [2, 400],
  BAD_MARK_RULE: [2, 400],
  BAD_SERVICE: [2, 400],
  BAD_PERSISTENCE: [2, 400],
  BAD_NETMASK: [2, 400],
  BAD_SCHED_FLAG: [2, 400],
  BAD_ENGINE: [2, 400],
  BAD_DEST_GONE: [2, 400],
  BAD_SLOW_START: [2, 400],
  BAD_THRESHOLD: [2, 400],
  BAD_TUNNEL: [2, 400],
  BAD_SYNC: [2, 400],
  BAD_SCHEDULER: [2, 400],
  BAD_WEIGHT: [2, 400],
  BAD_FORWARDING_METHOD: [2, 400],
  BAD_INTERFACE: [2, 400],
  BAD_MODE: [2, 400],
  BAD_NAME: [2, 400],
  BAD_SETTING: [2, 400],
  UNKNOWN_SETTING: [2, 404],
  BAD_FAMILY: [2, 400],
  BAD_YAML: [2, 400],
  BAD_TYPE: [2, 400],
  BAD_CONFIG: [2, 400],
  CONFIG_UNREADABLE: [2, 400],
  CONFIG_TOO_LARGE: [2, 413],
  UNKNOWN_KEY: [2, 400],
  DUPLICATE: [2, 400],
  BAD_REQUEST: [2, 400],
  BAD_USAGE: [2, 400],
  UNKNOWN_COMMAND: [2, 404],
  NO_SUCH_ROUTE: [2, 404],
  SERVICE_EXISTS: [1, 409],
  SERVICE_MISSING: [1, 404],
  DEST_EXISTS: [1, 409],
  DEST_MISSING: [1, 404],
  NAME_TAKEN: [1, 409],
  MARK_RULE_EXISTS: [1, 409],
  MARK_RULE_MISSING: [1, 404],
  MARKS_LEFT_OUT: [1, 409],
  SYNC_RUNNING: [1, 409],
  SYNC_NOT_RUNNING: [1, 404],
  SYNC_UNREACHABLE: [1, 409],
  SCHEDULER_FULL: [1, 409],
  OWNED_BY_OTHER: [1, 409],
  DEST_NOT_UNICAST: [2, 400],
} as const satisfies Record<string, readonly [exit: 1 | 2, http: number]>

export type ErrorCode = keyof typeof ERROR_CODES

/** What of a configuration an error is about, named as on the command line. */
export interface About {
  what: 'service' | 'dest' | 'interface' | 'setting' | 'daemon' | 'mark'
  name: string
  /** The service of a dest. */
  service?: string
  /** What is wrong with this one, where the error has several. */
  message?: string
}

/** An error meant for a person. `message` is a whole sentence; `hint` is one thing to try. */
export class XlvsError extends Error {
  readonly code: ErrorCode
  readonly hint: string
  readonly about: readonly About[]
  /** Lines of somebody else that say more, the kernel's. */
  readonly details: readonly string[]

  constructor(
    code: ErrorCode,
    message: string,
    hint: string,
    options: { cause?: unknown; about?: readonly About[]; details?: readonly string[] } = {},
  ) {
    super(message, options)
    this.name = 'XlvsError'
    this.code = code
    this.hint = hint
    this.about = options.about ?? []
    this.details = options.details ?? []
  }

  /** As it travels: {"code", "message", "hint"}, and "about" and "details" where there are any. */
  toJSON(): ErrorBody {
    const { code, message, hint, about, details } = this
    const more = {
      ...(about.length > 0 ? { about } : {}),
      ...(details.length > 0 ? { details } : {}),
    }
    return { code, message, hint, ...more }
  }

  get exitStatus(): 1 | 2 {
    return ERROR_CODES[this.code][0]
  }

  get httpStatus(): number {
    return ERROR_CODES[this.code][1]
  }
}

export interface ErrorBody {
  code: ErrorCode
  message: string
  hint: string
  about?: readonly About[]
  details?: readonly string[]
}

/** Everything that is wrong with a configuration file, each error with its place. */
export class ConfigError extends XlvsError {
  readonly file: string
  /** The file's text, to show the lines from. */
  readonly text: string
  readonly faults: readonly Fault[]

  /** @param refused what the daemon said, when it is the daemon that found them */
  constructor(file: string, text: string, faults: readonly Fault[], refused?: XlvsError) {
    const errors = faults.length === 1 ? '1 error' : `${faults.length} errors`
    const { code, message, hint } = refused ?? {
      code: 'BAD_CONFIG',
      message: `${file} has ${errors}`,
      hint: 'mend them and try again',
    }
    super(code, message, hint, { cause: refused?.cause })
    this.file = file
    this.text = text
    this.faults = faults
  }
}

/** Whether a word from outside (a response, a test) is one of our codes. */
export function isErrorCode(word: unknown): word is ErrorCode {
  return typeof word === 'string' && Object.hasOwn(ERROR_CODES, word)
}

/** An error in a text, and where: lines and columns count from 1. */
export interface Fault {
  line: number
  column: number
  /** Characters to underline; 0 where the text as a whole is wrong. */
  length: number
  error: XlvsError
}
