/** The sweep at its edges: reply keys that collide, a crash in the middle, packets in between. */
import test from 'ava'
import { add64, store64 } from '../../addon/index.ts'
import { CONN4, LIFE, SLOT_WORD, TCP_STATE } from '../../control/abi/maps.gen.ts'
import { repair, sweep } from '../../control/dataplane/sweep.ts'
import type { Index } from '../../control/dataplane/unindex.ts'
import { director, type PacketDirector } from '../support/director.ts'
import { sameFrame, tcp } from '../support/frames.ts'
import {
  fillTable,
  KEY,
  requestSlot,
  setDeadline,
  setState,
  slotAt,
  slots,
  stashed,
} from './table.ts'

/** Two virtual addresses, one dest: the same client port gives both the same reply key. */
const COLLIDING = `
  tcp 192.0.2.1:80 rr
    -> 10.0.0.2:80 nat weight 1
  tcp 192.0.2.2:80 rr
    -> 10.0.0.2:80 nat weight 1
  tcp 192.0.2.3:80 rr
    -> 10.0.0.2:80 nat weight 1`
const SERVICE = 'tcp 192.0.2.1:80 rr\n-> 10.0.0.2:80 nat weight 1'
const CLIENT = '198.51.100.7:40000'
const REPLY = tcp(`10.0.0.2:80 > ${CLIENT}`, 'A')
const to = (last: number, flags: string): Uint8Array => tcp(`${CLIENT} > 192.0.2.${last}:80`, flags)

/** The virtual address that the dest's next packet comes from. */
function answersFor(lvs: PacketDirector): string {
  const { reason, frame } = lvs.run(REPLY)
  return reason === 'nat reply' ? frame.subarray(26, 30).join('.') : reason
}

/** Lets the connection through one virtual address be over. */
function lateOne(lvs: PacketDirector, vaddr: string): void {
  const slot = slots(lvs).find(s => !(s.flags & SLOT_WORD.CONN_REPLY) && s.oaddr === vaddr)
  if (!slot) throw new Error(`no connection through ${vaddr}`)
  setDeadline(lvs, slot, lvs.kernel.clock() - 100)
}

/** The same, and the sweep takes it. */
function end(lvs: PacketDirector, vaddr: string): void {
  lateOne(lvs, vaddr)
  lvs.sweep()
}

test('reply key: two connections want it, the newest answers', async t => {
  const lvs = await director(t, COLLIDING)
  lvs.run(to(1, 'S'))
  const before = answersFor(lvs)

  lvs.run(to(2, 'S'))

  t.deepEqual([before, answersFor(lvs)], ['192.0.2.1', '192.0.2.2'])
  t.deepEqual(
    [lvs.run(to(1, 'A')).reason, lvs.run(to(2, 'A')).reason],
    Array(2).fill('nat request'),
  )
})

test('reply key: the newest has gone, the older answers again', async t => {
  const lvs = await director(t, COLLIDING)
  lvs.run(to(1, 'S'))
  lvs.run(to(2, 'S'))

  end(lvs, '192.0.2.2')

  t.is(answersFor(lvs), '192.0.2.1')
})

test('reply key: the older has gone, the newest goes on', async t => {
  const lvs = await director(t, COLLIDING)
  lvs.run(to(1, 'S'))
  lvs.run(to(2, 'S'))

  end(lvs, '192.0.2.1')

  t.is(answersFor(lvs), '192.0.2.2')
})

test('reply key: an end of any of three, never two answer for it', async t => {
  const lvs = await director(t, COLLIDING)
  for (const last of [1, 2, 3]) lvs.run(to(last, 'S'))

  const answers = [answersFor(lvs)]
  end(lvs, '192.0.2.2')
  answers.push(answersFor(lvs))
  end(lvs, '192.0.2.3')
  answers.push(answersFor(lvs))

  t.deepEqual(answers, ['192.0.2.3', '192.0.2.3', '192.0.2.1'])
})

