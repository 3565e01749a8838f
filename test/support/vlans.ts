/**
 * VLANs of packet tests, written into the maps by hand: which tag belongs to which interface, and
 * which hosts are reached by a tag. Ask for them after the last setNetwork, which writes next hops
 * anew. Read next: ../packet/vlan.test.ts.
 */
import {
  INTERFACE,
  INTERFACE_FLAGS,
  NEXTHOP,
  NEXTHOP_FLAGS,
  readNexthop,
  VLAN_KEY,
  writeInterface,
  writeNexthop,
  writeVlanKey,
} from '../../control/abi/maps.gen.ts'
import { ipv4, mac } from '../../control/model/address.ts'
import type { PacketDirector } from './director.ts'
import { IPV4, IPV6 } from './families.ts'
import { addressBytes } from './wire.ts'

/** A VLAN interface on the interface that frames come by. */
export interface Vlan {
  ifindex: number
  vid: number
  tpid: number
  mac: string
  /** The interface that its frames come and leave by. */
  parent: number
  /** rp_filter is strict. */
  strict?: boolean
}

export const VLAN5: Vlan = {
  ifindex: 105,
  vid: 5,
  tpid: 0x8100,
  mac: '02:00:00:00:00:05',
  parent: 1,
}
export const VLAN6: Vlan = { ...VLAN5, ifindex: 106, vid: 6, mac: '02:00:00:00:00:06' }
/** One of 802.1ad, a service provider's tag. */
export const SERVICE_VLAN: Vlan = {
  ...{ ifindex: 107, vid: 5, tpid: 0x88a8, parent: 1 },
  mac: '02:00:00:00:00:07',
}

/** Makes VLANs known to the data plane; their own addresses are the director's. */
export function addVlans(lvs: PacketDirector, ...vlans: Vlan[]): void {
  const interfaces = new DataView(lvs.kernel.maps.interfaces.mmap())
  for (const vlan of vlans) {
    const key = new Uint8Array(VLAN_KEY.size)
    writeVlanKey(new DataView(key.buffer), 0, {
      ...{ ifindex: vlan.parent, tpid: vlan.tpid, vid: vlan.vid },
    })
    const value = new Uint8Array(Uint32Array.of(vlan.ifindex).buffer)
    lvs.kernel.maps.vlans.update(key, value)
    writeInterface(interfaces, vlan.ifindex * INTERFACE.size, {
      mac: mac(vlan.mac),
      flags:
        INTERFACE_FLAGS.INTERFACE_ATTACHED |
        (vlan.strict === true ? INTERFACE_FLAGS.INTERFACE_STRICT : 0),
      speaker: vlan.ifindex,
      addr: ipv4(IPV4.director),
      addr6: addressBytes(IPV6.director),
    })
  }
}

/** Lets a host be reached by a VLAN: its next hops get the tag. */
export function reachBy(lvs: PacketDirector, address: string, vlan: Vlan): void {
  const rows = new DataView(lvs.kernel.maps.nexthops.mmap())
  const wanted = mapped(address)
  let found = 0
  for (let at = 0; at < rows.byteLength; at += NEXTHOP.size) {
    const row = readNexthop(rows, at)
    if (row.ifindex === 0 || Buffer.compare(row.addr, wanted) !== 0) continue
    writeNexthop(rows, at, {
      ...row,
      smac: mac(vlan.mac),
      ifindex: vlan.parent,
      logical: vlan.ifindex,
      flags: row.flags | NEXTHOP_FLAGS.NEXTHOP_TAGGED,
      tpid: vlan.tpid,
      tci: vlan.vid,
    })
    found++
  }
  if (found === 0) throw new Error(`no next hop to ${address} in this test`)
}

/** Forgets the MAC address of a host that is reached by a VLAN. */
export function forget(lvs: PacketDirector, address: string): void {
  const rows = new DataView(lvs.kernel.maps.nexthops.mmap())
  const wanted = mapped(address)
  for (let at = 0; at < rows.byteLength; at += NEXTHOP.size) {
    const row = readNexthop(rows, at)
    if (row.ifindex !== 0 && Buffer.compare(row.addr, wanted) === 0)
      rows.setUint8(at + NEXTHOP.flags, row.flags & ~NEXTHOP_FLAGS.NEXTHOP_VALID)
  }
}

/** Sixteen bytes of an address, IPv4's as ::ffff:a.b.c.d. */
function mapped(address: string): Buffer {
  const bytes = addressBytes(address)
  if (bytes.length === 16) return bytes
  return Buffer.concat([Buffer.alloc(10), Buffer.from([255, 255]), bytes])
}
