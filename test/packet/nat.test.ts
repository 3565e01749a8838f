/** NAT, packet by packet, both directions, both families. */
import test from 'ava'
import { director, XDP } from '../support/director.ts'
import { FAMILIES, paths, service, services } from '../support/families.ts'
import { at, macOf, sameFrame, tcp, udp } from '../support/frames.ts'

for (const f of FAMILIES) {
  const { request, requestOut, reply, replyOut } = paths(f)

  test(`nat: a SYN by ${f.name} to the virtual service, it reaches the dest rewritten`, async t => {
    const lvs = await director(t, service(f))

    const out = lvs.run(tcp(request, 'S'))

    t.deepEqual([out.reason, out.verdict], ['nat request', XDP.tx])
    sameFrame(t, out.frame, tcp(requestOut, 'S', { ttl: 63 }))
  })

  test(`nat: the dest's answer by ${f.name}, it comes from the virtual service`, async t => {
    const lvs = await director(t, service(f))
    lvs.receive(tcp(request, 'S'))

    const out = lvs.run(tcp(reply, 'SA'))

    t.deepEqual([out.reason, out.verdict], ['nat reply', XDP.tx])
    sameFrame(t, out.frame, tcp(replyOut, 'SA', { ttl: 63 }))
  })

  test(`nat: a client by ${f.name} behind the router, it is answered through it`, async t => {
    const lvs = await director(t, service(f, { protocol: 'udp' }))
    const client = at(f.far, 5000)
    lvs.receive(udp(`${client} > ${at(f.vip, 80)}`))

    const out = lvs.receive(udp(`${at(f.dest(2), 8080)} > ${client}`))

    const dmac = macOf(f.router)
    sameFrame(t, out, udp(`${at(f.vip, 80)} > ${client}`, { ttl: 63, dmac }))
  })

  test(`nat: a whole connection by ${f.name}, only addresses and ports change`, async t => {
    const lvs = await director(t, services(f))
    const odd = { tos: 0xbb, id: 0xfeed, label: 0xfffff, data: 'odd bytes' }

    for (const flags of ['S', 'A', 'PA', 'PA', 'FA', 'A']) {
      const there = lvs.receive(tcp(request, flags, odd))
      sameFrame(t, there, tcp(requestOut, flags, { ...odd, ttl: 63 }))
      const back = lvs.receive(tcp(reply, flags, { ...odd, ttl: 255 }))
      sameFrame(t, back, tcp(replyOut, flags, { ...odd, ttl: 254 }))
    }
    sameFrame(t, lvs.receive(udp(request, odd)), udp(requestOut, { ...odd, ttl: 63 }))
    sameFrame(t, lvs.receive(udp(reply, odd)), udp(replyOut, { ...odd, ttl: 63 }))
  })

  test(`nat: packets of ${f.name} both ways, each is counted as it came`, async t => {
    const lvs = await director(t, service(f))
    lvs.receive(tcp(request, 'S'))
    lvs.receive(tcp(reply, 'SA'))
    lvs.receive(tcp(request, 'A', { data: 'hello' }))

    const [inBytes, outBytes] = [2 * (f.header + 20) + 5, f.header + 20]
    t.deepEqual(lvs.traffic(), { conns: 1, inPackets: 2, outPackets: 1, inBytes, outBytes })
    t.deepEqual(lvs.counts(f.dest(2)), { active: 1, inactive: 0 })
  })
}

test('nat: a dest of port 0, packets keep the port of their service', async t => {
  const lvs = await director(
    t,
    `
    tcp 192.0.2.1:80 rr
      -> 10.0.0.2:0 nat weight 1`,
  )

  const out = lvs.receive(tcp('198.51.100.7:40000 > 192.0.2.1:80', 'S'))
  const back = lvs.receive(tcp('10.0.0.2:80 > 198.51.100.7:40000', 'SA'))

  sameFrame(t, out, tcp('198.51.100.7:40000 > 10.0.0.2:80', 'S', { ttl: 63 }))
  sameFrame(t, back, tcp('192.0.2.1:80 > 198.51.100.7:40000', 'SA', { ttl: 63 }))
  t.deepEqual(
    lvs.conns().map(({ dest }) => dest),
    [{ address: '10.0.0.2', port: 80 }],
  )
})

test('nat: the same ports in both families, each connection is its own', async t => {
  const lvs = await director(t, FAMILIES.map(f => service(f)).join(''))
  for (const f of FAMILIES) lvs.receive(tcp(paths(f).request, 'S'))
  const [first] = FAMILIES
  if (first) lvs.receive(tcp(paths(first).request, 'R'))

  for (const f of FAMILIES)
    sameFrame(t, lvs.receive(tcp(paths(f).reply, 'SA')), tcp(paths(f).replyOut, 'SA', { ttl: 63 }))

  t.is(lvs.conns().length, 2)
})
