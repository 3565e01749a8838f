/**
 * Services by mark: which packets are theirs, and what NAT does where there is no one virtual side.
 * Source of what is expected: ip_vs_core.c ip_vs_service_find, ip_vs_schedule (v6.12), recorded
 * frames (oracle cases 160 and on).
 */
import test from 'ava'
import { parseMarkRule } from '../../control/config/mark_line.ts'
import { serviceName } from '../../control/model/service.ts'
import { director, XDP, type PacketDirector } from '../support/director.ts'
import { FAMILIES, type Family } from '../support/families.ts'
import { at, icmpError, macOf, readdressed, sameFrame, tcp, udp } from '../support/frames.ts'

type T = Parameters<typeof director>[0]

/** A director with services of a mark, whose virtual addresses are here. */
async function marked(t: T, f: Family, lines: string[], rules: string[]): Promise<PacketDirector> {
  const name = f.name === 'IPv4' ? 'fwmark' : 'fwmark6'
  const lvs = await director(t, lines.join('\n').replaceAll('fwmark', name))
  lvs.setNetwork(facts => {
    for (const address of [f.vip, f.other])
      facts.addresses.push({ ifindex: 1, address, prefix: f.name === 'IPv4' ? 32 : 128 })
  })
  rule(lvs, rules)
  return lvs
}

function rule(lvs: PacketDirector, rules: string[]): void {
  lvs.dataplane.marks.settle()
  lvs.dataplane.setMarks(rules.map(parseMarkRule))
}

