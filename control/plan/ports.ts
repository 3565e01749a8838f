/**
 * By which wire frames come and go: bonds have slaves, VLANs are tags on the wire of their parent.
 * Pure. Read next: ../dataplane/ways.ts.
 */
import { LIMIT } from '../abi/maps.gen.ts'
import type { Network } from './network.ts'

/** Who answers on an interface by which frames come. */
export interface Port {
  ifindex: number
  /** What a frame for this host carries as destination. */
  mac: string
  /** The interface whose addresses speak here: the bond, for a slave. */
  speaker: number
}

/** A tag on a wire, and the VLAN interface it belongs to. */
export interface Tag {
  ifindex: number
  protocol: number
  id: number
  vlan: number
}

/** How a frame leaves for an interface that a route names. */
export interface Wire {
  ifindex: number
  tag?: { protocol: number; id: number }
}

/** Attached interfaces, slaves of attached bonds, and VLANs on an attached interface. */
export function portsOf(network: Network, attached: ReadonlySet<number>): Port[] {
  const ports = new Map<number, Port>()
  for (const { ifindex, mac } of network.links.values()) {
    const bond = bondOf(network, ifindex)
    const vlan = network.links.get(ifindex)?.kind === 'vlan'
    const parent = vlan ? wireOf(network, ifindex)?.ifindex : undefined
    if (attached.has(ifindex)) ports.set(ifindex, { ifindex, mac, speaker: ifindex })
    else if (bond && attached.has(bond.ifindex))
      ports.set(ifindex, { ifindex, mac: bond.mac, speaker: bond.ifindex })
    else if (parent !== undefined && attached.has(parent))
      ports.set(ifindex, { ifindex, mac, speaker: ifindex })
  }
  return [...ports.values()].filter(port => port.ifindex < LIMIT.IFINDEX_MAX)
}

/** Tags that are understood, on each attached interface and each slave of one. */
export function tagsOf(network: Network, attached: ReadonlySet<number>): Tag[] {
  const tags: Tag[] = []
  for (const link of network.links.values()) {
    const wire = link.kind === 'vlan' ? wireOf(network, link.ifindex) : undefined
    if (!wire?.tag || !link.up || !attached.has(wire.ifindex)) continue
    if (link.ifindex >= LIMIT.IFINDEX_MAX) continue
    const { protocol, id } = wire.tag
    for (const ifindex of [wire.ifindex, ...slavesOf(network, wire.ifindex)])
      tags.push({ ifindex, protocol, id, vlan: link.ifindex })
  }
  return tags
}

/** The wire of an interface; undefined for one tag inside another, which the program cannot do. */
export function wireOf(network: Network, ifindex: number): Wire | undefined {
  const link = network.links.get(ifindex)
  if (link?.kind !== 'vlan') return { ifindex }
  const { parent = 0, vlanId: id = 0, vlanProtocol: protocol = 0 } = link
  if (parent === 0 || network.links.get(parent)?.kind === 'vlan') return undefined
  return { ifindex: parent, tag: { protocol, id } }
}

function bondOf(network: Network, ifindex: number): { ifindex: number; mac: string } | undefined {
  const master = network.links.get(network.links.get(ifindex)?.master ?? 0)
  return master?.kind === 'bond' ? master : undefined
}

function slavesOf(network: Network, bond: number): number[] {
  if (network.links.get(bond)?.kind !== 'bond') return []
  return [...network.links.values()].filter(l => l.master === bond).map(l => l.ifindex)
}
