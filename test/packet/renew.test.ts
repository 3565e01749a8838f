/**
 * expire_nodest_conn: connections whose dest is gone end, and so do those of quiesced dests when a
 * SYN comes; and that what a packet ends is counted no more at once. Read next:
 * ../../bpf/renew.bpf.c, ../../control/dataplane/ending.ts.
 */
import test, { type ExecutionContext } from 'ava'
import { store32 } from '../../addon/index.ts'
import { LIFE, SETTINGS, SLOT_WORD } from '../../control/abi/maps.gen.ts'
import { endOrphans } from '../../control/dataplane/ending.ts'
import { director, XDP, type PacketDirector } from '../support/director.ts'
import { FAMILIES, paths, service, type Family } from '../support/families.ts'
import { at, tcp, udp } from '../support/frames.ts'
import { slots } from './table.ts'

const two = (f: Family, protocol: string): string =>
  service(f, { protocol }) + `-> ${at(f.dest(3), 8080)} nat weight 1\n`

/** A director with a connection to dest 3, and an established one of TCP or UDP to dest 2. */
async function begun(t: ExecutionContext, f: Family, protocol: 'tcp' | 'udp', nodest: number) {
  const lvs = await director(t, two(f, protocol))
  lvs.dataplane.set({ expire_nodest_conn: nodest })
  const other = `${at(f.client, 40001)} > ${at(f.vip, 80)}`
  const { request, reply } = paths(f)
  if (protocol === 'udp') for (const path of [other, request, reply]) lvs.run(udp(path))
  else {
    lvs.run(tcp(other, 'S'))
    lvs.run(tcp(request, 'S'))
    lvs.run(tcp(reply, 'SA'))
    lvs.run(tcp(request, 'A'))
  }
  return lvs
}

/** Dest 2 is the older: the last in the list. */
function removeDest(lvs: PacketDirector): void {
  lvs.intents[0]?.dests.pop()
  lvs.publish()
}

function quiesce(lvs: PacketDirector): void {
  const dest = lvs.intents[0]?.dests.at(-1)
  if (dest) dest.weight = 0
  lvs.publish()
}

/** Ends what a removal ends, as the sweeping worker does. */
function end(lvs: PacketDirector): number {
  const dests = lvs.kernel.maps.dests.mmap()
  return lvs.tables.reduce((sum, table) => sum + endOrphans(table, dests, lvs.kernel.clock()), 0)
}

const destOf = (lvs: PacketDirector): string | undefined =>
  lvs.conns().find(({ client }) => client.port === 40000)?.dest.address

