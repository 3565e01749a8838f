/** Which packets start a connection, and what each of them counts. */
import test from 'ava'
import { director, XDP } from '../support/director.ts'
import { FAMILIES, paths, service } from '../support/families.ts'
import { at, macOf, tcp, udp } from '../support/frames.ts'

const FLAGS = [
  ['S', 'nat request', 'SYN_RECV'],
  ['SA', 'nat request', 'SYN_RECV'],
  ['SF', 'nat request', 'SYN_RECV'],
  ['SFPU', 'nat request', 'SYN_RECV'],
  ['A', 'no connection', undefined],
  ['PA', 'no connection', undefined],
  ['FA', 'no connection', undefined],
  ['F', 'no connection', undefined],
  ['R', 'no connection', undefined],
  ['RA', 'no connection', undefined],
  ['SR', 'no connection', undefined],
  ['SRA', 'no connection', undefined],
  ['', 'no connection', undefined],
] as const

for (const f of FAMILIES) {
  const { request, reply } = paths(f)

  for (const [flags, reason, state] of FLAGS)
    test(`start: ${f.name} flags "${flags}" and no connection, ${reason}`, async t => {
      const lvs = await director(t, service(f))

      const out = lvs.run(tcp(request, flags))

      t.is(out.reason, reason)
      t.is(out.verdict, state ? XDP.tx : XDP.pass)
      t.is(lvs.conns()[0]?.state, state)
    })

  test(`start: any datagram of ${f.name}, a connection of UDP`, async t => {
    const lvs = await director(t, service(f, { protocol: 'udp' }))

    lvs.run(udp(request, { data: '' }))

    const [conn] = lvs.conns()
    t.deepEqual([conn?.protocol, conn?.state, conn?.fwd], ['udp', 'UDP', 'nat'])
    t.deepEqual(conn?.client, { address: f.client, port: 40000 })
    t.deepEqual(conn?.virtual, { address: f.vip, port: 80 })
    t.deepEqual(conn?.dest, { address: f.dest(2), port: 8080 })
  })

  for (const [name, make] of [
    ['TCP', (path: string) => tcp(path, 'S')],
    ['UDP', udp],
  ] as const)
    test(`start: client port 20 by ${name} over ${f.name}, never scheduled`, async t => {
      const lvs = await director(t, service(f) + service(f, { protocol: 'udp' }))

      const left = [20, 21].map(
        port => lvs.run(make(`${at(f.client, port)} > ${at(f.vip, 80)}`)).reason,
      )

      t.deepEqual(left, ['ftp data', 'nat request'])
    })

  for (const [what, path] of [
    ['another port', `${at(f.client, 40000)} > ${at(f.vip, 81)}`],
    ['another address', `${at(f.client, 40000)} > ${at(f.other, 80)}`],
    ['a dest itself', `${at(f.client, 40000)} > ${at(f.dest(2), 8080)}`],
  ] as const)
    test(`start: a SYN of ${f.name} to ${what}, there is no service`, async t => {
      const lvs = await director(t, service(f))

      const out = lvs.run(tcp(path, 'S'))

      t.deepEqual([out.reason, out.verdict], ['no service', XDP.pass])
    })

  test(`start: a datagram to a TCP service of ${f.name}, there is no service`, async t => {
    const lvs = await director(t, service(f))

    const out = lvs.run(udp(request))

    t.is(out.reason, 'no service')
  })

  test(`start: a SYN of ${f.name} sent again, it is the same connection`, async t => {
    const lvs = await director(t, `${service(f)}-> ${at(f.dest(3), 80)} nat weight 1`)

    const left = [1, 2, 3].map(() => lvs.receive(tcp(request, 'S')).subarray(0, 6))

    const dmac = macOf(f.dest(3)).replaceAll(':', '')
    t.deepEqual(
      left.map(bytes => Buffer.from(bytes).toString('hex')),
      [dmac, dmac, dmac],
    )
    t.is(lvs.conns().length, 1)
  })

  test(`start: a ${f.name} packet it cannot send, counted all the same`, async t => {
    const lvs = await director(t, service(f))

    lvs.run(tcp(request, 'S', { ttl: 1 }))

    const { conns, inPackets, inBytes } = lvs.traffic()
    const bytes = f.header + 20
    t.deepEqual({ conns, inPackets, inBytes }, { conns: 1, inPackets: 1, inBytes: bytes })
  })

  test(`start: a reply of ${f.name} with no connection, it passes untouched`, async t => {
    const lvs = await director(t, service(f))

    const out = lvs.run(tcp(reply, 'SA'))

    t.deepEqual([out.reason, out.verdict], ['no service', XDP.pass])
    t.deepEqual(Buffer.from(out.frame.subarray(12)), Buffer.from(tcp(reply, 'SA').subarray(12)))
  })

  test(`start: ${f.name} connections read in pieces of a table, they are all`, async t => {
    const lvs = await director(t, service(f))
    for (let port = 1; port <= 50; port++)
      lvs.run(tcp(`${at(f.client, 40_000 + port)} > ${at(f.vip, 80)}`, 'S'))
    const tables = lvs.dataplane.connTables()
    const PIECE = 96

    const read = tables
      .slots()
      .flatMap((slots, table) =>
        Array.from({ length: Math.ceil(slots / PIECE) }, (_, i) =>
          tables.read(table, i * PIECE, Math.min(slots, (i + 1) * PIECE)),
        ).flat(),
      )

    t.is(read.length, 50)
    t.deepEqual(read, lvs.conns())
  })
}
