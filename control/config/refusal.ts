/**
 * The sentences for values that are out of their rule: what, the value, the rule, one thing to try.
 * Both edges use them, the command line and the API, so a wrong value reads the same from either.
 * Read next: name.ts.
 */
import { type ErrorCode, XlvsError } from '../errors.ts'
import type { Family } from '../model/address.ts'
import {
  DRAIN_S_MAX,
  ENGINES,
  FORWARDING_METHODS,
  MARK_MAX,
  PERSISTENT_S_DEFAULT,
  PERSISTENT_S_MAX,
  PORT_MAX,
  PROTOCOLS,
  SCHED_FLAGS,
  SLOW_START_S_MAX,
  SCHEDULERS,
  SERVICE_NAME_MAX,
  THRESHOLD_MAX,
  WEIGHT_MAX,
} from '../model/service.ts'
import { SYNC_ID_MAX, SYNC_MAXLEN_MAX, SYNC_TTL_MAX } from '../model/sync.ts'
import { nearest } from './nearest.ts'

/** Longest interface name Linux takes: IFNAMSIZ less the terminator. */
export const INTERFACE_NAME_MAX = 15

export function badAddress(value: unknown): XlvsError {
  if (typeof value === 'string' && /:.*%/.test(value))
    return new XlvsError(
      'BAD_ADDRESS',
      `address ${shown(value)} has a zone: expected an address that means the same on every link`,
      'leave the % and what follows out, and use no link-local address',
    )
  if (typeof value === 'string' && value.includes(':'))
    return new XlvsError(
      'BAD_ADDRESS',
      `address ${shown(value)} is not an IPv6 address: expected eight groups of one to four ` +
        'hexadecimal digits, :: once for groups of zeros',
      'write it for example as 2001:db8::1',
    )
  return new XlvsError(
    'BAD_ADDRESS',
    `address ${shown(value)} is not an IP address: expected four numbers 0 to 255 ` +
      'without leading zeros, or IPv6',
    'write it in full, for example 192.0.2.1 or 2001:db8::1',
  )
}

/** A value that is no number, or one out of its range, and which of the two it is. */
export function offNumber(value: unknown): string {
  const isNumber = typeof value === 'number' || /^-?[0-9]+$/.test(String(value))
  return `${shown(value)} is ${isNumber ? 'out of range' : 'not a whole number'}`
}

export function badPort(value: unknown): XlvsError {
  return new XlvsError(
    'BAD_PORT',
    `port ${offNumber(value)}: expected 1 to ${PORT_MAX}`,
    'give the port as a number, for example 80',
  )
}

export function badMark(value: unknown): XlvsError {
  return new XlvsError(
    'BAD_MARK',
    `firewall mark ${offNumber(value)}: expected 1 to ${MARK_MAX}`,
    'give the mark as a decimal number, for example 77',
  )
}

export function badWeight(value: unknown): XlvsError {
  return new XlvsError(
    'BAD_WEIGHT',
    `weight ${offNumber(value)}: expected 0 to ${WEIGHT_MAX}`,
    'give a whole number; 0 means no new connections',
  )
}

export function badNetmask(value: unknown, family?: Family): XlvsError {
  const rule = family === 6 ? 'a prefix length 1 to 128' : 'a mask of four numbers 0 to 255'
  return new XlvsError(
    'BAD_NETMASK',
    `netmask ${shown(value)} is not one: expected ${family ? rule : 'a mask or a prefix length'}`,
    family === 6 ? 'write it like 64' : 'write it like 255.255.255.0',
  )
}

export function badPersistence(value: unknown): XlvsError {
  return new XlvsError(
    'BAD_PERSISTENCE',
    `persistence ${offNumber(value)}: expected 1 to ${PERSISTENT_S_MAX} seconds`,
    `give whole seconds; ${PERSISTENT_S_DEFAULT} is usual`,
  )
}

/** @param known the words that are understood there; the API has one for each flag */
export function badSchedFlag(value: unknown, known: readonly string[] = SCHED_FLAGS): XlvsError {
  return unknownWord('BAD_SCHED_FLAG', 'scheduler flag', value, known)
}