test('reply key: the newest of three has gone, an older answers and then the other', async t => {
  const lvs = await director(t, COLLIDING)
  for (const last of [1, 2, 3]) lvs.run(to(last, 'S'))

  end(lvs, '192.0.2.3')
  const second = answersFor(lvs)
  end(lvs, second)
  const third = answersFor(lvs)

  t.deepEqual([second, third].sort(), ['192.0.2.1', '192.0.2.2'])
})

/** What a sweep leaves that dies while it waits for its grace period. */
function crashIn(lvs: PacketDirector): void {
  const gracePeriod = (): void => {
    throw new Error('killed')
  }
  try {
    sweep({ ...lvs.tables[0], gracePeriod }, lvs.kernel.clock())
  } catch {
    // As it would be after kill -9.
  }
}

function life(lvs: PacketDirector): number[] {
  return slots(lvs).map(s => s.life)
}

test('repair: a crash in mid-sweep, dead slots are freed and nothing else', async t => {
  const lvs = await director(t, SERVICE)
  lvs.run(to(1, 'S'))
  lvs.advance(100)
  lvs.run(tcp('198.51.100.7:40001 > 192.0.2.1:80', 'S'))
  crashIn(lvs)
  t.deepEqual(life(lvs).sort(), [LIFE.LIFE_DEAD, LIFE.LIFE_DEAD, LIFE.LIFE_VALID, LIFE.LIFE_VALID])

  const repaired = repair(lvs.tables[0])

  t.is(repaired, 2)
  t.deepEqual(
    slots(lvs).map(s => s.cport),
    [40001, 40001],
  )
  t.deepEqual(lvs.counts('10.0.0.2'), { active: 1, inactive: 0 })
})

test('repair: a crash in mid-sweep of the stash, its keys are freed', async t => {
  const lvs = await director(t, SERVICE, { key: KEY })
  fillTable(lvs)
  lvs.run(to(1, 'S'))
  lvs.advance(100)
  crashIn(lvs)
  t.is(stashed(lvs), 2)

  repair(lvs.tables[0])

  t.is(stashed(lvs), 0)
})

test('repair: a crash as the newest of a reply key goes, the older answers again', async t => {
  const lvs = await director(t, COLLIDING)
  lvs.run(to(1, 'S'))
  lvs.run(to(2, 'S'))
  lateOne(lvs, '192.0.2.2')
  crashIn(lvs)

  repair(lvs.tables[0])

  t.is(answersFor(lvs), '192.0.2.1')
})

test('repair: killed before the replies were marked, request and reply are freed', async t => {
  const lvs = await director(t, SERVICE)
  lvs.run(to(1, 'S'))
  const { index } = requestSlot(lvs, 40000)
  add64(lvs.dataplane.conns[0], (index * CONN4.size) / 8, BigInt(LIFE.LIFE_DEAD - LIFE.LIFE_VALID))

  const repaired = repair(lvs.tables[0])

  t.deepEqual([repaired, slots(lvs).length], [2, 0])
})

test('repair: killed before the reply was freed, the reply is', async t => {
  const lvs = await director(t, SERVICE)
  lvs.run(to(1, 'S'))
  const { index, partner } = requestSlot(lvs, 40000)
  store64(lvs.dataplane.conns[0], (index * CONN4.size) / 8, 0n)

  t.is(slotAt(lvs, partner).life, LIFE.LIFE_VALID)
  t.deepEqual([repair(lvs.tables[0]), slots(lvs).length], [1, 0])
})

test('repair: nothing was amiss, nothing is touched', async t => {
  const lvs = await director(t, COLLIDING)
  for (const last of [1, 2, 3]) lvs.run(to(last, 'S'))
  const before = slots(lvs)

  const repaired = repair(lvs.tables[0])

  t.is(repaired, 0)
  t.deepEqual(slots(lvs), before)
})

test('sweep: a packet of a swept connection between dead and empty, it finds nothing', async t => {
  const lvs = await director(t, SERVICE)
  lvs.run(to(1, 'S'))
  lvs.advance(100)
  const seen: string[] = []
  const gracePeriod = (): void => {
    seen.push(lvs.run(to(1, 'A')).reason, lvs.run(REPLY).reason)
  }

  sweep({ ...lvs.tables[0], gracePeriod }, lvs.kernel.clock())

  t.deepEqual(seen, ['no connection', 'no connection'])
  t.is(slots(lvs).length, 0)
})

