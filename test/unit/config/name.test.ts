/** Names and single values, as the command line and the API's paths spell them. */
import test from 'ava'
import fc from 'fast-check'
import { nearest } from '../../../control/config/nearest.ts'
import {
  parseAddress,
  parseDestName,
  parseInterface,
  parseScheduler,
  parseServiceName,
  parseWeight,
} from '../../../control/config/name.ts'
import { XlvsError } from '../../../control/errors.ts'
import { formatIpv6 } from '../../../control/model/address.ts'
import { destName, PROTOCOLS, serviceName } from '../../../control/model/service.ts'

const ipv4 = fc
  .tuple(fc.integer({ min: 1, max: 223 }), fc.nat(255))
  .map(([a, b]) => `${a}.0.0.${b}`)
const ipv6 = fc
  .uint8Array({ minLength: 15, maxLength: 15 })
  .map(bytes => formatIpv6(Uint8Array.from([0x20, ...bytes])))
const address = fc.oneof(ipv4, ipv6)
const port = fc.integer({ min: 1, max: 65535 })

test('name: any service and dest, then parse(print(x)) is x', t => {
  fc.assert(
    fc.property(fc.constantFrom(...PROTOCOLS), address, port, (protocol, address, port) => {
      const id = { protocol, address, port }
      t.deepEqual(parseServiceName(serviceName(id)), id)
      t.deepEqual(parseDestName(destName({ address, port })), { address, port })
    }),
  )
})

test('name: a dest without port, then it takes the one of the service', t => {
  t.deepEqual(parseDestName('10.0.0.2', 80), { address: '10.0.0.2', port: 80 })
})

test('name: IPv6 in any of its forms, then it is kept in its canonical one', t => {
  t.is(serviceName(parseServiceName('tcp:[2001:DB8:0:0::1]:80')), 'tcp:[2001:db8::1]:80')
  t.is(parseDestName('[2001:db8:0:0:0:0:0:2]', 80).address, '2001:db8::2')
  t.is(parseAddress('64:ff9b::192.0.2.33'), '64:ff9b::c000:221')
})

const refusals: [parse: (text: string) => unknown, text: string, code: string, says: RegExp][] = [
  [parseServiceName, '192.0.2.1:80', 'BAD_REQUEST', /is not protocol:address:port/],
  [parseServiceName, 'tcp:192.0.2.1:80:81', 'BAD_REQUEST', /is not protocol:address:port/],
  [parseServiceName, 'tpc:192.0.2.1:80', 'BAD_PROTOCOL', /protocol tpc is not known/],
  [parseServiceName, 'tcp:192.0.2.256:80', 'BAD_ADDRESS', /address 192.0.2.256 is not/],
  [parseServiceName, 'tcp:2001:db8::1:80', 'BAD_REQUEST', /is not protocol:address:port/],
  [parseServiceName, 'tcp:[2001:db8::1]', 'BAD_REQUEST', /is not protocol:address:port/],
  [parseServiceName, 'tcp:[2001:db8::1:80', 'BAD_REQUEST', /is not protocol:address:port/],
  [parseServiceName, 'tcp:[2001:db8::g]:80', 'BAD_ADDRESS', /2001:db8::g is not an IPv6 address/],
  [parseServiceName, 'tcp:[192.0.2.1]:80', 'BAD_REQUEST', /is not protocol:address:port/],
  [parseServiceName, 'tcp:[fe80::1%eth0]:80', 'BAD_ADDRESS', /fe80::1%eth0 has a zone/],
  [parseDestName, '[::ffff:192.0.2.1]:80', 'BAD_ADDRESS', /is an IPv4 address written as/],
  [parseServiceName, 'fwmark:0', 'BAD_MARK', /firewall mark 0 is out of range: expected 1 to/],
  [parseServiceName, 'fwmark:4294967296', 'BAD_MARK', /mark 4294967296/],
  [parseServiceName, 'fwmark6:0x4d', 'BAD_MARK', /mark 0x4d/],
  [parseServiceName, 'fwmark7:1', 'BAD_REQUEST', /fwmark7:1 is not protocol:address:port/],
  [parseDestName, '10.0.0.2', 'BAD_REQUEST', /is not address:port/],
  [parseDestName, '10.0.0.2:1:2', 'BAD_REQUEST', /is not address:port/],
  [parseDestName, '[2001:db8::2]', 'BAD_REQUEST', /is not address:port/],
  [parseDestName, '2001:db8::2', 'BAD_REQUEST', /is not address:port/],
  [parseDestName, '[2001:db8::2]:65536', 'BAD_PORT', /port 65536/],
  [parseAddress, '2001:db8', 'BAD_ADDRESS', /expected eight groups/],
  [parseAddress, '::1%lo', 'BAD_ADDRESS', /has a zone/],
  [parseAddress, '192.0.2', 'BAD_ADDRESS', /expected four numbers 0 to 255/],
  [parseAddress, '192.0.2.01', 'BAD_ADDRESS', /without leading zeros/],
  [parseAddress, '0x0a000001', 'BAD_ADDRESS', /expected four numbers/],
  [parseAddress, ' 10.0.0.1', 'BAD_ADDRESS', /" 10.0.0.1"/],
  [parseServiceName, 'tcp:192.0.2.1:65536', 'BAD_PORT', /port 65536/],
  [parseServiceName, 'tcp:192.0.2.1:+80', 'BAD_PORT', /port "\+80"/],
  [parseServiceName, 'tcp:192.0.2.1:80.0', 'BAD_PORT', /port 80.0/],
  [parseWeight, '2147483648', 'BAD_WEIGHT', /2147483648 is out of range: expected 0 to 21474836/],
  [parseWeight, '-1', 'BAD_WEIGHT', /weight -1/],
  [parseScheduler, 'rrr', 'BAD_SCHEDULER', /scheduler rrr is not known: expected/],
  [parseInterface, '', 'BAD_INTERFACE', /"" cannot be the name of an interface/],
  [parseInterface, '..', 'BAD_INTERFACE', /expected 1 to 15 characters/],
  [parseInterface, 'eth/0', 'BAD_INTERFACE', /slashes/],
  [parseInterface, 'a234567890123456', 'BAD_INTERFACE', /1 to 15/],
]
for (const [parse, text, code, says] of refusals)
  test(`name: ${parse.name} of ${JSON.stringify(text)}, then ${code}`, t => {
    const error = t.throws(() => parse(text), { instanceOf: XlvsError })

    t.is(error.code, code as never)
    t.regex(error.message, says)
    t.not(error.hint, '')
    t.is(error.exitStatus, 2)
  })

test('name: a value longer than a line, then the message shows its beginning', t => {
  const error = t.throws(() => parseAddress('9'.repeat(500)), { instanceOf: XlvsError })

  t.true(error.message.length < 200)
})

for (const [word, known, found] of [
  ['shwo', ['show', 'stats'], 'show'],
  ['WRR', ['rr', 'wrr'], 'wrr'],
  ['servce', ['service', 'dest'], 'service'],
  ['zebra', ['show', 'stats'], undefined],
  ['http', ['tcp', 'udp', 'sctp'], undefined],
  ['icmp', ['tcp', 'udp', 'sctp'], undefined],
  ['scpt', ['tcp', 'udp', 'sctp'], 'sctp'],
] as const)
  test(`nearest: ${word}, then ${found ?? 'nothing'}`, t => {
    t.is(nearest(word, known), found)
  })
