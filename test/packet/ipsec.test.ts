/**
 * AH and ESP: they follow the connection of UDP port 500 between the same addresses.
 * Source of what is expected: ip_vs_proto_ah_esp.c (v6.12), recorded frames.
 */
import test from 'ava'
import { director, XDP, type PacketDirector } from '../support/director.ts'
import { FAMILIES, IPV4, type Family } from '../support/families.ts'
import { at, icmpError, ipip, macOf, sameButId, sameFrame, udp } from '../support/frames.ts'

const [ESP, AH] = [50, 51]

function service(f: Family, fwd = 'nat'): string {
  return `udp ${at(f.vip, 500)} rr\n-> ${at(f.dest(2), 500)} ${fwd} weight 1\n`
}

/** ESP: what udp() writes, under another protocol's number; its sum is nobody's. */
function esp(from: string, to: string, ttl = 64, protocol = ESP, dmac?: string): Uint8Array {
  const o = { noChecksum: true, protocol, ttl, ...(dmac === undefined ? {} : { dmac }) }
  return udp(`${at(from, 1)} > ${at(to, 2)}`, o)
}

async function connected(
  t: Parameters<typeof director>[0],
  f: Family,
  fwd = 'nat',
  mtu = 1500,
): Promise<PacketDirector> {
  const lvs = await director(t, service(f, fwd), { mtu })
  lvs.run(udp(`${at(f.client, 500)} > ${at(f.vip, 500)}`))
  return lvs
}

for (const f of FAMILIES) {
  test(`ipsec: ${f.name} ESP of a connection by NAT, addresses are rewritten`, async t => {
    const lvs = await connected(t, f)

    const there = lvs.run(esp(f.client, f.vip))
    const back = lvs.run(esp(f.dest(2), f.client))

    t.deepEqual([there.reason, back.reason], ['nat request', 'nat reply'])
    sameFrame(t, there.frame, esp(f.client, f.dest(2), 63))
    sameFrame(t, back.frame, esp(f.vip, f.client, 63))
  })

  test(`ipsec: ${f.name} ESP by dr and tunnel, it goes as it is`, async t => {
    const [dr, tun] = [await connected(t, f, 'dr'), await connected(t, f, 'tun')]

    const direct = dr.run(esp(f.client, f.vip))
    const inside = tun.run(esp(f.client, f.vip))

    t.deepEqual([direct.reason, inside.reason], ['direct', 'tunnel'])
    const inner = esp(f.client, f.vip, 63)

    sameFrame(t, direct.frame, esp(f.client, f.vip, 63, ESP, macOf(f.dest(2))))
    const df = f === IPV4 ? {} : { df: false }
    sameButId(t, inside.frame, ipip(`${f.director} > ${f.dest(2)}`, inner, { ttl: 63, ...df }))
  })

  test(`ipsec: ${f.name} ESP, it restarts the timer and is counted both ways`, async t => {
    const lvs = await connected(t, f)
    const before = lvs.traffic()
    lvs.advance(100)

    lvs.run(esp(f.client, f.vip))

    t.is(lvs.conns()[0]?.expiresS, 300)
    lvs.advance(100)
    lvs.run(esp(f.dest(2), f.client))
    t.is(lvs.conns()[0]?.expiresS, 300)
    const length = f.header + 16
    t.deepEqual(lvs.traffic(), {
      conns: 1,
      inPackets: before.inPackets + 1,
      inBytes: before.inBytes + length,
      outPackets: 1,
      outBytes: length,
    })
  })

  test(`ipsec: ${f.name} ESP without a connection, it passes`, async t => {
    const lvs = await connected(t, f)
    const frame = esp(f.far, f.vip)

    const out = lvs.run(frame)

    t.deepEqual([out.reason, out.verdict], ['other protocol', XDP.pass])
    t.is(Buffer.from(out.frame).toString('hex', 12), Buffer.from(frame).toString('hex', 12))
    t.is(lvs.conns().length, 1)
  })

  test(`ipsec: ${f.name} ESP of a removed dest, requests are dropped`, async t => {
    const lvs = await connected(t, f)
    for (const intent of lvs.intents) intent.dests = []
    lvs.publish()

    t.is(lvs.run(esp(f.client, f.vip)).reason, 'dest gone')
    t.is(lvs.run(esp(f.dest(2), f.client)).reason, 'nat reply')
  })

  test(`ipsec: ${f.name} ESP with TTL 1, the sender is told`, async t => {
    const lvs = await connected(t, f)
    const frame = esp(f.client, f.vip, 1)

    const out = lvs.run(frame)

    t.is(out.reason, 'ttl expired')
    sameButId(
      t,
      out.frame,
      icmpError(`${f.vip} > ${f.client}`, ...f.errors.expired, frame, { df: false }),
    )
  })

  test(`ipsec: ${f.name} an error about ESP, it is translated without ports`, async t => {
    const lvs = await connected(t, f)
    const [type, code] = f.errors.unreachable

    const out = lvs.receive(icmpError(`${f.router} > ${f.vip}`, type, code, esp(f.vip, f.client)))

    const about = esp(f.dest(2), f.client)
    const o = { ttl: 63 }
    sameFrame(t, out, icmpError(`${f.router} > ${f.dest(2)}`, type, code, about, o))
  })
}

test('ipsec: AH of a connection over IPv4, it follows it too', async t => {
  const lvs = await connected(t, IPV4)

  const out = lvs.run(esp(IPV4.client, IPV4.vip, 64, AH))

  t.is(out.reason, 'nat request')
  sameFrame(t, out.frame, esp(IPV4.client, IPV4.dest(2), 63, AH))
})