for (const f of FAMILIES) {
  const { request, reply } = paths(f)

  test(`renew: dest of ${f.name} removed, data, it passes and the connection ends`, async t => {
    const lvs = await begun(t, f, 'tcp', 1)
    removeDest(lvs)

    const out = lvs.run(tcp(request, 'A'))

    t.deepEqual([out.reason, out.verdict], ['no connection', XDP.pass])
    t.is(destOf(lvs), undefined)
    t.is(lvs.run(tcp(reply, 'A')).reason, 'no connection')
  })

  for (const [what, protocol, frame] of [
    ['SYN', 'tcp', tcp(request, 'S')],
    ['datagram', 'udp', udp(request)],
  ] as const)
    test(`renew: dest of ${f.name} removed, a ${what}, it goes to another dest`, async t => {
      const lvs = await begun(t, f, protocol, 1)
      removeDest(lvs)

      const out = lvs.run(frame)

      t.is(out.reason, 'nat request')
      t.is(destOf(lvs), f.dest(3))
      const { active, inactive } = lvs.counts(f.dest(3))
      t.is(active + inactive, 2)
    })

  for (const [nodest, state, dest] of [
    [0, 'ESTABLISHED', 2],
    [1, 'SYN_RECV', 3],
  ] as const)
    test(`renew: dest of ${f.name} quiesced, SYN, expire_nodest_conn ${nodest}`, async t => {
      const lvs = await begun(t, f, 'tcp', nodest)
      lvs.dataplane.set({ expire_nodest_conn: nodest, conn_reuse_mode: 0 })
      quiesce(lvs)

      const left = ['A', 'S'].map(flags => lvs.run(tcp(request, flags)).reason)

      t.deepEqual(left, ['nat request', 'nat request'])
      t.is(destOf(lvs), f.dest(dest))
      t.is(lvs.conns().find(({ client }) => client.port === 40000)?.state, state)
      t.deepEqual(lvs.counts(f.dest(2)), { active: nodest ? 0 : 1, inactive: 0 })
    })

  test(`renew: all dests of ${f.name} quiesced, SYN, refused and the connection ends`, async t => {
    const lvs = await begun(t, f, 'tcp', 1)
    for (const dest of lvs.intents[0]?.dests ?? []) dest.weight = 0
    lvs.publish()

    const out = lvs.run(tcp(request, 'S'))

    t.is(out.reason, 'no dest')
    t.is(destOf(lvs), undefined)
  })

  test(`renew: a SYN of ${f.name} on an ended connection, that counts no more at once`, async t => {
    const lvs = await director(t, service(f))
    lvs.run(tcp(request, 'S'))
    lvs.run(tcp(reply, 'RA'))
    const before = lvs.counts(f.dest(2))

    lvs.run(tcp(request, 'S'))

    t.deepEqual(
      [before, lvs.counts(f.dest(2))],
      [
        { active: 0, inactive: 1 },
        { active: 1, inactive: 0 },
      ],
    )
    t.is(lvs.sweep().expired, 1)
    t.is(slots(lvs, f).length, 2)
    t.deepEqual(lvs.counts(f.dest(2)), { active: 1, inactive: 0 })
  })

  test(`renew: ended while xlvsd is gone, new ones of ${f.name} take the slots`, async t => {
    const lvs = await director(t, service(f), { slots: 1024, slots6: 1024 })
    const path = (port: number): string => `${at(f.client, port)} > ${at(f.vip, 80)}`
    const answer = (port: number): string => `${at(f.dest(2), 8080)} > ${at(f.client, port)}`
    const ports = Array.from({ length: 600 }, (_, i) => 2000 + i)
    for (const port of ports) lvs.run(tcp(path(port), 'S'))
    for (const port of ports) lvs.run(tcp(answer(port), 'RA'))
    for (const port of ports) lvs.run(tcp(path(port), 'S'))
    const ended = slots(lvs, f).filter(({ life }) => life === LIFE.LIFE_ENDED).length
    lvs.advance(20)

    for (const port of ports) lvs.run(tcp(path(port + 1000), 'S'))

    const left = slots(lvs, f).filter(({ life }) => life === LIFE.LIFE_ENDED).length
    const valid = slots(lvs, f).filter(
      ({ life, flags }) => life === LIFE.LIFE_VALID && !(flags & SLOT_WORD.CONN_REPLY),
    )
    t.true(ended > 100 && left < ended)
    const { active, inactive } = lvs.counts(f.dest(2))
    t.is(active + inactive, valid.length)
  })

  test(`ending: a dest of ${f.name} removed, its connections end and no others`, async t => {
    const lvs = await begun(t, f, 'tcp', 1)
    t.false(lvs.dataplane.takeOrphaned())
    const id =
      lvs.intents[0] &&
      lvs.dataplane.tables.destId(lvs.intents[0].service, {
        address: f.dest(2),
        port: 8080,
      })
    removeDest(lvs)

    const ended = [lvs.dataplane.takeOrphaned(), end(lvs), end(lvs)]

    t.deepEqual(ended, [true, 1, 0])
    t.is(lvs.run(tcp(reply, 'A')).reason, 'no connection')
    t.is(lvs.conns().length, 1)
    t.is(lvs.dataplane.tables.destConns.get(id ?? 0).active, 0)
    t.is(lvs.sweep().used, 2)
  })
}

test('ending: expire_nodest_conn 0, a removal ends nothing', async t => {
  const [f] = FAMILIES
  const lvs = await begun(t, f as Family, 'tcp', 0)

  removeDest(lvs)

  t.false(lvs.dataplane.takeOrphaned())
})

test('ending: the heartbeat is old, a connection that ended is not counted twice', async t => {
  const [f] = FAMILIES as [Family]
  const lvs = await begun(t, f, 'tcp', 1)
  store32(lvs.kernel.maps.settings.mmap(), SETTINGS.heartbeat / 4, 0)
  removeDest(lvs)
  end(lvs)
  lvs.advance(1000)

  lvs.sweep()
  lvs.sweep()

  t.is(slots(lvs, f).length, 0)
  t.deepEqual(lvs.counts(f.dest(3)), { active: 0, inactive: 0 })
})
