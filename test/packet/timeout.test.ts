/** How long connections live, and what is left of them: deadlines, the sweep, the dests' counts. */
import test from 'ava'
import { TCP_STATE } from '../../control/abi/maps.gen.ts'
import { director, type PacketDirector } from '../support/director.ts'
import { FAMILIES, paths, service } from '../support/families.ts'
import { tcp, udp } from '../support/frames.ts'
import {
  connTable,
  lockedStripes,
  requestSlot,
  setDeadline,
  setState,
  slots,
  stashed,
} from './table.ts'

/** A little, in seconds: more than the sweep's margin of two ticks. */
const LITTLE = 0.2
/** Seconds by which a deadline may be late (SLACK_TICKS_MAX of bpf/track.h), and a little. */
const LATE = 1.024 + LITTLE

for (const f of FAMILIES) {
  const { request: REQUEST, reply: REPLY } = paths(f)
  const SERVICE = service(f)
  const UDP = service(f, { protocol: 'udp' })
  const DIRECT = service(f, { fwd: 'dr' })
  const TUNNEL = service(f, { fwd: 'tun' })

  /** Nothing of any connection is left: no slot, no key, no lock, no count. */
  function nothingLeft(lvs: PacketDirector) {
    const dests = lvs.intents.flatMap(i => i.dests.map(d => lvs.counts(d.address)))
    return {
      slots: slots(lvs, f).length,
      stashed: stashed(lvs),
      locked: lockedStripes(lvs),
      counted: dests.reduce((sum, d) => sum + d.active + d.inactive, 0),
    }
  }
  const NOTHING = { slots: 0, stashed: 0, locked: 0, counted: 0 }

  /** A state, its timeout, a state and frame that lead to it; to LA and LI nothing else does. */
  const STATES: [
    state: keyof typeof TCP_STATE,
    seconds: number,
    from: number,
    frame: Uint8Array,
  ][] = [
    ['TCP_ESTABLISHED', 900, TCP_STATE.TCP_SYN_RECV, tcp(REQUEST, 'A')],
    ['TCP_SYN_SENT', 120, TCP_STATE.TCP_NONE, tcp(REPLY, 'S')],
    ['TCP_SYN_RECV', 60, TCP_STATE.TCP_LAST_ACK, tcp(REQUEST, 'S')],
    ['TCP_FIN_WAIT', 120, TCP_STATE.TCP_ESTABLISHED, tcp(REPLY, 'FA')],
    ['TCP_TIME_WAIT', 120, TCP_STATE.TCP_FIN_WAIT, tcp(REQUEST, 'FA')],
    ['TCP_CLOSE', 10, TCP_STATE.TCP_ESTABLISHED, tcp(REQUEST, 'RA')],
    ['TCP_CLOSE_WAIT', 60, TCP_STATE.TCP_ESTABLISHED, tcp(REQUEST, 'FA')],
    ['TCP_LAST_ACK', 30, TCP_STATE.TCP_LAST_ACK, tcp(REQUEST, 'FA')],
    ['TCP_LISTEN', 120, TCP_STATE.TCP_LISTEN, tcp(REQUEST, 'A')],
  ]

  const ACTIVE = new Set(['TCP_ESTABLISHED', 'TCP_SYN_SENT', 'TCP_SYN_RECV', 'TCP_SYNACK'])

  for (const [state, seconds, from, frame] of STATES)
    test(`timeout: ${f.name}, ${state}, alive before ${seconds} s and gone after`, async t => {
      const lvs = await director(t, SERVICE)
      lvs.run(tcp(REQUEST, 'S'))
      lvs.run(tcp(REPLY, 'SA'))
      setState(lvs, requestSlot(lvs, 40000, f), from, f)
      expire(lvs)
      lvs.run(frame)
      t.is(requestSlot(lvs, 40000, f).state, TCP_STATE[state])
      if (from !== TCP_STATE[state]) t.is(lvs.counts(f.dest(2)).active, ACTIVE.has(state) ? 1 : 0)
      t.true(Math.abs((lvs.conns()[0]?.expiresS ?? 0) - seconds) <= 2)

      lvs.advance(seconds - LITTLE)
      t.deepEqual([lvs.sweep().expired, lvs.conns().length], [0, 1])
      t.true((lvs.conns()[0]?.expiresS ?? 99) <= 2)

      lvs.advance(LITTLE + LATE)
      t.deepEqual([lvs.conns().length, lvs.run(tcp(REQUEST, 'A')).reason], [0, 'no connection'])
      t.is(lvs.run(tcp(REPLY, 'A')).reason, 'no connection')
      t.is(lvs.sweep().expired, 1)
      t.deepEqual(nothingLeft(lvs), NOTHING)
    })

  /** Puts both deadlines to this moment, so that only the next packet counts. */
  function expire(lvs: PacketDirector): void {
    setDeadline(lvs, requestSlot(lvs, 40000, f), lvs.kernel.clock(), f)
  }

  test(`timeout: ${f.name}, a datagram, its connection lives for 300 s`, async t => {
    const lvs = await director(t, UDP)
    lvs.run(udp(REQUEST))

    lvs.advance(300 - LITTLE)
    const before = lvs.sweep()
    lvs.advance(LITTLE + LATE)
    const after = lvs.sweep()

    t.deepEqual([before.expired, after.expired], [0, 1])
    t.deepEqual(nothingLeft(lvs), NOTHING)
  })

  for (const [what, first, second] of [
    ['reply', udp(REQUEST), udp(REPLY)],
    ['request', udp(REPLY), udp(REQUEST)],
  ] as const)
    test(`timeout: ${f.name}, the last is a ${what}, both ways live 300 s from it`, async t => {
      const lvs = await director(t, UDP)
      lvs.run(udp(REQUEST))
      lvs.run(first)
      lvs.advance(200)
      lvs.run(second)

      lvs.advance(300 - LITTLE)
      const reasons = [udp(REQUEST), udp(REPLY)].map(frame => keeps(lvs, frame))
      lvs.advance(LITTLE + LATE)
      const expired = lvs.sweep().expired

      t.deepEqual(reasons, ['nat request', 'nat reply'])
      t.is(expired, 1)
    })

  for (const [what, first, second, last] of [
    ['an answered request', REQUEST, REPLY, REQUEST],
    ['an answer', REQUEST, REPLY, REPLY],
    ['a request long after', REPLY, REQUEST, REPLY],
  ] as const)
    test(`timeout: ${f.name}, made shorter before ${what}, it counts from that on`, async t => {
      const lvs = await director(t, UDP)
      lvs.run(udp(REQUEST))
      lvs.run(udp(first))
      lvs.advance(280)
      lvs.run(udp(second))
      lvs.dataplane.set({ udp_timeout_s: 30 })
      const before = lvs.conns()[0]?.expiresS ?? 0

      lvs.run(udp(last))

      const after = lvs.conns()[0]?.expiresS ?? 0
      t.deepEqual([before > 298, after > 28 && after <= 30], [true, true], `${before} ${after}`)
      lvs.advance(30 + LATE)
      t.is(lvs.sweep().expired, 1)
    })

  /** Why a packet leaves, its effect on deadlines undone. */
  function keeps(lvs: PacketDirector, frame: Uint8Array): string {
    const table = new Uint8Array(connTable(lvs, f))
    const before = Uint8Array.from(table)
    const { reason } = lvs.run(frame)
    table.set(before)
    return reason
  }

  test(`timeout: ${f.name}, the state falls to CLOSE, neither slot outlives its 10 s`, async t => {
    const lvs = await director(t, SERVICE)
    for (const frame of [tcp(REQUEST, 'S'), tcp(REPLY, 'SA'), tcp(REQUEST, 'A'), tcp(REPLY, 'A')])
      lvs.run(frame)
    lvs.run(tcp(REQUEST, 'RA'))
    lvs.run(tcp(REPLY, 'A'))

    lvs.advance(10 + LATE)

    t.is(lvs.run(tcp(REPLY, 'A')).reason, 'no connection')
    t.is(lvs.sweep().expired, 1)
  })

  test(`timeout: ${f.name}, a reply leads to CLOSE, neither slot outlives its 10 s`, async t => {
    const lvs = await director(t, SERVICE)
    for (const frame of [tcp(REQUEST, 'S'), tcp(REPLY, 'SA'), tcp(REQUEST, 'A')]) lvs.run(frame)
    lvs.run(tcp(REPLY, 'RA'))
    lvs.run(tcp(REQUEST, 'A'))

    lvs.advance(10 + LATE)

    t.is(lvs.run(tcp(REQUEST, 'A')).reason, 'no connection')
    t.is(lvs.sweep().expired, 1)
  })

  test(`timeout: ${f.name}, the clock goes through its 32 bits, all expire in time`, async t => {
    const lvs = await director(t, SERVICE)
    const ticks = lvs.kernel.ticksPerSecond
    lvs.advance((2 ** 32 - 1000) / ticks - 30)
    lvs.run(tcp(REQUEST, 'S'))

    lvs.advance(60 - LITTLE)
    const before = [lvs.sweep().expired, lvs.run(tcp(REQUEST, 'S')).reason]
    lvs.advance(60 + LATE)
    const after = lvs.sweep().expired

    t.deepEqual(before, [0, 'nat request'])
    t.is(after, 1)
  })

  /** Endings; active counts while open, nothing when it is over. */
  const ENDINGS: [what: string, service: string, frames: string, active: number][] = [
    ['never answered', SERVICE, '>S', 1],
    ['refused', SERVICE, '>S <RA', 0],
    ['established and left', SERVICE, '>S <SA >A', 1],
    ['closed by the client', SERVICE, '>S <SA >A >FA <FA >A', 0],
    ['closed by the dest', SERVICE, '>S <SA >A <FA >A >FA <A', 0],
    ['reset by the client', SERVICE, '>S <SA >A >R', 0],
    ['reset by the dest', SERVICE, '>S <SA >A <R', 0],
    ['reset, then a SYN again', SERVICE, '>S <SA >A >R >S', 1],
    ['closed, then a SYN again', SERVICE, '>S <SA >A >FA <FA >A >S <SA >A', 1],
    ['without flags', SERVICE, '>S >P', 0],
    ['by direct routing, closed', DIRECT, '>S >A >FA', 0],
    ['by direct routing, left', DIRECT, '>S >A', 1],
    ['by tunnel, closed', TUNNEL, '>S >A >FA', 0],
    ['by tunnel, left', TUNNEL, '>S >A', 1],
    ['UDP', UDP, '>', 0],
    ['UDP answered', UDP, '> < >', 0],
  ]

  for (const [what, service, frames, active] of ENDINGS)
    test(`count: ${f.name}, a connection ${what}, ${active} active, nothing after`, async t => {
      const lvs = await director(t, service)

      for (const step of frames.split(' ')) {
        const path = step.startsWith('>') ? REQUEST : REPLY
        lvs.run(service === UDP ? udp(path) : tcp(path, step.slice(1)))
      }

      t.is(lvs.counts(f.dest(2)).active, active)
      t.is(lvs.counts(f.dest(2)).inactive, lvs.conns().length - active)
      lvs.advance(1000)
      lvs.sweep()
      t.deepEqual(nothingLeft(lvs), NOTHING)
    })
}
