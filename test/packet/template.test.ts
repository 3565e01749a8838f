/**
 * Templates whose dest is gone, found by a packet as other CPUs change their slots: what lies
 * between the finding and the end is done before a run of the end alone. Read next:
 * template.bpf.c, ../../bpf/template.h.
 */
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { CONN4, LIFE, SLOT_WORD, TEMPLATE, TUPLE } from '../../control/abi/maps.gen.ts'
import { view } from '../../control/dataplane/bytes.ts'
import { FAMILIES, tupleOf } from '../../control/dataplane/slots.ts'
import { beside } from '../support/beside.ts'
import { director, type PacketDirector } from '../support/director.ts'
import { tcp } from '../support/frames.ts'
import { slotAt, slots, type Slot } from './table.ts'

const SOURCE = fileURLToPath(new URL('template.bpf.c', import.meta.url))
const INVALID = TEMPLATE.TEMPLATE_PORT_INVALID
const KEY_AT = 8

interface Found {
  lvs: PacketDirector
  /** The template as it was found. */
  template: Slot
  /** Its dest is gone. */
  invalidate: () => void
}

async function found(t: ExecutionContext): Promise<Found> {
  const lvs = await director(t, 'tcp 192.0.2.1:81 rr\n-> 10.0.0.3:81 dr weight 1')
  for (const { service } of lvs.intents) service.persistentS = 100
  lvs.publish()
  lvs.run(tcp('198.51.100.7:4000 > 192.0.2.1:81', 'S'))
  const template = slots(lvs).find(({ flags }) => flags & SLOT_WORD.CONN_TEMPLATE)
  if (!template) throw new Error('no template')
  const object = beside(lvs, SOURCE)
  const step = new Uint8Array(object.map('.data.step').mmap())
  view(step).setBigUint64(0, template.word, true)
  step.set(tupleOf({ family: FAMILIES[0], conns: lvs.dataplane.conns[0] }, template.index), KEY_AT)
  view(step).setUint32(KEY_AT + TUPLE.size, template.index, true)
  const invalidate = (): void => {
    object.program('template_step').testRun({ data: Buffer.alloc(64) })
  }
  return { lvs, template, invalidate }
}

const isShadowed = ({ flags }: Slot): boolean => (flags & SLOT_WORD.CONN_SHADOWED) !== 0

test('template: its dest is gone, it is found no more and says so', async t => {
  const { lvs, template, invalidate } = await found(t)

  invalidate()

  const { oport, nexthop, ...rest } = slotAt(lvs, template.index)
  t.deepEqual([oport, nexthop, isShadowed(slotAt(lvs, template.index))], [INVALID, INVALID, true])
  t.is(rest.life, LIFE.LIFE_VALID)
})

test('template: its dest is gone and its bucket was marked since, it is found no more', async t => {
  const { lvs, template, invalidate } = await found(t)
  const mark = BigInt(SLOT_WORD.BUCKET_STASHED << SLOT_WORD.WORD_FLAGS_SHIFT)
  const v = new DataView(lvs.dataplane.conns[0])
  v.setBigUint64(template.index * CONN4.size, template.word | mark, true)

  invalidate()

  t.true(isShadowed(slotAt(lvs, template.index)))
})

test("template: its slot is another's connection by now, that one is left alone", async t => {
  const { lvs, template, invalidate } = await found(t)
  lvs.run(tcp('198.51.100.8:4001 > 192.0.2.1:81', 'S'))
  const other = slots(lvs).find(({ cport }) => cport === 4001)
  const table = new Uint8Array(lvs.dataplane.conns[0])
  const from = (other?.index ?? 0) * CONN4.size
  table.copyWithin(template.index * CONN4.size, from, from + CONN4.size)
  const before = slotAt(lvs, template.index)
  t.is(before.cport, 4001)

  invalidate()

  t.deepEqual(slotAt(lvs, template.index), before)
})
