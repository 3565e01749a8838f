/**
 * Lists connections in pages: a table of millions is read in pieces, and between two pieces whoever
 * else asks the daemon is answered. A page goes on where the one before it ended, in table order;
 * connections that begin or end meanwhile may be in it or not. Read next: ../dataplane/conns.ts.
 */
import { isIPv6 } from 'node:net'
import { setImmediate as pause } from 'node:timers/promises'
import { TCP_STATE } from '../abi/maps.gen.ts'
import { parseDestName, parseServiceName } from '../config/name.ts'
import { nearest } from '../config/nearest.ts'
import { shown } from '../config/refusal.ts'
import { XlvsError } from '../errors.ts'
import { serviceName, type ConnView, type DestId } from '../model/service.ts'
import type { ConnPage, ConnQuery } from './contract.ts'

/** Connections in a page unless asked otherwise, and at most: some 2 MB of JSON. */
export const PAGE_DEFAULT = 1000
export const PAGE_MAX = 10_000
/** Slots of a piece. A full one takes about 3 ms to read. */
const PIECE_SLOTS = 4096
/** After this it is the turn of others. */
const TURN_MS = 5

/** The tables, as pages read them. */
export interface ConnTables {
  /** Slots of each table. */
  slots(): readonly number[]
  /** Connections in a range of a table's slots, each once. */
  read(table: number, from: number, to: number): ConnView[]
}

/**
 * The connections that a query asks for, from where it says on.
 * @param tablesOf the tables as far as they are of a service, by its name
 * @throws BAD_REQUEST, BAD_ADDRESS, BAD_PORT, BAD_PROTOCOL when it is no query.
 */
export async function connPage(
  tablesOf: (service?: string) => ConnTables,
  query: ConnQuery,
  nowMs: () => number = () => performance.now(),
): Promise<ConnPage> {
  const { service } = query
  const isWanted = filterOf(query)
  const tables = tablesOf(service === undefined ? service : serviceName(parseServiceName(service)))
  const limit = query.limit ?? PAGE_DEFAULT
  const slots = tables.slots()
  let [table, slot] = placeOf(query.after)
  const conns: ConnView[] = []
  let piece = PIECE_SLOTS
  let turnEndsMs = nowMs() + TURN_MS
  while (table < slots.length) {
    const left = (slots[table] ?? 0) - slot
    if (left <= 0) {
      table++
      slot = 0
      continue
    }
    const size = Math.min(piece, left)
    const found = tables.read(table, slot, slot + size).filter(isWanted)
    if (conns.length + found.length > limit && size > 1) {
      piece = size >> 1 // the page ends within this piece: look for the place
      continue
    }
    if (conns.length + found.length > limit) break
    conns.push(...found)
    slot += size
    if (nowMs() >= turnEndsMs) {
      await pause()
      turnEndsMs = nowMs() + TURN_MS
    }
  }
  return table < slots.length ? { conns, next: `${table}:${slot}` } : { conns }
}

function placeOf(after: string | undefined): [table: number, slot: number] {
  if (after === undefined) return [0, 0]
  const [, table, slot] = /^([0-9]):([0-9]{1,10})$/.exec(after) ?? []
  if (table === undefined || slot === undefined)
    throw new XlvsError(
      'BAD_REQUEST',
      `after is ${shown(after)}: expected the next of an earlier page`,
      'leave it out to begin with the first page',
    )
  return [Number(table), Number(slot)]
}

function filterOf({ dest, client, state }: ConnQuery): (conn: ConnView) => boolean {
  const tests: ((conn: ConnView) => boolean)[] = []
  if (dest !== undefined) tests.push(endTest('dest', dest))
  if (client !== undefined) tests.push(endTest('client', client))
  if (state !== undefined) {
    const known = parseState(state)
    tests.push(conn => conn.state === known)
  }
  return conn => tests.every(isSo => isSo(conn))
}

/** Address and port, or any port; an IPv6 address alone needs no brackets. */
function endTest(end: 'dest' | 'client', text: string): (conn: ConnView) => boolean {
  const ANY_PORT = 0
  const { address, port }: DestId = parseDestName(isIPv6(text) ? `[${text}]` : text, ANY_PORT)
  return conn => conn[end].address === address && (port === ANY_PORT || conn[end].port === port)
}

function parseState(text: string): string {
  const known = [
    ...Object.keys(TCP_STATE)
      .filter(name => name !== 'TCP_STATES' && !name.endsWith('_UNOPENED'))
      .map(name => name.slice('TCP_'.length)),
    'UDP',
    'ASSURED',
  ]
  const word = text.toUpperCase()
  if (known.includes(word)) return word
  const lower = known.map(name => name.toLowerCase())
  const guess = nearest(text, lower)?.toUpperCase()
  throw new XlvsError(
    'BAD_REQUEST',
    `state ${shown(text)} is not known: expected ${known.join(', ')}`,
    guess ? `did you mean ${guess}?` : 'use one of them',
  )
}
