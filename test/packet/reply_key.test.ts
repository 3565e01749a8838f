/**
 * Two connections that want one reply key: one client port, one dest, two virtual addresses. The
 * newest answers, as in IPVS, and an older one again when it has gone. See bpf/conn_insert.h.
 */
import test from 'ava'
import { SLOT_WORD } from '../../control/abi/maps.gen.ts'
import { director, type PacketDirector } from '../support/director.ts'
import { FAMILIES, type Family } from '../support/families.ts'
import { at, show, tcp } from '../support/frames.ts'
import { setDeadline, slots } from './table.ts'

function vip(f: Family, n: number): string {
  return f.name === 'IPv4' ? `192.0.2.${n}` : `2001:db8::${n}`
}

for (const f of FAMILIES) {
  const client = at(f.client, 40000)
  const to = (n: number, flags: string): Uint8Array =>
    tcp(`${client} > ${at(vip(f, n), 80)}`, flags)

  /** Three virtual addresses with one dest, and the SYNs of one client port to some of them. */
  async function colliding(
    t: Parameters<typeof director>[0],
    ...opened: number[]
  ): Promise<PacketDirector> {
    const one = (n: number) => `tcp ${at(vip(f, n), 80)} rr\n-> ${at(f.dest(2), 80)} nat weight 1\n`
    const lvs = await director(t, [1, 2, 3].map(one).join(''))
    for (const n of opened) lvs.run(to(n, 'S'))
    return lvs
  }

  /** The number of the virtual address that the dest's next packet comes from. */
  function answersFor(lvs: PacketDirector): number | string {
    const { reason, frame } = lvs.run(tcp(`${at(f.dest(2), 80)} > ${client}`, 'A'))
    const from = / (\S+) > /.exec(show(frame).split('\n')[1] ?? '')?.[1]
    return reason === 'nat reply' ? ([1, 2, 3].find(n => vip(f, n) === from) ?? '?') : reason
  }

  /** Lets the connection through one virtual address end, and the sweep take it. */
  function end(lvs: PacketDirector, n: number): void {
    const slot = slots(lvs, f).find(s => !(s.flags & SLOT_WORD.CONN_REPLY) && s.oaddr === vip(f, n))
    if (!slot) throw new Error(`no connection through ${vip(f, n)}`)
    setDeadline(lvs, slot, lvs.kernel.clock() - 100, f)
    lvs.sweep()
  }

  test(`reply key: two connections of ${f.name} want it, the newest answers`, async t => {
    const lvs = await colliding(t, 1)
    const before = answersFor(lvs)

    lvs.run(to(2, 'S'))

    t.deepEqual([before, answersFor(lvs)], [1, 2])
    t.deepEqual(
      [lvs.run(to(1, 'A')).reason, lvs.run(to(2, 'A')).reason],
      ['nat request', 'nat request'],
    )
  })

  for (const [gone, left] of [
    [2, 1],
    [1, 2],
  ] as const)
    test(`reply key: of two of ${f.name} number ${gone} ends, the other answers`, async t => {
      const lvs = await colliding(t, 1, 2)

      end(lvs, gone)

      t.is(answersFor(lvs), left)
    })

  test(`reply key: an end of any of three of ${f.name}, never two answer for it`, async t => {
    const lvs = await colliding(t, 1, 2, 3)

    const answers = [answersFor(lvs)]
    end(lvs, 2)
    answers.push(answersFor(lvs))
    end(lvs, 3)
    answers.push(answersFor(lvs))

    t.deepEqual(answers, [3, 3, 1])
  })

  test(`reply key: of three of ${f.name} two end in turn, the newest answers`, async t => {
    const lvs = await colliding(t, 1, 2, 3)

    end(lvs, 3)
    const second = answersFor(lvs)
    end(lvs, 2)
    const third = answersFor(lvs)

    t.deepEqual([second, third], [2, 1])
  })

  for (const [how, finish] of [
    [
      'its time is over',
      (lvs: PacketDirector) => {
        lvs.advance(61)
      },
    ],
    ['a RST ended it', (lvs: PacketDirector) => ['A', 'R'].map(flags => lvs.run(to(1, flags)))],
  ] as const)
    test(`reply key: one of ${f.name} begins anew when ${how}, the newest answers`, async t => {
      const lvs = await colliding(t, 2, 1)
      lvs.run(to(2, 'A'))
      finish(lvs)
      lvs.run(to(1, 'S'))
      const before = answersFor(lvs)
      lvs.advance(1)
      lvs.sweep()

      t.deepEqual([before, answersFor(lvs)], [1, 1])
      end(lvs, 1)
      t.is(answersFor(lvs), 2)
    })
}
