/** Which packets start a connection, and what each of them counts. */
import test from 'ava'
import { director, XDP } from '../support/director.ts'
import { tcp, udp } from '../support/frames.ts'

const CLIENT = '198.51.100.7:40000'
const REQUEST = `${CLIENT} > 192.0.2.1:80`
const SERVICE = 'tcp 192.0.2.1:80 rr\n-> 10.0.0.2:80 nat weight 1'

for (const [flags, reason, state] of [
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
] as const)
  test(`start: a segment with flags "${flags}" and no connection, ${reason}`, async t => {
    const lvs = await director(t, SERVICE)

    const out = lvs.run(tcp(REQUEST, flags))

    t.is(out.reason, reason)
    t.is(out.verdict, state ? XDP.tx : XDP.pass)
    t.is(lvs.conns()[0]?.state, state)
  })

test('start: any datagram, a connection of UDP', async t => {
  const lvs = await director(t, 'udp 192.0.2.1:80 rr\n-> 10.0.0.2:8080 nat weight 1')

  lvs.run(udp(REQUEST, { data: '' }))

  const [conn] = lvs.conns()
  t.deepEqual([conn?.protocol, conn?.state, conn?.fwd], ['udp', 'UDP', 'nat'])
  t.deepEqual(conn?.client, { address: '198.51.100.7', port: 40000 })
  t.deepEqual(conn?.virtual, { address: '192.0.2.1', port: 80 })
  t.deepEqual(conn?.dest, { address: '10.0.0.2', port: 8080 })
})

for (const make of [(path: string) => tcp(path, 'S'), udp])
  test(`start: client port 20 by ${make === udp ? 'UDP' : 'TCP'}, never scheduled`, async t => {
    const lvs = await director(t, `${SERVICE}\nudp 192.0.2.1:80 rr\n-> 10.0.0.2:80 nat weight 1`)

    const left = ['198.51.100.7:20', '198.51.100.7:21'].map(
      client => lvs.run(make(`${client} > 192.0.2.1:80`)).reason,
    )

    t.deepEqual(left, ['ftp data', 'nat request'])
  })

for (const [what, path] of [
  ['another port', `${CLIENT} > 192.0.2.1:81`],
  ['another address', `${CLIENT} > 192.0.2.2:80`],
  ['a dest itself', `${CLIENT} > 10.0.0.2:80`],
] as const)
  test(`start: a SYN to ${what}, there is no service`, async t => {
    const lvs = await director(t, SERVICE)

    const out = lvs.run(tcp(path, 'S'))

    t.deepEqual([out.reason, out.verdict], ['no service', XDP.pass])
  })

test('start: a datagram to a TCP service, there is no service', async t => {
  const lvs = await director(t, SERVICE)

  const out = lvs.run(udp(REQUEST))

  t.is(out.reason, 'no service')
})

test('start: a SYN sent again, it is the same connection', async t => {
  const lvs = await director(t, `${SERVICE}\n-> 10.0.0.3:80 nat weight 1`)

  const left = [1, 2, 3].map(() => lvs.receive(tcp(REQUEST, 'S')).subarray(30, 34).join('.'))

  t.deepEqual(left, ['10.0.0.3', '10.0.0.3', '10.0.0.3'])
  t.is(lvs.conns().length, 1)
})

test('start: connections read in pieces of a table, they are all connections', async t => {
  const lvs = await director(t, SERVICE)
  for (let port = 1; port <= 50; port++)
    lvs.run(tcp(`198.51.100.7:${40_000 + port} > 192.0.2.1:80`, 'S'))
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

test('start: a new connection and its packets, traffic and counts are kept', async t => {
  const lvs = await director(t, SERVICE)

  lvs.run(tcp(REQUEST, 'S'))
  lvs.run(tcp(`10.0.0.2:80 > ${CLIENT}`, 'SA'))
  lvs.run(tcp(REQUEST, 'A', { data: 'hello' }))

  const traffic = lvs.dataplane.rawTraffic('tcp:192.0.2.1:80')
  t.deepEqual(traffic, { conns: 1, inPackets: 2, outPackets: 1, inBytes: 85, outBytes: 40 })
  t.deepEqual(lvs.counts('10.0.0.2'), { active: 1, inactive: 0 })
})

test('start: a packet the director cannot send, it is counted all the same', async t => {
  const lvs = await director(t, SERVICE)

  lvs.run(tcp(REQUEST, 'S', { ttl: 1 }))

  const { conns, inPackets, inBytes } = lvs.dataplane.rawTraffic('tcp:192.0.2.1:80')
  t.deepEqual({ conns, inPackets, inBytes }, { conns: 1, inPackets: 1, inBytes: 40 })
})
