/**
 * The decapsulator, packet by packet: either family in either, marks of congestion, and what is
 * left alone. See bpf/decap.bpf.c.
 */
import test, { type ExecutionContext } from 'ava'
import { fileURLToPath } from 'node:url'
import { BpfObject } from '../../addon/index.ts'
import { DECAP_COUNT } from '../../control/abi/decap.gen.ts'
import { key32 } from '../../control/dataplane/bytes.ts'
import { mac } from '../../control/model/address.ts'
import { XDP } from '../support/director.ts'
import { ethernet, ipv6Bytes, packet, PROTOCOL, type HeaderFields } from '../support/tunnel.ts'

const OBJECTS =
  process.env['XLVS_OBJECTS'] ?? fileURLToPath(new URL('../../build', import.meta.url))
const SERVER_MAC = '02:00:00:00:00:05'
const DIRECTOR_MAC = '02:00:00:00:00:01'

/** From director to server, by outer family. */
const OUTER = {
  4: { from: '10.0.0.1', to: '10.0.0.5' },
  6: { from: '2001:db8::1', to: '2001:db8::5' },
} as const
/** From client to virtual address, by inner family. */
const INNER = {
  4: { from: '198.51.100.7', to: '192.0.2.1', in: PROTOCOL.ipip },
  6: { from: '2001:db8:7::7', to: '2001:db8:2::1', in: PROTOCOL.ipv6 },
} as const
type Family = 4 | 6
const FAMILIES: [outer: Family, inner: Family][] = [
  [4, 4],
  [4, 6],
  [6, 4],
  [6, 6],
]
const DATA = Buffer.from('a question of some bytes')

interface Left {
  verdict: number
  frame: string
  /** Names of enum decap_count that grew. */
  counted: string[]
}

/** A server with the addresses of OUTER. */
function server(t: ExecutionContext): (frame: Uint8Array) => Left {
  const object = BpfObject.open(`${OBJECTS}/decap.bpf.o`)
  t.teardown(() => {
    object.close()
  })
  object.load()
  const own = Buffer.alloc(8)
  own.set(mac(SERVER_MAC))
  object.map('decap_addresses').update(Buffer.from(ipv6Bytes(OUTER[6].to)), own)
  const mapped = Buffer.from([
    ...Buffer.alloc(10),
    0xff,
    0xff,
    ...OUTER[4].to.split('.').map(Number),
  ])
  object.map('decap_addresses').update(mapped, own)
  const program = object.program('decap')
  const counts = () =>
    Array.from({ length: DECAP_COUNT.DECAP_COUNTS }, (_, n) => {
      const bytes = Uint8Array.from(object.map('decap_counts').lookup(key32(n)) ?? [])
      return Number(new BigUint64Array(bytes.buffer).reduce((a, b) => a + b, 0n))
    })
  return frame => {
    const before = counts()
    const { retval, data } = program.testRun({ data: frame })
    const grown = counts().flatMap((n, i) => Array<number>(n - (before[i] ?? 0)).fill(i))
    return { verdict: retval, frame: hex(data), counted: grown.map(nameOf) }
  }
}

