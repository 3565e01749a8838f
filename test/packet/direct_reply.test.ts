/**
 * Replies of dests by dr and tun that are routed through the director: they are counted and move
 * the state, and the host forwards them. Source of what is expected: ip_vs_core.c ip_vs_out_hook
 * (v6.1), recorded frames.
 */
import test from 'ava'
import { director, XDP, type PacketDirector } from '../support/director.ts'
import { FAMILIES, IPV4, IPV6, paths, services, type Family } from '../support/families.ts'
import { tcp, udp } from '../support/frames.ts'
import { packetOf } from '../support/wire.ts'

/** With a virtual address that has gone since, so that its host lets it in as a source. */
async function connected(
  t: Parameters<typeof director>[0],
  f: Family,
  fwd: string,
): Promise<PacketDirector> {
  const lvs = await director(t, services(f, { fwd }))
  for (const frame of [tcp(paths(f).request, 'S'), udp(paths(f).request)]) lvs.run(frame)
  lvs.setNetwork(facts => (facts.addresses = facts.addresses.filter(a => a.address !== f.vip)))
  return lvs
}

for (const f of FAMILIES) {
  const { replyOut } = paths(f)

  for (const fwd of ['dr', 'tun'])
    test(`direct reply: ${f.name} of ${fwd}, counted, tracked and passed as it came`, async t => {
      const lvs = await connected(t, f, fwd)
      const frame = tcp(replyOut, 'SA')

      const out = lvs.run(frame)

      t.deepEqual([out.reason, out.verdict], ['direct reply', XDP.pass])
      t.is(Buffer.from(out.frame).toString('hex', 12), Buffer.from(frame).toString('hex', 12))
      const { outPackets, outBytes } = lvs.traffic()
      t.deepEqual([outPackets, outBytes], [1, packetOf(frame).length])
      lvs.run(tcp(replyOut, 'FA'))
      t.is(lvs.conns().find(conn => conn.protocol === 'tcp')?.state, 'TIME_WAIT')
    })

  test(`direct reply: ${f.name} a SYN alone, counted as a reply is`, async t => {
    const lvs = await connected(t, f, 'tun')

    t.is(lvs.run(tcp(replyOut, 'S')).reason, 'direct reply')

    t.is(lvs.traffic().outPackets, 1)
  })

  test(`direct reply: ${f.name} a datagram, the timer starts again`, async t => {
    const lvs = await connected(t, f, 'dr')
    lvs.advance(50)

    t.is(lvs.run(udp(replyOut)).reason, 'direct reply')

    t.is(lvs.conns().find(conn => conn.protocol === 'udp')?.expiresS, 300)
  })

  test(`direct reply: ${f.name} with TTL 1 or of no connection, the host's`, async t => {
    const lvs = await connected(t, f, 'dr')

    const left = [
      lvs.run(tcp(replyOut, 'A', { ttl: 1 })),
      lvs.run(tcp(replyOut.replace('40000', '40001'), 'A')),
    ]

    t.deepEqual(
      left.map(out => [out.reason, out.verdict]),
      [
        ['no connection', XDP.pass],
        ['no connection', XDP.pass],
      ],
    )
    t.is(lvs.traffic().outPackets, 0)
  })
}

test('direct reply: IPv4 from an address of this host, nobody looks', async t => {
  const lvs = await director(t, services(IPV4, { fwd: 'dr' }))
  lvs.run(tcp(paths(IPV4).request, 'S'))

  t.is(lvs.run(tcp(paths(IPV4).replyOut, 'A')).reason, 'no connection')
})

test('direct reply: IPv6 from an address of this host, which Linux takes', async t => {
  const lvs = await director(t, services(IPV6, { fwd: 'dr' }))
  lvs.run(tcp(paths(IPV6).request, 'S'))

  t.is(lvs.run(tcp(paths(IPV6).replyOut, 'SA')).reason, 'direct reply')
})