for (const f of FAMILIES) {
  const client = at(f.client, 40000)
  const [dest, bare] = [at(f.dest(2), 8080), at(f.dest(2), 0)]
  const nat = ['fwmark 7 rr', `-> ${dest} nat weight 1`]
  const syn = (to: string) => tcp(`${client} > ${to}`, 'S')

  test(`mark: ${f.name}, connections of a service, its own and no others are listed`, async t => {
    const web = [`tcp ${at(f.vip, 80)} rr`, `-> ${at(f.dest(3), 80)} nat weight 1`]
    const lvs = await marked(t, f, [...nat, ...web], [`tcp to ${f.vip} port 81 mark 7`])
    lvs.run(syn(at(f.vip, 80)))
    lvs.run(syn(at(f.vip, 81)))

    const listed = lvs.intents.map(({ service }) => {
      const tables = lvs.dataplane.connTables(serviceName(service))
      const conns = tables.slots().flatMap((slots, table) => tables.read(table, 0, slots))
      return conns.map(({ virtual }) => virtual.port)
    })

    t.deepEqual(listed, [[81], [80]])
  })

  test(`mark: ${f.name} by nat, each virtual side gets its own replies`, async t => {
    const lvs = await marked(t, f, nat, [`to ${f.vip} mark 7`, `tcp to ${f.other} port 443 mark 7`])

    for (const [port, vip] of [
      [1001, at(f.vip, 80)],
      [1002, at(f.vip, 81)],
      [1003, at(f.other, 443)],
    ] as const) {
      const from = at(f.client, port)
      sameFrame(
        t,
        lvs.receive(tcp(`${from} > ${vip}`, 'S')),
        tcp(`${from} > ${dest}`, 'S', { ttl: 63 }),
      )
      for (const flags of ['SA', 'A'])
        sameFrame(
          t,
          lvs.receive(tcp(`${dest} > ${from}`, flags)),
          tcp(`${vip} > ${from}`, flags, { ttl: 63 }),
        )
      sameFrame(
        t,
        lvs.receive(tcp(`${from} > ${vip}`, 'A', {})),
        tcp(`${from} > ${dest}`, 'A', { ttl: 63 }),
      )
    }
    t.is(lvs.run(syn(at(f.other, 80))).reason, 'no service')
    t.deepEqual(
      lvs
        .conns()
        .map(conn => [at(conn.virtual.address, conn.virtual.port), conn.dest.port])
        .sort(),
      [at(f.vip, 80), at(f.vip, 81), at(f.other, 443)].sort().map(vip => [vip, 8080]),
    )
    t.is(lvs.traffic().outPackets, 6)
  })

  test(`mark: ${f.name} a dest without a port, packets keep theirs`, async t => {
    const lvs = await marked(
      t,
      f,
      ['fwmark 7 rr', `-> ${bare} nat weight 1`],
      [`to ${f.vip} mark 7`],
    )

    const [out, back] = [at(f.dest(2), 8443), at(f.vip, 8443)]
    sameFrame(t, lvs.receive(udp(`${client} > ${back}`)), udp(`${client} > ${out}`, { ttl: 63 }))
    sameFrame(t, lvs.receive(udp(`${out} > ${client}`)), udp(`${back} > ${client}`, { ttl: 63 }))
    t.is(lvs.conns()[0]?.dest.port, 8443)
  })

  test(`mark: ${f.name} datagrams without a checksum, they get one both ways`, async t => {
    const lvs = await marked(t, f, nat, [`to ${f.vip} mark 7`])
    const none = { noChecksum: true }
    const vip = at(f.vip, 5000)

    for (let i = 0; i < 2; i++)
      sameFrame(
        t,
        lvs.receive(udp(`${client} > ${vip}`, none)),
        udp(`${client} > ${dest}`, { ttl: 63 }),
      )
    sameFrame(
      t,
      lvs.receive(udp(`${dest} > ${client}`, none)),
      udp(`${vip} > ${client}`, { ttl: 63 }),
    )
  })

  test(`mark: ${f.name} by dr, the packet is sent on as it is`, async t => {
    const lvs = await marked(
      t,
      f,
      ['fwmark 7 rr', `-> ${dest} dr weight 1`],
      [`to ${f.vip} mark 7`],
    )
    const to = at(f.vip, 80)

    for (const flags of ['S', 'A'])
      sameFrame(
        t,
        lvs.receive(tcp(`${client} > ${to}`, flags)),
        tcp(`${client} > ${to}`, flags, { ttl: 63, dmac: macOf(f.dest(2)) }),
      )
  })

  test(`mark: ${f.name} a dest by dr that was nat, connections keep their method`, async t => {
    const lvs = await marked(t, f, nat, [`to ${f.vip} mark 7`])
    const vip = at(f.vip, 80)
    const other = at(f.client, 40001)
    lvs.receive(syn(vip))
    const [intent] = lvs.intents
    if (intent?.dests[0]) intent.dests[0].fwd = 'dr'
    lvs.publish()

    const ack = lvs.receive(tcp(`${client} > ${vip}`, 'A'))
    const second = lvs.receive(tcp(`${other} > ${vip}`, 'S'))

    sameFrame(t, ack, tcp(`${client} > ${dest}`, 'A', { ttl: 63 }))
    const dmac = macOf(f.dest(2))
    sameFrame(t, second, tcp(`${other} > ${vip}`, 'S', { ttl: 63, dmac }))
  })

  test(`mark: ${f.name} before an address's own service, and after the rule has gone`, async t => {
    const both = [...nat, `tcp ${at(f.vip, 80)} rr`, `-> ${at(f.dest(3), 80)} nat weight 1`]
    const lvs = await marked(t, f, both, [`to ${f.vip} mark 7`])
    const vip = at(f.vip, 80)
    lvs.receive(syn(vip))

    rule(lvs, [])
    const kept = lvs.receive(tcp(`${client} > ${vip}`, 'A'))
    const fresh = lvs.receive(tcp(`${at(f.client, 40001)} > ${vip}`, 'S'))

    sameFrame(t, kept, tcp(`${client} > ${dest}`, 'A', { ttl: 63 }))
    const own = `${at(f.client, 40001)} > ${at(f.dest(3), 80)}`
    sameFrame(t, fresh, tcp(own, 'S', { ttl: 63 }))
  })

  test(`mark: ${f.name} a mark without a service, the address's own is found`, async t => {
    const lines = [`tcp ${at(f.vip, 80)} rr`, `-> ${at(f.dest(3), 80)} nat weight 1`]
    const lvs = await marked(t, f, lines, [`to ${f.vip} mark 9`])

    t.is(lvs.run(syn(at(f.vip, 80))).reason, 'nat request')
  })

  test(`mark: ${f.name} to an address that is not here, the packet passes`, async t => {
    const lvs = await marked(t, f, nat, [`to ${f.far} mark 7`])

    const out = lvs.run(syn(at(f.far, 80)))

    t.deepEqual([out.reason, out.verdict], ['vip not local', XDP.pass])
  })

  test(`mark: ${f.name} policy routing makes an address local for the mark only`, async t => {
    const both = [...nat, 'fwmark 8 rr', `-> ${dest} nat weight 1`]
    const lvs = await marked(t, f, both, [`to ${f.far} mark 7`, `tcp to ${f.far} port 81 mark 8`])
    lvs.setNetwork(facts => {
      const family = f.name === 'IPv4' ? 4 : 6
      facts.markLookups = [{ family, mark: 7, mask: 0xffffffff, table: 100 }]
      const all = f.name === 'IPv4' ? '0.0.0.0' : '::'
      facts.routes.push({
        ...{ table: 100, type: 2, destination: all, prefix: 0 },
        ...{ gateway: '', ifindex: 1, metric: 0, mtu: 0, nexthops: [] },
      })
    })
    rule(lvs, [`to ${f.far} mark 7`, `tcp to ${f.far} port 81 mark 8`])

    t.is(lvs.run(syn(at(f.far, 80))).reason, 'nat request')
    t.is(lvs.run(syn(at(f.far, 81))).reason, 'vip not local')
  })

  test(`mark: ${f.name} many of one reply key, the newest answers`, async t => {
    const lvs = await marked(t, f, nat, [`to ${f.vip} mark 7`])
    const ask = (port: number) => lvs.run(udp(`${client} > ${at(f.vip, port)}`))
    const ports = Array.from({ length: 20 }, (_, i) => 1001 + i)
    for (const port of ports) ask(port)

    lvs.advance(200)
    for (const port of [1005, 1020]) ask(port)
    lvs.advance(150)
    lvs.sweep()

    const answer = lvs.receive(udp(`${dest} > ${client}`))
    sameFrame(t, answer, udp(`${at(f.vip, 1020)} > ${client}`, { ttl: 63 }))
  })

  test(`mark: ${f.name} an error about a reply or a request, it is translated`, async t => {
    const lvs = await marked(t, f, nat, [`to ${f.vip} mark 7`])
    const vip = at(f.vip, 81)
    lvs.receive(syn(vip))
    const [type, code] = f.errors.unreachable

    const [reply, request] = [tcp(`${vip} > ${client}`, 'SA'), tcp(`${client} > ${dest}`, 'S')]
    const toDest = lvs.receive(icmpError(`${f.router} > ${f.vip}`, type, code, reply))
    const toClient = lvs.receive(icmpError(`${f.dest(2)} > ${f.client}`, type, code, request))

    const sentBack = readdressed(reply, `${dest} > ${client}`)
    const o = { ttl: 63 }
    sameFrame(t, toDest, icmpError(`${f.router} > ${f.dest(2)}`, type, code, sentBack, o))
    const seen = readdressed(request, `${client} > ${vip}`)
    sameFrame(t, toClient, icmpError(`${f.vip} > ${f.client}`, type, code, seen, o))
  })
}
