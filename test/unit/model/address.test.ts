/** Addresses between text and bytes. */
import { isIPv6 } from 'node:net'
import test from 'ava'
import fc from 'fast-check'
import {
  addressBytes,
  bitsOf,
  bytesOf,
  withPort,
  formatAddress,
  formatIpv4,
  formatIpv6,
  ipv4,
  isLinkLocal,
  isMulticast,
  mac,
  maskBits,
  parseAddressBytes,
  parseIpv4,
  parseIpv6,
  prefixMask,
} from '../../../control/model/address.ts'

const sixteen = fc.uint8Array({ minLength: 16, maxLength: 16 })
/** Addresses with many zero groups. */
const sparse = fc
  .array(fc.constantFrom(0, 0, 0, 1, 0xdb8, 0xffff), { minLength: 8, maxLength: 8 })
  .map(groups => Uint8Array.from(groups.flatMap(group => [group >> 8, group & 255])))

test('address: any number, reading what was printed gives it back', t => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), number => {
      t.is(parseIpv4(formatIpv4(number)), number)
    }),
  )
})

test('address: any text at all, what is read prints as it was', t => {
  fc.assert(
    fc.property(fc.string(), text => {
      const number = parseIpv4(text)

      t.true(number === undefined || formatIpv4(number) === text)
    }),
  )
})

for (const text of [
  '',
  '1.2.3',
  '1.2.3.4.5',
  '1.2.3.256',
  '01.2.3.4',
  '1.2.3.',
  ' 1.2.3.4',
  '1.2.3.x',
])
  test(`address: "${text}", it is none`, t => {
    t.is(parseIpv4(text), undefined)
    t.throws(() => ipv4(text), { instanceOf: RangeError })
    t.throws(() => addressBytes(text), { instanceOf: RangeError })
  })

test('address: any IPv6 bytes, reading what was printed gives them back', t => {
  fc.assert(
    fc.property(fc.oneof(sixteen, sparse), bytes => {
      t.deepEqual(parseIpv6(formatIpv6(bytes)), bytes)
    }),
  )
})

test('address: any IPv6 text, it is read where the platform reads it', t => {
  const part = fc.constantFrom('', '0', '1', 'db8', 'FFFF', '0001', '12345', 'g', '1.2.3.4', '::')
  const text = fc.array(part, { minLength: 1, maxLength: 10 }).map(parts => parts.join(':'))
  fc.assert(
    fc.property(fc.oneof(text, fc.ipV6()), text => {
      t.is(parseIpv6(text) !== undefined, isIPv6(text), text)
    }),
    { numRuns: 1000 },
  )
})

test('address: any IPv6 bytes, they print as the URL standard prints them', t => {
  fc.assert(
    fc.property(fc.oneof(sixteen, sparse), bytes => {
      t.is(`[${formatIpv6(bytes)}]`, new URL(`http://[${formatIpv6(bytes)}]`).hostname)
    }),
  )
})

for (const [text, canonical] of [
  ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
  ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
  ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['0:0:0:0:0:0:0:0', '::'],
  ['::1', '::1'],
  ['fe80::', 'fe80::'],
  ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
  ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
  ['::192.0.2.1', '::c000:201'],
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['0.0.0.0', '0.0.0.0'],
] as const)
  test(`address: ${text}, in tables and back it is ${canonical}`, t => {
    t.is(formatAddress(addressBytes(text)), canonical)
  })

test('address: IPv4 in 16 bytes, it lies behind ::ffff', t => {
  t.is(Buffer.from(addressBytes('192.0.2.1')).toString('hex'), '00000000000000000000ffffc0000201')
})

test('address: any bytes as a number, back they are the same', t => {
  fc.assert(
    fc.property(sixteen, bytes => {
      t.deepEqual(bytesOf(bitsOf(bytes)), bytes)
    }),
  )
})

for (const [prefix, expected] of [
  [0, '::'],
  [1, '8000::'],
  [32, 'ffff:ffff::'],
  [127, 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe'],
  [128, 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
] as const)
  test(`address: ${prefix} bits of ones, ${expected}`, t => {
    const ones = bitsOf(new Uint8Array(16).fill(255))

    t.is(formatIpv6(bytesOf(maskBits(ones, prefix))), expected)
  })

for (const [address, linkLocal, multicast] of [
  ['fe80::1', true, false],
  ['febf::1', true, false],
  ['fec0::1', false, false],
  ['fe8::1', false, false],
  ['ff02::1', false, true],
  ['ff::1', false, false],
  ['2001:db8::1', false, false],
  ['224.0.0.1', false, true],
  ['239.1.1.1', false, true],
  ['240.0.0.1', false, false],
  ['192.0.2.1', false, false],
] as const)
  test(`address: ${address}, of one link ${linkLocal}, multicast ${multicast}`, t => {
    t.deepEqual([isLinkLocal(address), isMulticast(address)], [linkLocal, multicast])
  })

test('address: with a port, IPv6 stands in brackets', t => {
  t.is(withPort('192.0.2.1', 80), '192.0.2.1:80')
  t.is(withPort('2001:db8::1', 80), '[2001:db8::1]:80')
})

test('address: text of neither family, it has no bytes', t => {
  for (const text of ['', ':', ':::', '1', '1:2', 'fe80::1%eth0', '::1::', '12345::', '::1.2.3'])
    t.is(parseAddressBytes(text), undefined, text)
})

test('address: a MAC address, its six bytes; the empty one, six zeros', t => {
  t.deepEqual([...mac('02:01:c6:33:64:fe')], [2, 1, 0xc6, 0x33, 0x64, 0xfe])
  t.deepEqual([...mac('')], [0, 0, 0, 0, 0, 0])
})

for (const [prefix, expected] of [
  [0, 0],
  [1, 0x80000000],
  [8, 0xff000000],
  [31, 0xfffffffe],
  [32, 0xffffffff],
] as const)
  test(`address: prefix ${prefix}, mask ${expected.toString(16)}`, t => {
    t.is(prefixMask(prefix), expected)
  })