test('sweep: a SYN between dead and empty, the new connection takes other slots', async t => {
  const lvs = await director(t, SERVICE)
  lvs.run(to(1, 'S'))
  const old = requestSlot(lvs, 40000).index
  lvs.advance(100)
  const gracePeriod = (): void => {
    lvs.run(to(1, 'S'))
  }

  sweep({ ...lvs.tables[0], gracePeriod }, lvs.kernel.clock())

  t.not(requestSlot(lvs, 40000).index, old)
  t.deepEqual([lvs.conns().length, slots(lvs).length], [1, 2])
  sameFrame(t, lvs.receive(REPLY), tcp(`192.0.2.1:80 > ${CLIENT}`, 'A', { ttl: 63 }))
  t.deepEqual(lvs.counts('10.0.0.2'), { active: 1, inactive: 0 })
})

test('sweep: a newer reply key between dead and empty, the newest answers alone', async t => {
  const lvs = await director(t, COLLIDING)
  lvs.run(to(1, 'S'))
  lvs.run(to(2, 'S'))
  lateOne(lvs, '192.0.2.2')
  const gracePeriod = (): void => {
    lvs.run(to(3, 'S'))
  }

  sweep({ ...lvs.tables[0], gracePeriod }, lvs.kernel.clock())

  const replies = slots(lvs).filter(({ flags }) => flags & SLOT_WORD.CONN_REPLY)
  const shadowed = replies.filter(({ flags }) => flags & SLOT_WORD.CONN_SHADOWED)
  t.deepEqual([replies.length, shadowed.length, answersFor(lvs)], [2, 1, '192.0.2.3'])
  end(lvs, '192.0.2.3')
  t.is(answersFor(lvs), '192.0.2.1')
})

test('sweep: a SYN goes behind the table as one in it is lifted, the newest answers', async t => {
  const lvs = await director(t, COLLIDING)
  lvs.run(to(1, 'S'))
  fillTable(lvs)
  lvs.run(to(2, 'S'))
  lateOne(lvs, '192.0.2.2')
  const { stash } = lvs.tables[0]
  const seen: string[] = []
  const meddled: Index = {
    lookup: key => {
      if (seen.length === 0) seen.push(answersFor(lvs), lvs.run(to(3, 'S')).reason)
      return stash.lookup(key)
    },
    take: key => stash.take(key),
    update: stash.update.bind(stash),
  }

  sweep({ ...lvs.tables[0], stash: meddled }, lvs.kernel.clock())

  t.deepEqual(seen, ['192.0.2.1', 'nat request'])
  t.is(answersFor(lvs), '192.0.2.3')
  end(lvs, '192.0.2.3')
  t.is(answersFor(lvs), '192.0.2.1')
})

test('sweep: a connection over its time, it is listed no more and counts until then', async t => {
  const lvs = await director(t, SERVICE)
  lvs.run(to(1, 'S'))
  lvs.advance(61)

  const before = [lvs.conns().length, lvs.counts('10.0.0.2').active]
  lvs.sweep()

  t.deepEqual([before, lvs.counts('10.0.0.2').active], [[0, 1], 0])
})

test('sweep: nothing is overdue, it waits for no grace period', async t => {
  const lvs = await director(t, SERVICE)
  lvs.run(to(1, 'S'))

  const result = sweep(
    { ...lvs.tables[0], gracePeriod: () => t.fail('waited') },
    lvs.kernel.clock(),
  )

  t.deepEqual(result, { expired: 0, used: 2 })
})

test('sweep: a connection in every state, used and expired add up', async t => {
  const lvs = await director(t, SERVICE)
  for (let state = 0; state <= TCP_STATE.TCP_SYNACK; state++) {
    lvs.run(tcp(`198.51.100.7:${5000 + state} > 192.0.2.1:80`, 'S'))
    setState(lvs, requestSlot(lvs, 5000 + state), state)
  }
  lvs.advance(100)

  t.deepEqual(lvs.sweep(), { expired: 11, used: 0 })
})
