/** The rules on services and dests that no single value shows. */
import test from 'ava'
import { canonicalDest, canonicalService, checkUnicast } from '../../../control/config/nouns.ts'
import { XlvsError } from '../../../control/errors.ts'
import {
  serviceName,
  type Dest,
  type Service,
  type ServiceId,
} from '../../../control/model/service.ts'

const V4: ServiceId = { protocol: 'tcp', address: '192.0.2.1', port: 80 }
const V6: ServiceId = { protocol: 'tcp', address: '2001:db8::1', port: 80 }
const ANY: ServiceId = { ...V4, port: 0 }
const MARK: ServiceId = { protocol: 'fwmark', family: 4, mark: 77 }
const MARK6: ServiceId = { protocol: 'fwmark', family: 6, mark: 77 }

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
  [V4, '10.0.0.2', 0, 'nat', undefined, /./],
  [V4, '10.0.0.2', 0, 'tun', 'BAD_PORT', /port of its own with tun: expected 80/],
  [ANY, '10.0.0.2', 0, 'dr', undefined, /./],
  [ANY, '10.0.0.2', 8080, 'nat', undefined, /./],
  [ANY, '10.0.0.2', 80, 'dr', 'BAD_PORT', /expected 0, the port of tcp:192.0.2.1:0/],
  [MARK, '10.0.0.2', 0, 'nat', undefined, /./],
  [MARK, '10.0.0.2', 8080, 'dr', undefined, /./],
  [MARK, '2001:db8::2', 0, 'dr', 'BAD_FAMILY', /fwmark:77 by dr: expected an IPv4 address/],
  [MARK6, '10.0.0.2', 0, 'nat', 'BAD_FAMILY', /fwmark6:77 by nat: expected an IPv6 address/],
  [MARK6, '10.0.0.2', 0, 'tun', undefined, /./],
] as const)
  test(`nouns: ${fwd} from ${serviceName(service)} to ${address} ${port}, ${code ?? 'ok'}`, t => {
    const check = (): Dest => canonicalDest(service, { address, port, fwd, weight: 1 })

    if (code === undefined) t.deepEqual(check(), { address, port, fwd, weight: 1 })
    else t.throws(check, { instanceOf: XlvsError, code, message: says })
  })

const DESTS: [what: string, dest: Partial<Dest>, code: string | undefined, says: RegExp][] = [
  ['both thresholds', { upper: 5, lower: 5 }, undefined, /./],
  [
    'the lower threshold above',
    { upper: 5, lower: 6 },
    'BAD_THRESHOLD',
    /lower 6 is above upper 5/,
  ],
  ['a lower threshold alone', { lower: 1 }, 'BAD_THRESHOLD', /lower 1 has no upper one/],
  ['gue', { fwd: 'tun', tunnel: { type: 'gue', port: 6080 } }, undefined, /./],
  ['gue, remcsum', { fwd: 'tun', tunnel: gue('remcsum') }, undefined, /./],
  ['gue without a port', { fwd: 'tun', tunnel: { type: 'gue' } }, 'BAD_TUNNEL', /lacks its port/],
  ['gre', { fwd: 'tun', tunnel: { type: 'gre', checksum: 'csum' } }, undefined, /./],
  ['gre, a port', { fwd: 'tun', tunnel: { type: 'gre', port: 1 } }, 'BAD_TUNNEL', /has no port/],
  ['gre, remcsum', { fwd: 'tun', tunnel: gre() }, 'BAD_TUNNEL', /no remote checksum/],
  ['gue and nat', { fwd: 'nat', tunnel: gue('csum') }, 'BAD_TUNNEL', /needs tun/],
]

function gue(checksum: 'csum' | 'remcsum'): NonNullable<Dest['tunnel']> {
  return { type: 'gue', port: 6080, checksum }
}

function gre(): NonNullable<Dest['tunnel']> {
  return { type: 'gre', checksum: 'remcsum' }
}

