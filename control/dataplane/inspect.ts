/**
 * Facts of an interface that say whether xlvs can be attached to it, asked of the kernel now.
 * Read next: ../plan/attachable.ts (what they mean).
 */
import {
  BpfProgram,
  interfaceFeatures,
  Netlink,
  tcFilters,
  tcxPrograms,
  xdpFeatures,
  type LinkInfo,
} from '../../addon/index.ts'
import type { InterfaceFacts } from '../plan/attachable.ts'
import { TC_PRIORITY } from './attach.ts'

/** undefined when there is no such interface. */
export function inspect(name: string): InterfaceFacts | undefined {
  const netlink = new Netlink()
  try {
    const links = netlink.links()
    const link = links.find(l => l.name === name)
    return link && factsOf(link, links)
  } finally {
    netlink.close()
  }
}

function factsOf(link: LinkInfo, links: readonly LinkInfo[]): InterfaceFacts {
  const { name, kind, mac, running, ifindex } = link
  const byIndex = (index: number) =>
    index === 0 ? undefined : links.find(l => l.ifindex === index)
  const peer = kind === 'veth' ? byIndex(link.parent) : undefined
  const slaves = links.filter(l => kind === 'bond' && l.master === ifindex)
  return {
    name,
    kind,
    mac,
    running,
    master: byIndex(link.master),
    parent: byIndex(link.parent),
    vlans: links.filter(l => l.kind === 'vlan' && l.parent === ifindex).map(l => l.name),
    receivers: (kind === 'bond' ? slaves : [link]).map(l => ({
      name: l.name,
      kind: l.kind,
      features: orElse(() => interfaceFeatures(l.name), {}),
    })),
    xdpFeatures: orElse(() => xdpFeatures(ifindex), undefined),
    peerReceives: peer && receives(peer),
    peerOffloads: peer && offloads(peer),
    before: orElse(() => before(name, ifindex), []),
  }
}

function receives(peer: LinkInfo): boolean {
  const features: Record<string, boolean> = orElse(() => interfaceFeatures(peer.name), {})
  return peer.xdpMode === 'native' || features['rx-gro'] === true
}

/** Veths have one feature for the checksums of TCP and UDP over either family. */
function offloads(peer: LinkInfo): boolean {
  const features: Record<string, boolean> = orElse(() => interfaceFeatures(peer.name), {})
  return features['tx-checksum-ip-generic'] === true
}

function before(name: string, ifindex: number): InterfaceFacts['before'] {
  const tcx = tcxPrograms(ifindex, 'ingress').map(id => ({
    what: `the program ${programName(id)} (tcx, id ${id})`,
    cure: `bpftool net show dev ${name}`,
  }))
  const filters = tcFilters(ifindex, 'ingress')
    .filter(({ priority }) => priority < TC_PRIORITY)
    .map(({ priority, kind }) => ({
      what: `a ${kind} filter of tc at priority ${priority}`,
      cure: `tc filter del dev ${name} ingress pref ${priority}`,
    }))
  return [...tcx, ...filters]
}

function programName(id: number): string {
  return orElse(() => BpfProgram.fromId(id).info.name, 'of somebody')
}

/** An interface may go while it is looked at; a check that cannot be made finds nothing. */
function orElse<T>(ask: () => T, fallback: T): T {
  try {
    return ask()
  } catch {
    return fallback
  }
}
