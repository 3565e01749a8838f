/**
 * Keys of the stash that are taken and given back while the sweep frees whose they were. What lies
 * between the steps of one program is done between two of its runs; no program runs then, so that
 * grace periods are over at once. Read next: stash.bpf.c, ../../bpf/stash.h.
 */
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { CONN4, LIFE, LIMIT, SLOT_WORD, TUPLE } from '../../control/abi/maps.gen.ts'
import { view } from '../../control/dataplane/bytes.ts'
import { FAMILIES, tupleOf } from '../../control/dataplane/slots.ts'
import { sweep } from '../../control/dataplane/sweep.ts'
import { beside } from '../support/beside.ts'
import { director, type PacketDirector } from '../support/director.ts'
import { IPV4 } from '../support/families.ts'
import { tcp } from '../support/frames.ts'
import { requestSlot, setDeadline, slotAt, stashKeyOf, stashKeys, type Slot } from './table.ts'

const SOURCE = fileURLToPath(new URL('stash.bpf.c', import.meta.url))
/** The smallest table; the stash is behind it. */
const SLOTS = 1024
const PORT = 4000
const path = `198.51.100.7:${PORT} > 192.0.2.1:81`

interface Stash {
  lvs: PacketDirector
  /** The connection behind the table, as it was made. */
  first: Slot
  key: string
  /** Another claims its key; the slot it got. */
  claim: () => number
  /** And gives it back. */
  giveBack: () => void
  /** Where the key leads. */
  leads: () => number | undefined
}

/** A connection behind the table. */
async function stashOne(t: ExecutionContext): Promise<Stash> {
  const lvs = await director(t, 'tcp 192.0.2.1:81 rr\n-> 10.0.0.3:81 dr weight 1')
  const words = new Uint32Array(lvs.dataplane.conns[0])
  for (let slot = 0; slot < SLOTS; slot++) words[(slot * CONN4.size) / 4] = LIFE.LIFE_BUSY
  lvs.run(tcp(path, 'S'))
  const first = requestSlot(lvs, PORT)
  const object = beside(lvs, SOURCE)
  const step = new Uint8Array(object.map('.data.step').mmap())
  step.set(tupleOf({ family: FAMILIES[0], conns: lvs.dataplane.conns[0] }, first.index))
  view(step).setUint32(TUPLE.size, LIMIT.NONE, true)
  const run = (): number => {
    object.program('stash_step').testRun({ data: Buffer.alloc(64) })
    return view(step).getUint32(TUPLE.size, true)
  }
  const key = stashKeyOf(lvs, first.index, IPV4)
  return { lvs, first, key, claim: run, giveBack: run, leads: () => stashKeys(lvs, IPV4).get(key) }
}

const isShadowed = ({ flags }: Slot): boolean => (flags & SLOT_WORD.CONN_SHADOWED) !== 0

test('stash: a key is claimed and given back, it leads to who had it', async t => {
  const { lvs, first, claim, giveBack, leads } = await stashOne(t)

  const index = claim()
  const between = [leads(), isShadowed(slotAt(lvs, first.index))]
  giveBack()

  t.deepEqual(between, [index, true])
  t.deepEqual([leads(), isShadowed(slotAt(lvs, first.index))], [first.index, false])
  t.is(lvs.run(tcp(path, 'A')).reason, 'direct')
})

test('stash: a key is given back that the sweep has out, it leads to who had it', async t => {
  const { lvs, first, key, claim, giveBack, leads } = await stashOne(t)
  const index = claim()
  const taken = lvs.tables[0].stash.take(Buffer.from(key, 'hex'))

  giveBack()

  t.is(taken && view(taken).getUint32(0, true), index)
  t.deepEqual([leads(), isShadowed(slotAt(lvs, first.index))], [first.index, false])
  t.is(lvs.run(tcp(path, 'A')).reason, 'direct')
})

test('stash: a key is given back whose owner was swept, it leads nowhere', async t => {
  const { lvs, first, claim, giveBack, leads } = await stashOne(t)
  setDeadline(lvs, first, lvs.kernel.clock() - 100)
  claim()
  lvs.sweep()
  // Another's connection takes the slot, and stands behind a newer one.
  const shadowed = LIFE.LIFE_VALID | (SLOT_WORD.CONN_SHADOWED << SLOT_WORD.WORD_FLAGS_SHIFT)
  const v = new DataView(lvs.dataplane.conns[0])
  v.setUint32(first.index * CONN4.size, shadowed, true)
  v.setUint16(first.index * CONN4.size + CONN4.cport, PORT + 1)

  giveBack()

  t.is(leads(), undefined)
  t.true(isShadowed(slotAt(lvs, first.index)))
})

test('stash: a key is given back whose owner is being swept, it leads nowhere', async t => {
  const { lvs, first, claim, giveBack, leads } = await stashOne(t)
  setDeadline(lvs, first, lvs.kernel.clock() - 100)
  const seen: unknown[] = []
  const gracePeriod = (): void => {
    claim()
    giveBack()
    const { life } = slotAt(lvs, first.index)
    seen.push(leads(), life, isShadowed(slotAt(lvs, first.index)))
  }

  sweep({ ...lvs.tables[0], gracePeriod }, lvs.kernel.clock())

  t.deepEqual(seen, [undefined, LIFE.LIFE_DEAD, false])
  t.is(slotAt(lvs, first.index).life, LIFE.LIFE_EMPTY)
})
