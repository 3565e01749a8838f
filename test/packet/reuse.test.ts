/** IPVS' reuse check: a SYN on an ended connection begins a new one. See bpf/renew.bpf.c. */
import test from 'ava'
import { store32 } from '../../addon/index.ts'
import { SETTINGS, SLOT_WORD, TCP_STATE } from '../../control/abi/maps.gen.ts'
import { director, type PacketDirector } from '../support/director.ts'
import { FAMILIES, IPV4, paths, service, type Family } from '../support/families.ts'
import { at, macOf, tcp } from '../support/frames.ts'
import { requestSlot, setState, slots } from './table.ts'

const two = (f: Family): string => `${service(f)}-> ${at(f.dest(3), 80)} nat weight 1`

function requests(lvs: PacketDirector, f: Family): number {
  return slots(lvs, f).filter(s => !(s.flags & SLOT_WORD.CONN_REPLY)).length
}

/** The number of the dest that a frame's MAC address is of. */
function destOf(f: Family, frame: Uint8Array): number | undefined {
  const dmac = Buffer.from(frame.subarray(0, 6)).toString('hex')
  return [2, 3].find(n => macOf(f.dest(n)).replaceAll(':', '') === dmac)
}

const REUSED = new Set(['TCP_TIME_WAIT', 'TCP_CLOSE'])
const kindOf = (state: string): string => (REUSED.has(state) ? 'new' : 'the same')

for (const f of FAMILIES)
  for (const [name, state] of Object.entries(TCP_STATE).slice(0, 11))
    test(`reuse: SYN of ${f.name} in ${name}, the connection is ${kindOf(name)}`, async t => {
      const lvs = await director(t, two(f))
      const request = tcp(paths(f).request, 'S')
      const first = destOf(f, lvs.receive(request))
      setState(lvs, requestSlot(lvs, 40000, f), state, f)

      const second = destOf(f, lvs.receive(request))

      t.deepEqual([first, second], [3, REUSED.has(name) ? 2 : 3])
      t.is(lvs.conns().length, 1)
      lvs.advance(1)
      t.is(lvs.sweep().expired, REUSED.has(name) ? 1 : 0)
      t.is(slots(lvs, f).length, 2)
      lvs.advance(1000)
      lvs.sweep()
      t.is(slots(lvs, f).length, 0)
      for (const n of [2, 3]) t.deepEqual(lvs.counts(f.dest(n)), { active: 0, inactive: 0 })
    })

for (const f of FAMILIES) {
  const { request, reply } = paths(f)

  test(`reuse: SYN of ${f.name} to an address that has left, the ended one stays`, async t => {
    const lvs = await director(t, two(f))
    lvs.run(tcp(request, 'S'))
    setState(lvs, requestSlot(lvs, 40000, f), TCP_STATE.TCP_CLOSE, f)
    lvs.setNetwork(facts => {
      facts.addresses = facts.addresses.filter(a => a.address !== f.vip)
    })

    const out = lvs.run(tcp(request, 'S'))

    t.deepEqual([out.reason, lvs.conns().length], ['vip not local', 1])
  })

  test(`reuse: a new one of ${f.name} on old ports, only its dest is translated`, async t => {
    const lvs = await director(t, two(f))
    const client = at(f.client, 40000)
    lvs.run(tcp(request, 'S'))
    lvs.run(tcp(`${at(f.dest(3), 80)} > ${client}`, 'RA'))
    lvs.run(tcp(request, 'S'))

    const left = [`${at(f.dest(3), 80)} > ${client}`, reply].map(
      path => lvs.run(tcp(path, 'A')).reason,
    )

    t.deepEqual(left, ['no connection', 'nat reply'])
  })

  test(`reuse: one dest of ${f.name}, its reply goes to the new connection`, async t => {
    const lvs = await director(t, service(f))
    for (const frame of [tcp(request, 'S'), tcp(reply, 'RA'), tcp(request, 'S')]) lvs.run(frame)

    const out = lvs.run(tcp(reply, 'SA'))

    t.is(out.reason, 'nat reply')
    t.is(lvs.conns()[0]?.state, 'SYN_RECV')
  })

  test(`reuse: ${f.name}, persistent since, the ended one counts until the new one is`, async t => {
    const lvs = await director(t, two(f).replace(' rr', ' wlc'))
    const first = destOf(f, lvs.receive(tcp(request, 'S')))
    setState(lvs, requestSlot(lvs, 40000, f), TCP_STATE.TCP_CLOSE, f)
    for (const { service } of lvs.intents) service.persistentS = 100
    lvs.publish()

    const second = destOf(f, lvs.receive(tcp(request, 'S')))

    t.deepEqual([first, second].sort(), [2, 3])
    const counts = [first, second].map(n => lvs.counts(f.dest(n ?? 0)))
    t.deepEqual(counts, [
      { active: 0, inactive: 0 },
      { active: 1, inactive: 0 },
    ])
  })
}

for (const f of FAMILIES)
  for (const [mode, fwd, state, isNew] of [
    [0, 'nat', TCP_STATE.TCP_CLOSE, false],
    [0, 'nat', TCP_STATE.TCP_TIME_WAIT, false],
    [1, 'dr', TCP_STATE.TCP_FIN_WAIT, false],
    [1, 'dr', TCP_STATE.TCP_CLOSE, true],
    [1, 'tun', TCP_STATE.TCP_FIN_WAIT, false],
    [1, 'tun', TCP_STATE.TCP_CLOSE, true],
    [2, 'dr', TCP_STATE.TCP_FIN_WAIT, true],
    [2, 'tun', TCP_STATE.TCP_FIN_WAIT, true],
    [2, 'nat', TCP_STATE.TCP_FIN_WAIT, false],
    [2, 'nat', TCP_STATE.TCP_TIME_WAIT, true],
    [3, 'dr', TCP_STATE.TCP_FIN_WAIT, true],
    [3, 'tun', TCP_STATE.TCP_FIN_WAIT, true],
    [3, 'nat', TCP_STATE.TCP_FIN_WAIT, false],
  ] as const)
    test(`reuse: mode ${mode}, a SYN of ${f.name} in state ${state} by ${fwd}, ${
      isNew ? 'a new' : 'the same'
    } connection`, async t => {
      const lvs = await director(t, service(f, { fwd }))
      store32(lvs.kernel.maps.settings.mmap(), SETTINGS.conn_reuse_mode / 4, mode)
      lvs.run(tcp(paths(f).request, 'S'))
      setState(lvs, requestSlot(lvs, 40000, f), state, f)

      lvs.run(tcp(paths(f).request, 'S'))

      t.is(requests(lvs, f), isNew ? 2 : 1)
    })

test('reuse: a SYN with RST in CLOSE, it passes and starts nothing', async t => {
  const { request, reply } = paths(IPV4)
  const lvs = await director(t, service(IPV4))
  lvs.run(tcp(request, 'S'))
  lvs.run(tcp(reply, 'RA'))

  const out = lvs.run(tcp(request, 'SR'))

  t.is(out.reason, 'no connection')
  t.is(lvs.traffic().conns, 1)
})