export function badDestGone(value: unknown): XlvsError {
  return new XlvsError(
    'BAD_DEST_GONE',
    `what becomes of connections of a dest that is gone is ${shown(value)}: expected keep, drop, ` +
      `reset or drain:SECONDS, 1 to ${DRAIN_S_MAX}`,
    'for example: drain:30',
  )
}

export function badSlowStart(value: unknown): XlvsError {
  return new XlvsError(
    'BAD_SLOW_START',
    `slow start ${offNumber(value)}: expected 0 to ${SLOW_START_S_MAX} seconds`,
    'give whole seconds; 0 is none',
  )
}

export function badEngine(value: unknown): XlvsError {
  return unknownWord('BAD_ENGINE', 'persistence engine', value, ENGINES)
}

/** @param wrong what is wrong, for example `lower 5 is above upper 3` */
export function badThreshold(wrong: string): XlvsError {
  return new XlvsError(
    'BAD_THRESHOLD',
    `threshold ${wrong}: expected numbers of connections 1 to ${THRESHOLD_MAX}, the lower one ` +
      'at most the upper one',
    'leave a threshold out for no limit',
  )
}

export function badTunnel(sentence: string, hint: string): XlvsError {
  return new XlvsError('BAD_TUNNEL', sentence, hint)
}

export function unknownTunnelWord(
  what: string,
  value: unknown,
  known: readonly string[],
): XlvsError {
  return unknownWord('BAD_TUNNEL', what, value, known)
}

const SYNC_RULES = {
  role: 'master or backup',
  syncId: `0 to ${SYNC_ID_MAX}`,
  maxLen: `1 to ${SYNC_MAXLEN_MAX} bytes`,
  group: 'a multicast address',
  ttl: `1 to ${SYNC_TTL_MAX}`,
}

export function badSync(field: keyof typeof SYNC_RULES, value: unknown): XlvsError {
  return new XlvsError(
    'BAD_SYNC',
    `${field} ${shown(value)} of a sync daemon is wrong: expected ${SYNC_RULES[field]}`,
    field === 'role' ? 'use master or backup' : 'leave it out for the default',
  )
}

export function badProtocol(value: unknown): XlvsError {
  return unknownWord('BAD_PROTOCOL', 'protocol', value, PROTOCOLS)
}

export function badScheduler(value: unknown): XlvsError {
  return unknownWord('BAD_SCHEDULER', 'scheduler', value, SCHEDULERS)
}

export function badForwardingMethod(value: unknown): XlvsError {
  return unknownWord('BAD_FORWARDING_METHOD', 'forwarding method', value, FORWARDING_METHODS)
}

export function badInterface(value: unknown): XlvsError {
  return new XlvsError(
    'BAD_INTERFACE',
    `${shown(value)} cannot be the name of an interface: expected 1 to ` +
      `${INTERFACE_NAME_MAX} characters without spaces, slashes or colons`,
    'see the names with: ip -br link',
  )
}

export function badLabel(value: unknown): XlvsError {
  return new XlvsError(
    'BAD_NAME',
    `name ${shown(value)} cannot be the name of a service: expected a letter, then letters, ` +
      `digits and . - _, at most ${SERVICE_NAME_MAX} characters`,
    'write it like web-1',
  )
}

export function badMode(value: unknown): XlvsError {
  return unknownWord('BAD_MODE', 'mode', value, ['native', 'generic'])
}

/** `value` in a message: words bare, everything else as JSON, cut before it floods a terminal. */
export function shown(value: unknown): string {
  const bare = typeof value === 'string' && /^[\w.:/[\]%-]+$/.test(value)
  const text = bare ? value : value === undefined ? 'missing' : JSON.stringify(value)
  return text.length > 64 ? `${text.slice(0, 61)}...` : text
}

function unknownWord(
  code: ErrorCode,
  what: string,
  value: unknown,
  known: readonly string[],
): XlvsError {
  const guess = typeof value === 'string' ? nearest(value, known) : undefined
  return new XlvsError(
    code,
    `${what} ${shown(value)} is not known: expected ${known.join(' or ')}`,
    guess ? `did you mean ${guess}?` : `use ${known.join(' or ')}`,
  )
}
