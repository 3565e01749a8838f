/** Names and single values, as the command line and the API's paths spell them. */
import test from 'ava'
import fc from 'fast-check'
import { nearest } from '../../../control/config/nearest.ts'
import {
  checkForwarding,
  checkUnicast,
  checkVirtual,
  parseAddress,
  parseDestName,
  parseInterface,
  parsePort,
  parseScheduler,
  parseServiceName,
  parseWeight,
} from '../../../control/config/name.ts'
import { XlvsError } from '../../../control/errors.ts'
import { formatIpv6 } from '../../../control/model/address.ts'
import { destName, PROTOCOLS, serviceName, type ServiceId } from '../../../control/model/service.ts'

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
  t.is(parseServiceName('tcp:[2001:DB8:0:0::1]:80').address, '2001:db8::1')
  t.is(parseDestName('[2001:db8:0:0:0:0:0:2]', 80).address, '2001:db8::2')
  t.is(parseAddress('64:ff9b::192.0.2.33'), '64:ff9b::c000:221')
})

const V4: ServiceId = { protocol: 'tcp', address: '192.0.2.1', port: 80 }
const V6: ServiceId = { protocol: 'tcp', address: '2001:db8::1', port: 80 }
for (const [service, address, port, fwd, code, says] of [
  [V4, '10.0.0.2', 8080, 'nat', undefined, /./],
  [V6, '2001:db8::2', 8080, 'nat', undefined, /./],
  [V4, '10.0.0.2', 80, 'tun', undefined, /./],
  [V4, '2001:db8::2', 80, 'tun', undefined, /./],
  [V6, '10.0.0.2', 80, 'tun', undefined, /./],
  [V4, '2001:db8::2', 80, 'nat', 'BAD_FAMILY', /\[2001:db8::2\]:80 .* by nat: .* an IPv4/],
  [V6, '10.0.0.2', 80, 'dr', 'BAD_FAMILY', /by dr: expected an IPv6 address/],
  [V4, '10.0.0.2', 8080, 'dr', 'BAD_PORT', /port of its own with dr: expected 80/],
  [V6, '10.0.0.2', 8080, 'tun', 'BAD_PORT', /port of its own with tun: expected 80/],
] as const)
  test(`name: ${fwd} from ${serviceName(service)} to ${address} ${port}, ${code ?? 'ok'}`, t => {
    const check = (): void => {
      checkForwarding(service, { address, port, fwd, weight: 1 })
    }

    if (code === undefined) t.notThrows(check)
    else t.throws(check, { instanceOf: XlvsError, code, message: says })
  })

for (const [address, says] of [
  ['0.0.0.0', /is no address/],
  ['::', /is no address/],
  ['127.0.0.1', /loopback/],
  ['::1', /loopback/],
  ['224.0.0.1', /multicast/],
  ['ff02::1', /multicast/],
  ['255.255.255.255', /broadcast/],
  ['fe80::2', /link-local/],
  ['10.0.0.2', undefined],
  ['2001:db8::2', undefined],
] as const)
  test(`name: ${address} as a dest, then ${says ? 'DEST_NOT_UNICAST' : 'fine'}`, t => {
    const check = (): void => {
      checkUnicast(address)
    }

    if (says) t.throws(check, { instanceOf: XlvsError, code: 'DEST_NOT_UNICAST', message: says })
    else t.notThrows(check)
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
  [parseServiceName, 'tcp:[::ffff:192.0.2.1]:80', 'BAD_ADDRESS', /is an IPv4 address written as/],
  [parseServiceName, 'tcp:192.0.2.1:0', 'BAD_PORT', /port 0 is out of range: expected 1 to 65535/],
  [parseDestName, '10.0.0.2', 'BAD_REQUEST', /is not address:port/],
  [parseDestName, '10.0.0.2:1:2', 'BAD_REQUEST', /is not address:port/],
  [parseDestName, '[2001:db8::2]', 'BAD_REQUEST', /is not address:port/],
  [parseDestName, '2001:db8::2', 'BAD_REQUEST', /is not address:port/],
  [parseDestName, '[2001:db8::2]:0', 'BAD_PORT', /port 0/],
  [parseAddress, '2001:db8', 'BAD_ADDRESS', /expected eight groups/],
  [parseAddress, '::1%lo', 'BAD_ADDRESS', /has a zone/],
  [parseAddress, '192.0.2', 'BAD_ADDRESS', /expected four numbers 0 to 255/],
  [parseAddress, '192.0.2.01', 'BAD_ADDRESS', /without leading zeros/],
  [parseAddress, '0x0a000001', 'BAD_ADDRESS', /expected four numbers/],
  [parseAddress, ' 10.0.0.1', 'BAD_ADDRESS', /" 10.0.0.1"/],
  [parsePort, '65536', 'BAD_PORT', /port 65536/],
  [parsePort, '+80', 'BAD_PORT', /port "\+80"/],
  [parsePort, '80.0', 'BAD_PORT', /port 80.0/],
  [parseWeight, '65536', 'BAD_WEIGHT', /weight 65536 is out of range: expected 0 to 65535/],
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

for (const [address, says] of [
  ['0.0.0.0', /virtual address 0.0.0.0 is no address/],
  ['::', /:: is no address/],
  ['224.0.0.1', /224.0.0.1 is a multicast address/],
  ['ff02::1', /ff02::1 is a multicast address/],
  ['fe80::1', /fe80::1 is a link-local address/],
  ['127.0.0.1', undefined],
  ['192.0.2.1', undefined],
  ['2001:db8::1', undefined],
] as const)
  test(`name: ${address} as a virtual address, then ${says ? 'BAD_ADDRESS' : 'fine'}`, t => {
    const check = (): void => {
      checkVirtual(address)
    }

    if (says) t.throws(check, { instanceOf: XlvsError, code: 'BAD_ADDRESS', message: says })
    else t.notThrows(check)
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
] as const)
  test(`nearest: ${word}, then ${found ?? 'nothing'}`, t => {
    t.is(nearest(word, known), found)
  })
