/** Addresses between text and number. */
import test from 'ava'
import fc from 'fast-check'
import { formatIpv4, ipv4, mac, parseIpv4, prefixMask } from '../../../control/model/address.ts'

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
