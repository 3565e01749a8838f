/**
 * What the director's host asks of its own services, by loopback (bpf/here_ask.h). Real sockets are
 * the lab's (test/lab/here.test.ts); here is what shows one thing at a time.
 */
import test, { type ExecutionContext } from 'ava'
import { TCP_STATE } from '../../control/abi/maps.gen.ts'
import type { ServiceSettings } from '../../control/model/service.ts'
import { director, TC, type PacketDirector } from '../support/director.ts'
import { FAMILIES, service, type Family } from '../support/families.ts'
import { at, samePacket, tcp, udp } from '../support/frames.ts'
import { requestSlot, setState } from './table.ts'

const PERSISTENT_S = 100

/** A UDP service of dests 2 and 3, dest 3 first. */
async function asked(
  t: ExecutionContext,
  f: Family,
  fwd: string,
  settings: Partial<ServiceSettings>,
): Promise<PacketDirector> {
  const dests = [2, 3].map(n => `-> ${at(f.dest(n), fwd === 'nat' ? 5353 : 53)} ${fwd} weight 1\n`)
  const lvs = await director(t, `udp ${at(f.vip, 53)} rr\n${dests.join('')}`)
  for (const one of lvs.intents) Object.assign(one.service, settings)
  lvs.publish()
  return lvs
}

const path = (f: Family, cport: number): string => `${at(f.director, cport)} > ${at(f.vip, 53)}`

/** How many of the service's packets each dest got. */
function shares(lvs: PacketDirector, f: Family): number[] {
  const [one] = lvs.intents
  const { tables } = lvs.dataplane
  return [2, 3].map(n => {
    const dest = one?.dests.find(({ address }) => address === f.dest(n))
    const id = one && dest && tables.destId(one.service, dest)
    return id === undefined ? NaN : tables.traffic(id).inPackets
  })
}

for (const f of FAMILIES) {
  const request = `${at(f.director, 40000)} > ${at(f.vip, 80)}`

  for (const fwd of ['nat', 'dr'])
    test(`ask: ${f.name} a persistent service by ${fwd}, one dest for as long`, async t => {
      const lvs = await asked(t, f, fwd, { persistentS: PERSISTENT_S })

      const first = [1, 2, 3, 1].map(n => lvs.send(udp(path(f, 1000 + n)), 'loopback'))

      const reason = fwd === 'nat' ? 'nat request' : 'direct'
      for (const out of first) t.deepEqual([out.reason, out.verdict], [reason, TC.redirect])
      t.deepEqual(shares(lvs, f), [0, 4])
      const templates = lvs.conns().filter(one => one.isTemplate)
      t.deepEqual([lvs.conns().length, templates.length], [4, 1])
      t.is(templates[0]?.client.address, f.director)
      lvs.advance(400)
      for (let turn = 0; turn < 2; turn++) lvs.sweep()
      t.deepEqual(lvs.conns(), [])
      lvs.send(udp(path(f, 1004)), 'loopback')
      t.deepEqual(shares(lvs, f), [1, 4])
    })

  test(`ask: ${f.name} a persistent service, all dests quiesced, the host's own`, async t => {
    const lvs = await asked(t, f, 'nat', { persistentS: PERSISTENT_S })
    for (const { dests } of lvs.intents) for (const dest of dests) dest.weight = 0
    lvs.publish()

    const out = lvs.send(udp(path(f, 1000)), 'loopback')

    t.deepEqual([out.reason, out.verdict, lvs.conns()], ['', TC.goOn, []])
  })

  for (const persistentS of [0, PERSISTENT_S])
    test(`ask: ${f.name} one-packet, persistent ${persistentS} s, sent and forgotten`, async t => {
      const settings = { onePacket: true as const, ...(persistentS > 0 ? { persistentS } : {}) }
      const lvs = await asked(t, f, 'nat', settings)
      const bare = udp(path(f, 1000), { noChecksum: true })

      const sent = [udp(path(f, 1000)), bare, udp(path(f, 1000))].map(frame =>
        lvs.send(frame, 'loopback'),
      )

      const wanted = persistentS > 0 ? [3, 3, 3] : [3, 2, 3]
      for (const [i, out] of sent.entries()) {
        t.deepEqual([out.reason, out.verdict], ['nat request', TC.redirect])
        const to = at(f.dest(wanted[i] ?? 0), 5353)
        samePacket(t, out.frame, udp(`${at(f.director, 1000)} > ${to}`, { ttl: 63 }))
      }
      t.deepEqual(shares(lvs, f), persistentS > 0 ? [0, 3] : [1, 2])
      t.is(lvs.traffic().conns, 3)
      t.deepEqual(
        lvs.conns().map(({ isTemplate }) => isTemplate),
        persistentS > 0 ? [true] : [],
      )
      lvs.advance(PERSISTENT_S + 1)
      lvs.sweep()
      t.deepEqual(lvs.conns(), [])
    })

  for (const [what, fwd, settings] of [
    ['by tun', 'tun', {}],
    ['by tun, persistent', 'tun', { persistentS: PERSISTENT_S }],
    ['by tun, one-packet', 'tun', { onePacket: true }],
    ['of the engine sip', 'nat', { persistentS: PERSISTENT_S, engine: 'sip' }],
  ] as const)
    test(`ask: ${f.name} a service ${what}, it is not balanced`, async t => {
      const lvs = await asked(t, f, fwd, settings)
      const frame = udp(path(f, 1000))

      const out = lvs.send(frame, 'loopback')

      t.deepEqual([out.reason, out.verdict], ['', TC.goOn])
      samePacket(t, out.frame, frame)
      t.deepEqual(
        lvs.conns().filter(one => !one.isTemplate),
        [],
      )
      lvs.advance(PERSISTENT_S + 1)
      lvs.sweep()
      t.deepEqual(lvs.conns(), [])
    })

  test(`ask: ${f.name} the engine sip without persistence, it is balanced`, async t => {
    const lvs = await asked(t, f, 'nat', { engine: 'sip' })

    const out = [1000, 1001].map(port => lvs.send(udp(path(f, port)), 'loopback'))

    for (const { reason, verdict } of out)
      t.deepEqual([reason, verdict], ['nat request', TC.redirect])
    t.deepEqual(shares(lvs, f), [1, 1])
  })

  test(`ask: ${f.name}, a SYN on an ended one, which counts until the new one is`, async t => {
    const text = `${service(f)}-> ${at(f.dest(3), 8080)} nat weight 1`.replace(' rr', ' wlc')
    const lvs = await director(t, text)
    const first = lvs.send(tcp(request, 'S'), 'loopback').reason
    const before = lvs.conns().map(({ dest }) => dest.address)
    setState(lvs, requestSlot(lvs, 40000, f), TCP_STATE.TCP_CLOSE, f)

    const second = lvs.send(tcp(request, 'S'), 'loopback').reason

    t.deepEqual([first, second], ['nat request', 'nat request'])
    const after = lvs.conns().map(({ dest }) => dest.address)
    t.deepEqual([...before, ...after].sort(), [f.dest(2), f.dest(3)])
    t.deepEqual(lvs.counts(before[0] ?? ''), { active: 0, inactive: 0 })
    t.deepEqual(lvs.counts(after[0] ?? ''), { active: 1, inactive: 0 })
  })
}