for (const [what, given, code, says] of DESTS)
  test(`nouns: a dest with ${what}, ${code ?? 'ok'}`, t => {
    const dest: Dest = { address: '10.0.0.2', port: 80, fwd: 'nat', weight: 1, ...given }

    if (code === undefined) t.deepEqual(canonicalDest(V4, dest), dest)
    else
      t.throws(() => canonicalDest(V4, dest), {
        instanceOf: XlvsError,
        code: code as never,
        message: says,
      })
  })

const RR = { scheduler: 'rr' } as const
const SERVICES: [given: Service, code: string | undefined, says: RegExp][] = [
  [{ ...ANY, ...RR, persistentS: 360 }, undefined, /./],
  [{ ...ANY, ...RR }, 'BAD_SERVICE', /tcp:192.0.2.1:0 has port 0, .* expected persistence/],
  [{ ...V4, ...RR, onePacket: true }, 'BAD_SERVICE', /expected udp or a firewall mark/],
  [{ ...V4, ...RR, protocol: 'udp', onePacket: true }, undefined, /./],
  [{ ...MARK, ...RR, onePacket: true }, undefined, /./],
  [{ ...V4, ...RR, netmask: '255.255.0.255' }, undefined, /./],
  [{ ...V4, ...RR, netmask: '24' }, 'BAD_NETMASK', /netmask 24 .* four numbers 0 to 255/],
  [{ ...V6, ...RR, netmask: '64' }, undefined, /./],
  [{ ...V6, ...RR, netmask: '0' }, 'BAD_NETMASK', /netmask 0 .* a prefix length 1 to 128/],
  [{ ...V6, ...RR, netmask: '129' }, 'BAD_NETMASK', /netmask 129/],
  [{ ...MARK6, ...RR, netmask: '255.255.255.0' }, 'BAD_NETMASK', /1 to 128/],
  [{ ...V4, ...RR, address: '0.0.0.0' }, undefined, /./],
  [{ ...V4, ...RR, address: '224.0.0.1' }, undefined, /./],
  [{ ...V6, ...RR, address: 'ff02::1' }, undefined, /./],
]

for (const [given, code, says] of SERVICES)
  test(`nouns: ${JSON.stringify(given)}, ${code ?? 'ok'}`, t => {
    if (code === undefined) t.deepEqual(canonicalService(given), given)
    else
      t.throws(() => canonicalService(given), {
        instanceOf: XlvsError,
        code: code as never,
        message: says,
      })
  })

test('nouns: a service in another spelling, then it is kept in one', t => {
  const flags: Service['schedFlags'] = ['flag-2', 'flag-1']
  const given: Service = { ...V6, ...RR, address: '2001:DB8:0::1', schedFlags: flags }

  t.deepEqual(canonicalService({ ...given, netmask: '128' }), {
    ...V6,
    ...RR,
    schedFlags: ['flag-1', 'flag-2'],
  })
  t.deepEqual(canonicalService({ ...V4, ...RR, netmask: '255.255.255.255' }), { ...V4, ...RR })
  t.deepEqual(flags, ['flag-2', 'flag-1'])
})

for (const [address, says] of [
  ['0.0.0.0', /is no address/],
  ['::', /is no address/],
  ['0.1.2.3', undefined],
  ['127.0.0.1', undefined],
  ['::1', undefined],
  ['240.0.0.1', undefined],
  ['fec0::1', undefined],
  ['224.0.0.1', /multicast/],
  ['ff02::1', /multicast/],
  ['255.255.255.255', /broadcast/],
  ['fe80::2', /link-local/],
  ['10.0.0.2', undefined],
  ['2001:db8::2', undefined],
] as const)
  test(`nouns: ${address} as a dest, then ${says ? 'DEST_NOT_UNICAST' : 'fine'}`, t => {
    const check = (): void => {
      checkUnicast(address)
    }

    if (says) t.throws(check, { instanceOf: XlvsError, code: 'DEST_NOT_UNICAST', message: says })
    else t.notThrows(check)
  })
