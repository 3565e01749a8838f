/** Dests of every method and family as rows. */
import test from 'ava'
import { DEST_FLAGS, FAMILY, FWD, SERVICE_KEY } from '../../../control/abi/maps.gen.ts'
import {
  addrsRow,
  destRow,
  serviceKey,
  tunnelRow,
  type DestWithReach,
} from '../../../control/dataplane/compile.ts'
import { addressBytes, formatAddress, ipv4 } from '../../../control/model/address.ts'
import type { ForwardingMethod, ServiceId } from '../../../control/model/service.ts'
import { natDeltas, tunnelSum } from '../../../control/plan/checksum.ts'

const V4: ServiceId = { protocol: 'tcp', address: '192.0.2.1', port: 80 }
const V6: ServiceId = { protocol: 'udp', address: '2001:db8::1', port: 53 }
const { DEST_KNOWN, DEST_AVAILABLE, DEST_IPV6, DEST_LOCAL, DEST_VIP_LOCAL } = DEST_FLAGS

function dest(address: string, fwd: ForwardingMethod, reach = {}): DestWithReach {
  const way = { nexthop: 7, local: false, source: '', ...reach }
  return { address, port: 8080, fwd, weight: 1, reach: way }
}

for (const [service, to, fwd, number, flags] of [
  [V4, '10.0.0.2', 'nat', FWD.FWD_NAT, 0],
  [V4, '10.0.0.2', 'dr', FWD.FWD_DR, 0],
  [V4, '10.0.0.2', 'tun', FWD.FWD_TUN, 0],
  [V4, '2001:db8::2', 'tun', FWD.FWD_TUN, 0],
  [V6, '2001:db8::2', 'nat', FWD.FWD_NAT, DEST_IPV6],
  [V6, '10.0.0.2', 'tun', FWD.FWD_TUN, DEST_IPV6],
] as const)
  test(`compile: ${fwd} from ${service.address} to ${to}, its row`, t => {
    const isMixed = service.address.includes(':') !== to.includes(':')
    const sums = isMixed
      ? { ipDelta: 0, l4Delta: 0 }
      : natDeltas(service, { address: to, port: 8080 })

    const source = to.includes(':') ? '2001:db8::9' : '10.0.0.1'
    t.deepEqual(destRow(service, 3, dest(to, fwd, { source }), true), {
      daddr: to.includes(':') ? 0 : ipv4(to),
      vaddr: service === V4 ? ipv4('192.0.2.1') : 0,
      dport: 8080,
      vport: service.port,
      nexthop: 7,
      fwd: number,
      flags: DEST_KNOWN | DEST_AVAILABLE | DEST_VIP_LOCAL | flags,
      ip_delta: sums.ipDelta,
      l4_delta: sums.l4Delta,
      ...{ gone: 0, drain_s: 0 },
      service: 3,
      protocol: service === V4 ? 6 : 17,
    })
    const { daddr, vaddr } = addrsRow(service, dest(to, fwd))
    t.deepEqual([formatAddress(daddr), formatAddress(vaddr)], [to, service.address])
  })

test('compile: a dest that is this host and a VIP that is not, the flags say so', t => {
  const { flags } = destRow(V4, 3, dest('10.0.0.2', 'nat', { nexthop: 0, local: true }), false)

  t.is(flags, DEST_KNOWN | DEST_AVAILABLE | DEST_LOCAL)
})

for (const [to, source, family, sum] of [
  ['10.0.0.2', '10.0.0.1', FAMILY.FAMILY_IPV4, tunnelSum('10.0.0.1', '10.0.0.2')],
  ['2001:db8::2', '2001:db8::9', FAMILY.FAMILY_IPV6, 0],
] as const)
  test(`compile: a tunnel to ${to}, its outer header`, t => {
    t.deepEqual(tunnelRow(dest(to, 'tun', { source })), {
      mtu_until: 0,
      mtu: 0,
      saddr: addressBytes(source),
      daddr: addressBytes(to),
      sum,
      family,
    })
  })

test('compile: a tunnel without a way, it has no source yet', t => {
  const row = tunnelRow(dest('10.0.0.2', 'tun'))

  t.deepEqual([row.saddr, row.sum], [new Uint8Array(16), 0])
})

for (const [service, hex] of [
  [V4, '00000000000000000000ffffc0000201' + '0050' + '06' + '00'],
  [V6, '20010db8000000000000000000000001' + '0035' + '11' + '01'],
] as const)
  test(`compile: the key of ${service.address}, as packets have it`, t => {
    const key = serviceKey(service)

    t.is(key.length, SERVICE_KEY.size)
    t.is(Buffer.from(key).toString('hex'), `${hex}00000000`)
  })

test('compile: a tunnel and no address to come from, it has no next hop', t => {
  const rows = (['tun', 'dr'] as const).map(fwd => destRow(V4, 3, dest('10.0.0.2', fwd), true))

  t.deepEqual(
    rows.map(row => row.nexthop),
    [0, 7],
  )
})