function nameOf(count: number): string {
  const found = Object.entries(DECAP_COUNT).find(([, n]) => n === count)
  return (found?.[0] ?? `count ${count}`).replace('DECAP_', '')
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

function inner(family: Family, fields: Partial<HeaderFields> = {}): Buffer {
  const { from, to } = INNER[family]
  return packet({ from, to, protocol: PROTOCOL.udp, ...fields }, DATA)
}

function tunnel(outer: Family, protocol: number, ip: Uint8Array, f: Partial<HeaderFields> = {}) {
  return packet({ ...OUTER[outer], protocol, ...f }, ip)
}

function frame(ip: Uint8Array, dmac = SERVER_MAC): Buffer {
  return ethernet(dmac, DIRECTOR_MAC, ip)
}

for (const [o, i] of FAMILIES) {
  test(`decap: IPv${i} in IPv${o}, the inner packet passes`, t => {
    const run = server(t)
    const ip = inner(i, { dscp: 10, ecn: 2 })

    const left = run(frame(tunnel(o, INNER[i].in, ip, { dscp: 20 })))

    t.deepEqual(left, { verdict: XDP.pass, frame: hex(frame(ip)), counted: [`${i}IN${o}`] })
  })

  test(`decap: IPv${i} in IPv${o} with padding after it, it passes with the padding`, t => {
    const run = server(t)
    const ip = inner(i)
    const padding = Buffer.alloc(6, 0xee)

    const left = run(Buffer.concat([frame(tunnel(o, INNER[i].in, ip)), padding]))

    t.is(left.frame, hex(frame(ip)) + hex(padding))
    t.deepEqual(left.counted, [`${i}IN${o}`])
  })

  test(`decap: IPv${i} in IPv${o}, marks of congestion add up as RFC 6040 says`, t => {
    const run = server(t)

    // Rows: the inner field; columns: the outer one. -1: dropped.
    const rows = [0, 1, 2, 3].map(within =>
      [0, 1, 2, 3].map(without => {
        const ip = inner(i, { dscp: 47, ecn: within })
        const left = run(frame(tunnel(o, INNER[i].in, ip, { ecn: without })))
        if (left.verdict === XDP.drop && left.counted[0] === 'CONGESTION') return -1
        const ecns = [0, 1, 2, 3].filter(
          ecn => hex(frame(inner(i, { dscp: 47, ecn }))) === left.frame,
        )
        return ecns[0] ?? 'another frame'
      }),
    )

    t.deepEqual(rows, [
      [0, 0, 0, -1],
      [1, 1, 1, 3],
      [2, 1, 2, 3],
      [3, 3, 3, 3],
    ])
  })
}

test('decap: an inner IPv4 packet with options, it passes marked and its checksum is right', t => {
  const run = server(t)
  const options = Buffer.from([7, 7, 4, 0, 0, 0, 0, 0])

  const left = run(frame(tunnel(4, PROTOCOL.ipip, inner(4, { options, ecn: 1 }), { ecn: 3 })))

  t.is(left.frame, hex(frame(inner(4, { options, ecn: 3 }))))
})

test('decap: a wrong checksum inside, it stays wrong by as much', t => {
  const run = server(t)
  const wrong = (ecn: number) => inner(4, { ecn, checksumError: 0x0101 })

  const left = run(frame(tunnel(6, PROTOCOL.ipip, wrong(2), { ecn: 3 })))

  t.is(left.frame, hex(frame(wrong(3))))
})

const IP4 = inner(4)
const IP6 = inner(6)
const NOP = Buffer.alloc(4, 1)
/** What is left alone, and what it is counted as; '' for what is no tunnel. */
const UNTOUCHED: [what: string, frame: Uint8Array, counted: string][] = [
  ['UDP', frame(IP4), ''],
  ['UDP over IPv6', frame(IP6), ''],
  ['GRE', frame(tunnel(4, 47, IP4)), ''],
  ['ARP', ethernet(SERVER_MAC, DIRECTOR_MAC, IP4, 0x0806), ''],
  ['a VLAN tag', ethernet(SERVER_MAC, DIRECTOR_MAC, tunnel(4, 4, IP4), 0x8100), ''],
  [
    'the other family by its type',
    ethernet(SERVER_MAC, DIRECTOR_MAC, tunnel(4, 4, IP4), 0x86dd),
    '',
  ],
  ['version 6 by the type of IPv4', withByte(frame(tunnel(4, 4, IP4)), 14, 0x65), ''],
  ['version 4 by the type of IPv6', withByte(frame(tunnel(6, 4, IP4)), 14, 0x45), ''],
  ['an IPv6 fragment', frame(tunnel(6, 44, Buffer.concat([Buffer.alloc(8), IP4]))), ''],
  ['IPv6 options', frame(tunnel(6, 60, Buffer.concat([Buffer.alloc(8), IP4]))), ''],
  ['a frame without an IP header', frame(tunnel(4, 4, IP4)).subarray(0, 14), ''],
  ['half an IPv4 header', frame(tunnel(4, 4, IP4)).subarray(0, 33), ''],
  ['half an IPv6 header', frame(tunnel(6, 4, IP4)).subarray(0, 53), ''],
  ['another host', frame(tunnel(4, 4, IP4, { to: '10.0.0.6' })), 'OTHER_HOST'],
  ['another host of IPv6', frame(tunnel(6, 4, IP4, { to: '2001:db8::6' })), 'OTHER_HOST'],
  ['another MAC', frame(tunnel(4, 4, IP4), '02:00:00:00:00:06'), 'OTHER_HOST'],
  ['everybody', frame(tunnel(6, 41, IP6), 'ff:ff:ff:ff:ff:ff'), 'OTHER_HOST'],
  ['options', frame(tunnel(4, 4, IP4, { options: NOP })), 'OPTIONS'],
  ['more fragments', frame(tunnel(4, 4, IP4, { fragment: 0x2000 })), 'FRAGMENT'],
  ['a later fragment', frame(tunnel(4, 41, IP6, { fragment: 3 })), 'FRAGMENT'],
  ['a wrong checksum', frame(tunnel(4, 4, IP4, { checksumError: 1 })), 'BAD_CHECKSUM'],
  ['length 19', frame(tunnel(4, 4, IP4, { length: 19 })), 'BAD_LENGTH'],
  ['a length beyond the frame', frame(tunnel(4, 4, IP4, { length: 65 })), 'BAD_LENGTH'],
  ['a length beyond the frame of IPv6', frame(tunnel(6, 4, IP4, { length: 45 })), 'BAD_LENGTH'],
  ['a header of 16 bytes', withByte(frame(tunnel(4, 4, IP4)), 14, 0x44), 'BAD_LENGTH'],
  ['nothing inside', frame(tunnel(4, 4, Buffer.alloc(0))), 'BAD_INNER'],
  ['nothing inside IPv6', frame(tunnel(6, 41, Buffer.alloc(0))), 'BAD_INNER'],
  ['19 bytes inside', frame(tunnel(4, 4, IP4.subarray(0, 19))), 'BAD_INNER'],
  ['39 bytes inside', frame(tunnel(4, 41, IP6.subarray(0, 39))), 'BAD_INNER'],
  ['IPv6 said to be IPv4', frame(tunnel(4, 4, IP6)), 'BAD_INNER'],
  ['IPv4 said to be IPv6', frame(tunnel(6, 41, inner(4, { options: NOP }))), 'BAD_INNER'],
  ['an inner packet cut short', frame(tunnel(4, 4, IP4.subarray(0, 40))), 'BAD_INNER'],
  ['an inner IPv6 packet cut short', frame(tunnel(6, 41, IP6.subarray(0, 60))), 'BAD_INNER'],
  ['an inner length that ends in padding', padded(tunnel(4, 4, IP4.subarray(0, 40))), 'BAD_INNER'],
  ['an inner length below its header', frame(tunnel(4, 4, inner(4, { length: 19 }))), 'BAD_INNER'],
  ['an inner version 6 of IPv4', frame(tunnel(4, 4, withByte(IP4, 0, 0x65))), 'BAD_INNER'],
  ['an inner header of 16 bytes', frame(tunnel(4, 4, withByte(IP4, 0, 0x44))), 'BAD_INNER'],
]

function withByte(bytes: Uint8Array, at: number, value: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[at] = value
  return copy
}

function padded(ip: Uint8Array): Buffer {
  return Buffer.concat([frame(ip), Buffer.alloc(10)])
}

for (const [what, sent, counted] of UNTOUCHED)
  test(`decap: ${what}, it passes untouched`, t => {
    const run = server(t)

    const left = run(sent)

    const expected = counted === '' ? [] : [counted]
    t.deepEqual(left, { verdict: XDP.pass, frame: hex(sent), counted: expected })
  })

test('decap: a tunnel in a tunnel, one header comes off', t => {
  const run = server(t)
  const once = tunnel(4, PROTOCOL.ipip, IP4)

  const left = run(frame(tunnel(6, PROTOCOL.ipip, once)))

  t.is(left.frame, hex(frame(once)))
})

test('decap: a frame of 9000 bytes in several pieces of memory, the inner packet passes', t => {
  const run = server(t)
  const ip = packet({ ...INNER[6], protocol: PROTOCOL.udp }, Buffer.alloc(8900, 7))

  const left = run(frame(tunnel(4, PROTOCOL.ipv6, ip)))

  t.is(left.frame, hex(frame(ip)))
})
