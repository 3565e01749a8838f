/**
 * One-packet services: each datagram is scheduled anew and leaves no connection behind.
 * Source of what is expected: ip_vs_core.c ip_vs_schedule (v6.12), recorded frames.
 */
import test from 'ava'
import { director, XDP, type PacketDirector } from '../support/director.ts'
import { FAMILIES, paths, type Family } from '../support/families.ts'
import { at, icmpError, ipip, macOf, sameButId, sameFrame, udp } from '../support/frames.ts'

/** A one-packet service with two dests, the newest last. */
async function once(
  t: Parameters<typeof director>[0],
  f: Family,
  fwd = 'nat',
): Promise<PacketDirector> {
  const dests = [2, 3].map(n => `-> ${at(f.dest(n), fwd === 'nat' ? 8080 : 80)} ${fwd} weight 1\n`)
  const lvs = await director(t, `udp ${at(f.vip, 80)} rr\n${dests.join('')}`)
  for (const intent of lvs.intents) intent.service.onePacket = true
  lvs.publish()
  return lvs
}

for (const f of FAMILIES) {
  const { request } = paths(f)
  const to = (n: number) => `${at(f.client, 40000)} > ${at(f.dest(n), 8080)}`

  test(`once: ${f.name} datagrams of one client, dests take turns and nothing is kept`, async t => {
    const lvs = await once(t, f)

    for (const n of [3, 2, 3]) sameFrame(t, lvs.receive(udp(request)), udp(to(n), { ttl: 63 }))

    t.deepEqual(lvs.conns(), [])
    t.deepEqual(lvs.counts(f.dest(3)), { active: 0, inactive: 0 })
    t.deepEqual([lvs.traffic().conns, lvs.traffic().inPackets], [3, 3])
  })

  test(`once: ${f.name} by dr and tunnel, as any other`, async t => {
    const [dr, tun] = [await once(t, f, 'dr'), await once(t, f, 'tun')]

    const o = { ttl: 63 }
    const dmac = macOf(f.dest(3))
    sameFrame(t, dr.receive(udp(request)), udp(request, { ...o, dmac }))
    const way = `${f.director} > ${f.dest(3)}`
    const df = f.name === 'IPv4' ? {} : { df: false }
    sameButId(t, tun.receive(udp(request)), ipip(way, udp(request, o), { ...o, ...df }))
    t.deepEqual([dr.conns(), tun.conns()], [[], []])
  })

  test(`once: ${f.name} without a checksum, it gets one`, async t => {
    const lvs = await once(t, f)

    sameFrame(t, lvs.receive(udp(request, { noChecksum: true })), udp(to(3), { ttl: 63 }))
  })

  test(`once: ${f.name} with TTL 1, counted and refused as it came`, async t => {
    const lvs = await once(t, f)
    const frame = udp(request, { ttl: 1, noChecksum: true })

    const out = lvs.run(frame)

    t.is(out.reason, 'ttl expired')
    const o = { df: false }
    sameButId(t, out.frame, icmpError(`${f.vip} > ${f.client}`, ...f.errors.expired, frame, o))
    t.deepEqual([lvs.traffic().conns, lvs.traffic().inPackets], [1, 1])
  })

  test(`once: ${f.name} an answer, it is nobody's`, async t => {
    const lvs = await once(t, f)
    lvs.run(udp(request))

    const out = lvs.run(udp(`${at(f.dest(3), 8080)} > ${at(f.client, 40000)}`))

    t.deepEqual([out.reason, out.verdict], ['no service', XDP.pass])
  })

  test(`once: ${f.name} switched on, a connection from before is kept to`, async t => {
    const lvs = await once(t, f)
    for (const intent of lvs.intents) delete intent.service.onePacket
    lvs.publish()
    lvs.run(udp(request))
    for (const intent of lvs.intents) intent.service.onePacket = true
    lvs.publish()

    const known = [lvs.receive(udp(request)), lvs.receive(udp(request))]

    for (const frame of known) sameFrame(t, frame, udp(to(3), { ttl: 63 }))
    t.is(lvs.conns().length, 1)
  })
}
