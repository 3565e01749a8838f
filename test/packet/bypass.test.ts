/**
 * cache_bypass: what finds no dest of a mark's service goes where it was going, by a connection
 * that has no dest. Source of what is expected: ip_vs_core.c ip_vs_leave (v6.12), recorded frames
 * (oracle case 166).
 */
import test from 'ava'
import { parseMarkRule } from '../../control/config/mark_line.ts'
import { director, XDP, type PacketDirector } from '../support/director.ts'
import { FAMILIES, type Family } from '../support/families.ts'
import { at, icmpError, macOf, sameFrame, tcp, udp } from '../support/frames.ts'

/** A service by mark without a dest; what has the mark is local by its lookup. */
async function capturing(
  t: Parameters<typeof director>[0],
  f: Family,
  onePacket = false,
): Promise<PacketDirector> {
  const [name, all] = f.name === 'IPv4' ? ['fwmark', '0.0.0.0'] : ['fwmark6', '::']
  const lvs = await director(t, `${name} 7 rr`)
  for (const intent of lvs.intents) if (onePacket) intent.service.onePacket = true
  lvs.setNetwork(facts => {
    facts.markLookups = [
      { family: f.name === 'IPv4' ? 4 : 6, mark: 7, mask: 0xffffffff, table: 100 },
    ]
    facts.routes.push({
      ...{ table: 100, type: 2, destination: all, prefix: 0 },
      ...{ gateway: '', ifindex: 1, metric: 0, mtu: 0, nexthops: [] },
    })
  })
  lvs.dataplane.setMarks([parseMarkRule(`to ${f.far} mark 7`), parseMarkRule(`to ${f.vip} mark 7`)])
  lvs.dataplane.set({ cache_bypass: 1 })
  return lvs
}

for (const f of FAMILIES) {
  const path = `${at(f.client, 40000)} > ${at(f.far, 80)}`
  const sent = { ttl: 63, dmac: macOf(f.router) }

  test(`bypass: ${f.name} packets of a connection, each goes on as it is`, async t => {
    const lvs = await capturing(t, f)

    for (const flags of ['S', 'A', 'PA', 'FA'])
      sameFrame(t, lvs.receive(tcp(path, flags)), tcp(path, flags, sent))

    const [conn, ...more] = lvs.conns()
    t.deepEqual(more, [])
    t.like(conn, {
      state: 'CLOSE_WAIT',
      dest: { address: f.name === 'IPv4' ? '0.0.0.0' : '::', port: 0 },
    })
    t.deepEqual(lvs.traffic(), { conns: 0, inPackets: 0, outPackets: 0, inBytes: 0, outBytes: 0 })
  })

  test(`bypass: ${f.name} switched off, connections go on and new ones are refused`, async t => {
    const lvs = await capturing(t, f)
    const other = `${at(f.client, 40001)} > ${at(f.far, 80)}`
    lvs.receive(udp(path))
    lvs.dataplane.set({})

    sameFrame(t, lvs.receive(udp(path)), udp(path, sent))
    t.is(lvs.run(udp(other)).reason, 'no dest')
  })

  test(`bypass: ${f.name} one-packet, no connection is kept`, async t => {
    const lvs = await capturing(t, f, true)

    sameFrame(t, lvs.receive(udp(path)), udp(path, sent))
    t.deepEqual(lvs.conns(), [])
  })

  test(`bypass: ${f.name} a dest comes, new connections go there and old ones stay`, async t => {
    const lvs = await capturing(t, f)
    const other = `${at(f.client, 40001)} > ${at(f.far, 80)}`
    lvs.receive(tcp(path, 'S'))
    lvs.intents[0]?.dests.push({ address: f.router, port: 0, fwd: 'nat', weight: 1 })
    lvs.publish()

    sameFrame(t, lvs.receive(tcp(path, 'A')), tcp(path, 'A', sent))
    t.is(lvs.run(tcp(other, 'S')).reason, 'nat request')
  })

  test(`bypass: ${f.name} an error about an answer, it goes where that came from`, async t => {
    const lvs = await capturing(t, f)
    const [type, code] = f.errors.noPort
    const about = udp(`${at(f.far, 80)} > ${at(f.client, 40000)}`)
    const error = (ttl: number, dmac?: string) =>
      icmpError(`${f.client} > ${f.far}`, type, code, about, dmac ? { ttl, dmac } : { ttl })
    lvs.receive(udp(path))

    const out = lvs.run(error(64))

    t.is(out.reason, 'direct')
    sameFrame(t, out.frame, error(62, macOf(f.router)))
    t.is(lvs.run(error(2)).verdict, XDP.drop)
  })

  test(`bypass: ${f.name} swept when its time is over, and not ended with dests`, async t => {
    const lvs = await capturing(t, f)
    lvs.dataplane.set({ cache_bypass: 1, expire_nodest_conn: 1 })
    lvs.receive(tcp(path, 'S'))

    const kept = lvs.run(tcp(path, 'A'))
    lvs.advance(1000)

    t.deepEqual([kept.reason, lvs.sweep().expired], ['direct', 1])
  })
}

test('bypass: IPv4 to an address of the host, port unreachable as without it', async t => {
  const [f] = FAMILIES
  if (!f) throw new Error('there are families')
  const lvs = await capturing(t, f)
  lvs.setNetwork(facts => {
    facts.addresses.push({ ifindex: 1, address: f.vip, prefix: 32 })
  })

  const out = lvs.run(tcp(`${at(f.client, 40000)} > ${at(f.vip, 80)}`, 'S'))

  t.deepEqual([out.reason, out.verdict], ['no dest', XDP.tx])
})
