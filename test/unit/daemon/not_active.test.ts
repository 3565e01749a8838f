/** What of a file's change is not active yet, and the log's line of it. */
import test from 'ava'
import { bulkInactive, logInactive } from '../../../control/daemon/not_active.ts'
import { NEW_DEST } from '../../../control/bin/dest_flags.ts'
import type { Dest, Service } from '../../../control/model/service.ts'
import type { Warning } from '../../../control/model/warning.ts'
import { wholly } from '../../../control/model/work.ts'
import { emptyIntent, type BulkChange } from '../../../control/plan/intent.ts'

const ID = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const
const WEB: Service = { ...ID, scheduler: 'rr' }
const LATER: Service = { ...WEB, protocol: 'sctp' }
const PLAIN: Dest = { ...NEW_DEST, address: '10.0.0.2', port: 80 }
const GUE: Dest = { ...PLAIN, fwd: 'tun', tunnel: { type: 'gue', port: 6080 } }

function told(change: Partial<BulkChange>, before = emptyIntent()): string[] {
  return warned(change, before).map(({ message }) => message)
}

function warned(change: Partial<BulkChange>, before = emptyIntent()): Warning[] {
  const nothing = { puts: [], removes: [], attaches: [], detaches: [], zero: {} }
  const whole: BulkChange = { op: 'apply', ...nothing, ...change }
  return wholly(bulkInactive(before, whole))
}

test('apply: what is added or changed and not active yet, a warning for each', t => {
  const was = { ...emptyIntent(), services: { 'sctp:192.0.2.1:80': { service: LATER, dests: [] } } }

  t.deepEqual(told({ puts: [{ service: WEB, dests: [PLAIN] }] }), [])
  t.deepEqual(told({ puts: [{ service: LATER, dests: [GUE] }] }), [
    'sctp:192.0.2.1:80 is not active yet (sctp): its packets pass to the host',
    'not active yet: gue tunnels of dest 10.0.0.2:80 of sctp:192.0.2.1:80',
  ])
  t.deepEqual(told({ puts: [{ service: LATER, dests: [GUE] }] }, was), [
    'not active yet: gue tunnels of dest 10.0.0.2:80 of sctp:192.0.2.1:80',
  ])
})

test('apply: a service becomes one-packet, then its nat dests are warned of once', t => {
  const udp: Service = { ...WEB, protocol: 'udp' }
  const dests = [PLAIN, { ...PLAIN, port: 81 }]
  const was = { ...emptyIntent(), services: { 'udp:192.0.2.1:80': { service: udp, dests } } }

  t.deepEqual(told({ puts: [{ service: udp, dests }] }, was), [])
  t.deepEqual(told({ puts: [{ service: { ...udp, onePacket: true }, dests }] }, was), [
    'answers of nat dests of udp:192.0.2.1:80 are not translated, as one-packet scheduling ' +
      "makes no connection to know them by: clients see the dest's own address, as with IPVS",
  ])
})

test('apply: more than people read, then the rest is counted', t => {
  const dests = Array.from({ length: 25 }, (_, i) => ({ ...GUE, port: i + 1 }))

  const lines = told({ puts: [{ service: WEB, dests }] })

  t.is(lines.length, 21)
  t.is(lines.at(-1), '5 more are like that')
})

test('apply: more than people read of several kinds, the rest is counted by kind', t => {
  const here = Array.from({ length: 25 }, (_, i) => ({
    ...PLAIN,
    ...{ address: '127.0.0.1', port: i + 1 },
  }))
  const rests = (dests: Dest[]): string[] =>
    warned({ puts: [{ service: WEB, dests }] })
      .slice(20)
      .map(({ kind, message }) => `${kind}: ${message}`)

  t.deepEqual(rests(here), ['loopback-dest: 5 more are like that'])
  t.deepEqual(rests([...Array.from({ length: 21 }, () => GUE), ...here]), [
    'not-active: 1 more are like that',
    'loopback-dest: 25 more are like that',
  ])
})

test('log: some not active yet among other warnings, one line', t => {
  const lines: unknown[][] = []
  const log = { warn: (...words: unknown[]) => void lines.push(words) }
  const warning = (kind: string): Warning => ({ kind, message: 'm', cure: 'c' })

  logInactive(log, [warning('owned-by-file')])
  logInactive(log, [warning('not-active'), warning('owned-by-file'), warning('not-active')])

  t.deepEqual(lines, [[{ ...warning('not-active'), more: 1 }, 'not active yet']])
})
