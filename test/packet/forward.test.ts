/** How frames leave: by direct routing, by another interface, to a neighbour that has moved. */
import test from 'ava'
import { director, XDP } from '../support/director.ts'
import { FAMILIES, IPV6, paths, service } from '../support/families.ts'
import { at, macOf, sameFrame, tcp, udp } from '../support/frames.ts'
import { OTHER_MAC } from '../support/topology.ts'

for (const f of FAMILIES) {
  const { request, requestOut, reply, replyOut } = paths(f)
  const dmac = macOf(f.dest(2))

  test(`dr: a SYN by ${f.name}, only its TTL and MACs change`, async t => {
    const lvs = await director(t, service(f, { fwd: 'dr', dport: 80 }))

    const out = lvs.run(tcp(request, 'S', { tos: 3 }))

    t.deepEqual([out.reason, out.verdict], ['direct', XDP.tx])
    sameFrame(t, out.frame, tcp(request, 'S', { ttl: 63, tos: 3, dmac }))
  })

  test(`dr: a dest of ${f.name} on another port, the port stays as it is`, async t => {
    const lvs = await director(t, service(f, { fwd: 'dr', protocol: 'udp' }))

    const out = lvs.receive(udp(request, { noChecksum: true }))

    sameFrame(t, out, udp(request, { ttl: 63, noChecksum: true, dmac }))
  })

  test(`dr: a client's whole connection by ${f.name}, every segment goes to one dest`, async t => {
    const lvs = await director(
      t,
      `tcp ${at(f.vip, 80)} rr
         -> ${at(f.dest(3), 80)} dr weight 1
         -> ${at(f.dest(2), 80)} dr weight 1`,
    )

    for (const flags of ['S', 'A', 'PA', 'FA', 'A']) {
      const out = lvs.receive(tcp(request, flags))

      sameFrame(t, out, tcp(request, flags, { ttl: 63, dmac }))
    }
  })

  test(`dr: an answer by ${f.name} that passes the director, it passes on`, async t => {
    const lvs = await director(t, service(f, { fwd: 'dr', dport: 80 }))
    lvs.receive(tcp(request, 'S'))

    const left = ['SA', 'A'].map(flags => lvs.run(tcp(replyOut, flags)))

    // Over IPv6 the host takes packets from an address of its own, and IPVS counts them.
    const reasons = f === IPV6 ? ['direct reply', 'direct reply'] : ['no service', 'no connection']
    t.deepEqual(
      left.map(out => [out.reason, out.verdict]),
      reasons.map(reason => [reason, XDP.pass]),
    )
  })

  for (const [fwd, path] of [
    ['nat', requestOut],
    ['dr', request],
  ] as const)
    test(`forward: ${fwd} to a dest of ${f.name} by the other interface, redirected`, async t => {
      const lvs = await director(t, service(f, { fwd }), { behindOther: [f.dest(2)] })

      const out = lvs.run(tcp(request, 'S'))

      t.is(out.verdict, XDP.redirect)
      sameFrame(t, out.frame, tcp(path, 'S', { ttl: 63, smac: OTHER_MAC, dmac }))
    })

  test(`forward: a client of ${f.name} by the other interface, its answer goes there`, async t => {
    const lvs = await director(t, service(f), { behindOther: [f.client] })
    lvs.receive(tcp(request, 'S'))

    const out = lvs.run(tcp(reply, 'SA'))

    t.is(out.verdict, XDP.redirect)
    const macs = { smac: OTHER_MAC, dmac: macOf(f.client) }
    sameFrame(t, out.frame, tcp(replyOut, 'SA', { ttl: 63, ...macs }))
  })

  test(`forward: the router of ${f.name} has another MAC address, replies go to it`, async t => {
    const lvs = await director(t, service(f, { protocol: 'udp' }))
    const [client, virtual, dest] = [at(f.far, 5000), at(f.vip, 80), at(f.dest(2), 8080)]
    lvs.receive(udp(`${client} > ${virtual}`))
    lvs.receive(udp(`${dest} > ${client}`))
    lvs.setNetwork(facts => {
      for (const n of facts.neighbours) if (n.address === f.router) n.mac = OTHER_MAC
    })

    const out = lvs.receive(udp(`${dest} > ${client}`))

    sameFrame(t, out, udp(`${virtual} > ${client}`, { ttl: 63, dmac: OTHER_MAC }))
  })

  test(`forward: a client's route of ${f.name} is changed, replies go the new way`, async t => {
    const lvs = await director(t, service(f), { behindOther: [] })
    lvs.receive(tcp(request, 'S'))
    lvs.setNetwork(facts => {
      const [like] = facts.routes
      if (!like) return
      const prefix = f.name === 'IPv4' ? 32 : 128
      facts.routes.push({ ...like, destination: f.client, prefix, gateway: '', ifindex: 2 })
      for (const n of facts.neighbours) if (n.address === f.client) n.ifindex = 2
    })

    const out = lvs.run(tcp(reply, 'SA'))

    t.is(out.verdict, XDP.redirect)
    t.is(
      macOf(f.client),
      Buffer.from(out.frame)
        .toString('hex', 0, 6)
        .replace(/..(?=.)/g, '$&:'),
    )
  })
}
