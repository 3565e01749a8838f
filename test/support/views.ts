/**
 * Services, dests and connections as the director shows them, with only what a test cares about
 * written out.
 */
import type {
  AddressServiceView,
  ConnView,
  DestView,
  MarkServiceView,
  Traffic,
} from '../../control/model/service.ts'
import { NO_RATES, NO_TRAFFIC } from './fake_director.ts'

/** conns, packets in and out, bytes in and out. */
export function traffic(...counts: [number, number, number, number, number]): Traffic {
  const [conns, inPackets, outPackets, inBytes, outBytes] = counts
  return { conns, inPackets, outPackets, inBytes, outBytes }
}

export function service(given: Partial<AddressServiceView> = {}): AddressServiceView {
  return {
    protocol: 'tcp',
    address: '192.0.2.1',
    port: 80,
    scheduler: 'rr',
    origin: 'command',
    vipLocal: true,
    traffic: NO_TRAFFIC,
    rates: NO_RATES,
    dests: [],
    notActive: [],
    ...given,
  }
}

/** A service by firewall mark. */
export function mark(given: Partial<MarkServiceView> = {}): MarkServiceView {
  return {
    protocol: 'fwmark',
    family: 4,
    mark: 7,
    scheduler: 'rr',
    origin: 'command',
    vipLocal: true,
    traffic: NO_TRAFFIC,
    rates: NO_RATES,
    dests: [],
    notActive: [],
    ...given,
  }
}

export function dest(given: Partial<DestView> = {}): DestView {
  return {
    address: '10.0.0.2',
    port: 80,
    fwd: 'nat',
    weight: 1,
    origin: 'command',
    active: 0,
    inactive: 0,
    persistent: 0,
    nextHop: 'resolved',
    traffic: NO_TRAFFIC,
    rates: NO_RATES,
    notActive: [],
    ...given,
  }
}

export function conn(given: Partial<ConnView> = {}): ConnView {
  return {
    protocol: 'tcp',
    state: 'ESTABLISHED',
    expiresS: 895,
    client: { address: '198.51.100.7', port: 40000 },
    virtual: { address: '192.0.2.1', port: 80 },
    dest: { address: '10.0.0.2', port: 8080 },
    fwd: 'nat',
    ...given,
  }
}
