/**
 * Dests that are this host, by DR and tunnel: the packet is delivered here as it came, its
 * connection kept and counted. Source: ip_vs_xmit.c crosses_local_route_boundary, ip_vs_dr_xmit
 * (v6.12); recorded frames.
 */
import test from 'ava'
import { director, XDP, type PacketDirector } from '../support/director.ts'
import { FAMILIES, paths, service, services, type Family } from '../support/families.ts'
import { at, icmpError, macOf, sameFrame, tcp, udp } from '../support/frames.ts'
import { requestSlot } from './table.ts'

/** Dest 2 is an address of this host. */
async function here(
  t: Parameters<typeof director>[0],
  f: Family,
  fwd: string,
): Promise<PacketDirector> {
  const lvs = await director(t, services(f, { fwd }))
  become(lvs, f)
  return lvs
}

function become(lvs: PacketDirector, f: Family): void {
  const prefix = f.name === 'IPv4' ? 32 : 128
  lvs.setNetwork(facts => facts.addresses.push({ ifindex: 1, address: f.dest(2), prefix }))
}

function hex(frame: Uint8Array): string {
  return Buffer.from(frame).toString('hex', 12)
}

for (const f of FAMILIES)
  for (const fwd of ['dr', 'tun']) {
    const { request } = paths(f)

    test(`local: a SYN of ${f.name} to a ${fwd} dest here, it passes as it came`, async t => {
      const lvs = await here(t, f, fwd)
      const frame = tcp(request, 'S')

      const out = lvs.run(frame)

      t.deepEqual([out.reason, out.verdict], ['local dest', XDP.pass])
      t.is(hex(out.frame), hex(frame))
    })

    test(`local: a ${f.name} connection to a ${fwd} dest here, tracked and counted`, async t => {
      const lvs = await here(t, f, fwd)

      const states = ['S', 'A', 'FA'].map(flags => {
        t.is(lvs.run(tcp(request, flags)).reason, 'local dest', flags)
        return lvs.conns()[0]?.state
      })

      t.deepEqual(states, ['SYN_RECV', 'ESTABLISHED', 'FIN_WAIT'])
      const bytes = 3 * (f.header + 20)
      const { conns, inPackets, inBytes } = lvs.traffic()
      t.deepEqual({ conns, inPackets, inBytes }, { conns: 1, inPackets: 3, inBytes: bytes })
      t.deepEqual(lvs.counts(f.dest(2)), { active: 0, inactive: 1 })
      t.deepEqual(lvs.conns()[0]?.dest, { address: f.dest(2), port: 80 })
    })

    test(`local: a datagram of ${f.name} to a ${fwd} dest here, its timer restarts`, async t => {
      const lvs = await here(t, f, fwd)
      lvs.run(udp(request, { noChecksum: true }))
      lvs.advance(100)

      const out = lvs.run(udp(request, { noChecksum: true }))

      t.is(hex(out.frame), hex(udp(request, { noChecksum: true })))
      const left = requestSlot(lvs, 40000, f).deadline - lvs.kernel.clock()
      t.is(Math.round(left / lvs.kernel.ticksPerSecond), 300)
    })

    for (const [what, o] of [
      ['TTL 1', { ttl: 1 }],
      ['a packet longer than the way', { data: Buffer.alloc(1461) }],
    ] as const)
      test(`local: ${what} of ${f.name} to a ${fwd} dest here, it passes as it came`, async t => {
        const lvs = await here(t, f, fwd)
        const frame = tcp(request, 'S', o)

        const out = lvs.run(frame)

        t.deepEqual([out.reason, out.verdict], ['local dest', XDP.pass])
        t.is(hex(out.frame), hex(frame))
      })

    test(`local: a ${fwd} dest of ${f.name} that moves here, its connections do too`, async t => {
      const lvs = await director(t, service(f, { fwd }))
      lvs.run(tcp(request, 'S'))
      become(lvs, f)

      const out = lvs.run(tcp(request, 'A'))

      t.is(out.reason, 'local dest')
      t.is(lvs.conns().length, 1)
    })

    test(`local: a ${fwd} dest of ${f.name} that moves away, its connections do too`, async t => {
      const lvs = await here(t, f, fwd)
      lvs.run(tcp(request, 'S'))
      lvs.setNetwork(facts => {
        facts.addresses = facts.addresses.filter(a => a.address !== f.dest(2))
      })

      const out = lvs.run(tcp(request, 'A'))

      t.is(out.reason, fwd === 'dr' ? 'direct' : 'tunnel')
    })

    test(`local: an error of ${f.name} about a ${fwd} dest's packet here, it passes`, async t => {
      const lvs = await here(t, f, fwd)
      lvs.run(udp(request))
      const about = udp(paths(f).replyOut)
      const frame = icmpError(`${f.router} > ${f.vip}`, ...f.errors.noPort, about)

      const out = lvs.run(frame)

      t.is(out.verdict, XDP.pass)
      t.is(hex(out.frame), hex(frame))
    })
  }

for (const f of FAMILIES)
  test(`local: one dest of ${f.name} here and one elsewhere, each gets its share`, async t => {
    const elsewhere = at(f.dest(3), 80)
    const lvs = await director(t, `${service(f, { fwd: 'dr' })}-> ${elsewhere} dr weight 1`)
    become(lvs, f)
    const path = (port: number) => `${at(f.client, port)} > ${at(f.vip, 80)}`

    const left = [5001, 5002, 5003].map(port => lvs.run(tcp(path(port), 'S')))

    t.deepEqual(
      left.map(out => out.reason),
      ['direct', 'local dest', 'direct'],
    )
    const wanted = tcp(path(5001), 'S', { ttl: 63, dmac: macOf(f.dest(3)) })
    sameFrame(t, left[0]?.frame ?? wanted, wanted)
  })
