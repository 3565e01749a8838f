/**
 * ICMP errors of others about connections by DR and tunnel: towards the dest they take the dest's
 * way as they are, towards the client they are the host's. Read next: related.test.ts.
 */
import test from 'ava'
import { director, XDP, type PacketDirector } from '../support/director.ts'
import { FAMILIES, paths, services, type Family } from '../support/families.ts'
import {
  fragmentHeader,
  icmpError,
  ipip,
  macOf,
  sameButId,
  sameFrame,
  tcp,
  udp,
} from '../support/frames.ts'
import { packetOf } from '../support/wire.ts'

async function connected(
  t: Parameters<typeof director>[0],
  f: Family,
  fwd: string,
  dest = f.dest(2),
): Promise<PacketDirector> {
  const lvs = await director(t, services(f, { fwd, dest }))
  for (const frame of [tcp(paths(f).request, 'S'), udp(paths(f).request)]) lvs.run(frame)
  return lvs
}

for (const f of FAMILIES) {
  const { request, replyOut } = paths(f)
  const [type, code] = f.errors.noPort
  const path = `${f.router} > ${f.vip}`
  const abouts = [tcp(replyOut, 'A'), udp(replyOut)]

  test(`related dr: ${f.name} about an answer, it goes to the dest as it is`, async t => {
    const lvs = await connected(t, f, 'dr')

    for (const about of abouts) {
      const out = lvs.run(icmpError(path, type, code, about, { ttl: 50 }))

      t.deepEqual([out.reason, out.verdict], ['icmp request', XDP.tx])
      const o = { ttl: 49, dmac: macOf(f.dest(2)) }
      sameFrame(t, out.frame, icmpError(path, type, code, about, o))
    }
  })

  for (const outer of FAMILIES)
    test(`related tun: ${f.name} about an answer, it goes on inside ${outer.name}`, async t => {
      const lvs = await connected(t, f, 'tun', outer.dest(2))

      for (const about of abouts) {
        const error = { tos: 0, df: false, ttl: 50 }
        const out = lvs.run(icmpError(path, type, code, about, error))

        t.deepEqual([out.reason, out.verdict], ['icmp request', XDP.tx])
        const inner = icmpError(path, type, code, about, { ...error, ttl: 49 })
        const way = `${outer.director} > ${outer.dest(2)}`
        sameButId(t, out.frame, ipip(way, inner, { ttl: 49, df: false }))
      }
    })

  for (const fwd of ['dr', 'tun']) {
    test(`related ${fwd}: ${f.name} with a wrong checksum, it goes on as it is`, async t => {
      const lvs = await connected(t, f, fwd)

      const out = lvs.run(icmpError(path, type, code, udp(replyOut), { checksumError: 1 }))

      t.is(out.verdict, XDP.tx)
    })

    test(`related ${fwd}: ${f.name}, counted as it came and nothing else changes`, async t => {
      const lvs = await connected(t, f, fwd)
      const [traffic, conns] = [lvs.traffic(1), lvs.conns()]
      const error = icmpError(path, type, code, udp(replyOut))

      lvs.run(error)

      const inBytes = traffic.inBytes + packetOf(error).length
      const inPackets = traffic.inPackets + 1
      t.deepEqual(lvs.traffic(1), { ...traffic, inPackets, inBytes })
      t.deepEqual(lvs.conns(), conns)
    })

    test(`related ${fwd}: ${f.name} about a request, the host's and counted`, async t => {
      const lvs = await connected(t, f, fwd)
      const frame = icmpError(`${f.router} > ${f.client}`, type, code, udp(request))

      const out = lvs.run(frame)

      t.deepEqual([out.reason, out.verdict], ['direct reply', XDP.pass])
      t.is(lvs.traffic(1).outBytes, packetOf(frame).length)
      lvs.run(icmpError(`${f.router} > ${f.client}`, type, code, udp(request), { ttl: 1 }))
      t.is(lvs.traffic(1).outPackets, 1)
      t.is(Buffer.from(out.frame).toString('hex', 12), Buffer.from(frame).toString('hex', 12))
    })

    test(`related ${fwd}: ${f.name} with TTL 1, dropped and nobody is told`, async t => {
      const lvs = await connected(t, f, fwd)

      const out = lvs.run(icmpError(path, type, code, udp(replyOut), { ttl: 1 }))

      t.is(out.verdict, XDP.drop)
    })
  }

  test(`related: ${f.name} quoting a later fragment, it passes`, async t => {
    const lvs = await connected(t, f, 'dr')
    const o =
      f.name === 'IPv4' ? { df: false, fragment: 100 } : { extensions: [fragmentHeader(100, true)] }
    const frame = icmpError(path, type, code, udp(replyOut, o))

    const out = lvs.run(frame)

    t.is(out.verdict, XDP.pass)
    t.is(Buffer.from(out.frame).toString('hex', 12), Buffer.from(frame).toString('hex', 12))
  })
}
