/**
 * Text to single settings of services, dests and sync daemons, as lvs.yaml and the command line
 * spell them; nouns.ts has the rules between several of them. Pure. Read next: refusal.ts.
 */
import { isMulticast, type Family } from '../model/address.ts'
import {
  DEST_GONE,
  DRAIN_S_MAX,
  ENGINES,
  FLAG_WORDS,
  PERSISTENT_S_MAX,
  PORT_MAX,
  SLOW_START_S_MAX,
  THRESHOLD_MAX,
  TUNNEL_CHECKSUMS,
  TUNNEL_TYPES,
  withoutUndefined,
  type DestGone,
  type Engine,
  type SchedFlag,
  type TunnelOptions,
} from '../model/service.ts'
import {
  SYNC_ID_MAX,
  SYNC_MAXLEN_MAX,
  SYNC_ROLES,
  SYNC_TTL_MAX,
  type SyncRole,
} from '../model/sync.ts'
import { NETMASK_PATTERN, parseAddress } from './name.ts'
import { isNetmask } from './nouns.ts'
import {
  badDestGone,
  badEngine,
  badNetmask,
  badPersistence,
  badPort,
  badSchedFlag,
  badSlowStart,
  badSync,
  badThreshold,
  badTunnel,
  offNumber,
  unknownTunnelWord,
} from './refusal.ts'

/** What stands for no value where a word must stand. */
export const NONE = 'none'
/** The tunnel that needs no options. */
export const PLAIN_TUNNEL = 'ipip'

const TUNNELS = [PLAIN_TUNNEL, ...TUNNEL_TYPES] as const
const CHECKSUMS = [NONE, ...TUNNEL_CHECKSUMS] as const
const NETMASK = new RegExp(NETMASK_PATTERN)

/** A flag by its own name or by what sh and mh call it. @throws BAD_SCHED_FLAG */
export function parseSchedFlag(text: string): SchedFlag {
  const found = FLAG_WORDS[text]
  if (!found) throw badSchedFlag(text, Object.keys(FLAG_WORDS))
  return found
}

/** @throws BAD_PERSISTENCE */
export function parsePersistence(text: string): number {
  return numberFrom1(text, PERSISTENT_S_MAX, () => badPersistence(text))
}

/** @param family undefined: not known, so both are right @throws BAD_NETMASK */
export function parseNetmask(text: string, family: Family | undefined): string {
  const isRight = family === undefined ? NETMASK.test(text) : isNetmask(text, family)
  if (!isRight) throw badNetmask(text, family)
  return text
}

/** @throws BAD_DEST_GONE */
export function parseDestGone(text: string): DestGone {
  const word = DEST_GONE.find(word => word === text)
  if (word !== undefined) return word
  const seconds = /^drain:(\d{1,5})$/.exec(text)?.[1]
  if (seconds === undefined) throw badDestGone(text)
  return `drain:${numberFrom1(seconds, DRAIN_S_MAX, () => badDestGone(text))}`
}

/** 0: none. @throws BAD_SLOW_START */
export function parseSlowStart(text: string): number {
  if (text === '0') return 0
  return numberFrom1(text, SLOW_START_S_MAX, () => badSlowStart(text))
}

/** @throws BAD_ENGINE */
export function parseEngine(text: string): Engine {
  const found = ENGINES.find(engine => engine === text)
  if (!found) throw badEngine(text)
  return found
}

/** @throws BAD_THRESHOLD */
export function parseThreshold(which: 'upper' | 'lower', text: string): number {
  return numberFrom1(text, THRESHOLD_MAX, () => badThreshold(`${which} ${offNumber(text)}`))
}

/** @throws BAD_TUNNEL */
export function parseTunnelType(text: string): TunnelOptions['type'] | typeof PLAIN_TUNNEL {
  const found = TUNNELS.find(type => type === text)
  if (!found) throw unknownTunnelWord('tunnel', text, TUNNELS)
  return found
}

/** @throws BAD_PORT */
export function parsePort(text: string): number {
  return numberFrom1(text, PORT_MAX, () => badPort(text))
}

/** @throws BAD_TUNNEL */
export function parseTunnelChecksum(text: string): TunnelOptions['checksum'] | typeof NONE {
  const found = CHECKSUMS.find(checksum => checksum === text)
  if (!found) throw unknownTunnelWord('tunnel checksum', text, CHECKSUMS)
  return found
}

/** The words about a tunnel, where there are any. */
export interface TunnelWords {
  type?: ReturnType<typeof parseTunnelType> | undefined
  port?: number | undefined
  checksum?: ReturnType<typeof parseTunnelChecksum> | undefined
}

/**
 * The options that they come to; undefined: IP in IP.
 * @throws BAD_TUNNEL when they are of a tunnel that has none.
 */
export function tunnelOf(words: TunnelWords): TunnelOptions | undefined {
  const { type = PLAIN_TUNNEL, port, checksum = NONE } = words
  if (type !== PLAIN_TUNNEL)
    return withoutUndefined<TunnelOptions>({
      ...{ type, port },
      checksum: checksum === NONE ? undefined : checksum,
    })
  const wrong = port !== undefined ? 'port' : checksum !== NONE ? 'checksum' : undefined
  if (wrong === undefined) return undefined
  throw badTunnel(
    `a tunnel of type ipip has no ${wrong}: expected it with ${TUNNEL_TYPES.join(' or ')} only`,
    `leave the ${wrong} out, or say which type of tunnel it is of`,
  )
}

/** @throws BAD_SYNC */
export function parseSyncRole(text: string): SyncRole {
  const found = SYNC_ROLES.find(role => role === text)
  if (!found) throw badSync('role', text)
  return found
}

const SYNC_NUMBERS = {
  syncId: { min: 0, max: SYNC_ID_MAX },
  maxLen: { min: 1, max: SYNC_MAXLEN_MAX },
  ttl: { min: 1, max: SYNC_TTL_MAX },
} as const

/** @throws BAD_SYNC */
export function parseSyncNumber(field: keyof typeof SYNC_NUMBERS, text: string): number {
  const { min, max } = SYNC_NUMBERS[field]
  return numberWithin(text, min, max, () => badSync(field, text))
}

/** @throws BAD_ADDRESS, BAD_SYNC */
export function parseSyncGroup(text: string): string {
  const address = parseAddress(text)
  if (!isMulticast(address)) throw badSync('group', address)
  return address
}

function numberFrom1(text: string, max: number, bad: () => Error): number {
  return numberWithin(text, 1, max, bad)
}

function numberWithin(text: string, min: number, max: number, bad: () => Error): number {
  if (!/^[0-9]{1,10}$/.test(text) || +text < min || +text > max) throw bad()
  return +text
}
