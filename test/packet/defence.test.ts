/** drop_packet and drop_entry: what they drop, and what they leave alone. */
import test from 'ava'
import { TCP_STATE } from '../../control/abi/maps.gen.ts'
import { dropEntries } from '../../control/dataplane/ending.ts'
import { writeDefence } from '../../control/dataplane/settings.ts'
import type { Settings } from '../../control/model/settings.ts'
import { defence } from '../../control/plan/defence.ts'
import { director, type PacketDirector } from '../support/director.ts'
import { FAMILIES, paths, service, services } from '../support/families.ts'
import { at, tcp, udp } from '../support/frames.ts'
import { requestSlot, setState } from './table.ts'

const BITS = { true: 'x', false: '.' }

/** Puts defences in force; with little memory unless it is said to be enough. */
function defend(lvs: PacketDirector, set: Settings, available = 0): void {
  writeDefence(lvs.kernel, defence(set, available))
}

for (const f of FAMILIES) {
  /** Which of so many SYNs of new clients are dropped: an x each. */
  const dropped = (lvs: PacketDirector, count: number, from = 1000): string =>
    Array.from({ length: count }, (_, i) => {
      const { reason } = lvs.run(tcp(`${at(f.client, from + i)} > ${at(f.vip, 80)}`, 'S'))
      return BITS[`${reason === 'overload'}`]
    }).join('')

  for (const [rate, pattern] of [
    [3, 'x..x..x..'],
    [1, 'xxxxxxxxx'],
    [0, '.........'],
    [-4, 'xxxxxxxxx'],
  ] as const)
    test(`defence: drop_packet 3 of ${f.name}, am_droprate ${rate}, then ${pattern}`, async t => {
      const lvs = await director(t, service(f))

      defend(lvs, { drop_packet: 3, am_droprate: rate })

      t.is(dropped(lvs, 9), pattern)
    })

  test(`defence: drop_packet by memory over ${f.name}, one in so many as it is short`, async t => {
    const lvs = await director(t, service(f))
    const set = { drop_packet: 1, amemthresh: 1000 }

    const seen = [750, 500, 1000].map((available, i) => {
      defend(lvs, set, available)
      return dropped(lvs, 8, 1000 + 100 * i)
    })

    t.deepEqual(seen, ['...x...x', '.x.x.x.x', '........'])
  })

  test(`defence: drop_packet drops all of ${f.name}, connections go on`, async t => {
    const lvs = await director(t, services(f))
    const { request, reply } = paths(f)
    for (const frame of [tcp(request, 'S'), udp(request)]) lvs.run(frame)

    defend(lvs, { drop_packet: 3, am_droprate: 1 })

    const frames = [tcp(request, 'A'), tcp(reply, 'SA'), udp(request), udp(reply)]
    t.deepEqual(
      frames.map(frame => lvs.run(frame).reason),
      ['nat request', 'nat reply', 'nat request', 'nat reply'],
    )
    t.is(lvs.run(udp(`${at(f.client, 1)} > ${at(f.vip, 80)}`)).reason, 'overload')
    t.is(lvs.run(tcp(`${at(f.client, 1)} > ${at(f.vip, 443)}`, 'S')).reason, 'no service')
  })

  test(`defence: drop_entry of ${f.name}, only what is half open ends`, async t => {
    const lvs = await director(t, services(f))
    const states = Object.values(TCP_STATE).slice(0, 11)
    for (const state of states) {
      lvs.run(tcp(`${at(f.client, 1000 + state)} > ${at(f.vip, 80)}`, 'S'))
      setState(lvs, requestSlot(lvs, 1000 + state, f), state, f)
    }
    lvs.run(udp(paths(f).request))
    const table = lvs.tables[f.name === 'IPv4' ? 0 : 1]
    const before = lvs.counts(f.dest(2))

    // Every bucket once, though each turn looks at a few.
    let turn = 0
    const random = (): number => (turn++ % 4096) / 4096
    let ended = 0
    while (turn < 4096) ended += dropEntries(table, lvs.kernel.clock(), random)

    const left = lvs.conns().map(({ client }) => client.port - 1000)
    const halfOpen: number[] = [TCP_STATE.TCP_SYN_RECV, TCP_STATE.TCP_SYNACK]
    t.is(ended, 2)
    t.deepEqual(
      halfOpen.filter(state => left.includes(state)),
      [],
    )
    t.is(left.length, states.length - 2 + 1)
    t.is(lvs.counts(f.dest(2)).active, before.active - 2)
    lvs.sweep()
    t.is(lvs.conns().length, left.length)
  })
}
