/**
 * Whether an interface can do what xlvs asks of it: what refuses an attachment, and what only
 * deserves a warning, each with the command that cures it. What only the kernel knows (MTU, driver)
 * it says itself when asked; see ../dataplane/xdp.ts. Pure. Read next: ../dataplane/inspect.ts
 * (who finds the facts).
 */
import type { ErrorCode } from '../errors.ts'
import type { AttachMode } from '../model/service.ts'
import type { Warning } from '../model/warning.ts'

/** NETDEV_XDP_ACT_NDO_XMIT: takes frames from XDP. Source: include/uapi/linux/netdev.h. */
const XDP_TRANSMITS = 4
/** Names of offloads as the kernel has them. */
const LRO = 'rx-lro'
const TAG_STRIPPING = 'rx-vlan-hw-parse'

/** A warning; with a code it refuses the attachment. */
export interface Finding extends Warning {
  refuses?: ErrorCode
}

/** Another interface, by its name and kind (as in `ip -d link`). */
export interface Neighbouring {
  name: string
  kind: string
}

export interface InterfaceFacts {
  name: string
  kind: string
  /** '' when it carries no Ethernet frames. */
  mac: string
  /** Up, and the other end too. */
  running: boolean
  /** The bond, bridge or VRF it belongs to. */
  master: Neighbouring | undefined
  /** The interface it is on, or the other end of a veth, if that is in this namespace. */
  parent: Neighbouring | undefined
  /** VLAN interfaces on it. */
  vlans: readonly string[]
  /** What receives frames for it: itself or, of a bond, its slaves; offloads by their names. */
  receivers: readonly (Neighbouring & { features: Readonly<Record<string, boolean>> })[]
  /** NETDEV_XDP_ACT_* bits; undefined before Linux 6.3. */
  xdpFeatures: number | undefined
  /** Of a veth whose other end is in this namespace: whether that takes frames from XDP. */
  peerReceives: boolean | undefined
  /** ... and whether that leaves checksums of TCP and UDP to be finished by a card. */
  peerOffloads: boolean | undefined
  /** What runs at tc's ingress before the companion. */
  before: readonly { what: string; cure: string }[]
}

/** All there is to say against attaching in that mode; what refuses comes first. */
export function findings(facts: InterfaceFacts, mode: AttachMode): Finding[] {
  const all: Finding[] = [
    ...wrongInterface(facts),
    ...offloads(facts, mode),
    ...transmit(facts, mode),
    ...checksums(facts, mode),
    ...facts.before.map(({ what, cure }) => ({
      kind: 'tc-before',
      message:
        `${what} runs before the companion of xlvs at ingress of ${facts.name}: packets whose ` +
        'next hop is not resolved yet may not reach it',
      cure,
    })),
  ]
  return [...all.filter(f => f.refuses), ...all.filter(f => !f.refuses)]
}

function wrongInterface({ name, kind, mac, master, parent }: InterfaceFacts): Finding[] {
  const unfit = (what: string, message: string, cure: string): Finding[] => [
    { kind: what, message, cure, refuses: 'INTERFACE_UNFIT' },
  ]
  if (mac === '') return unfit('no-ethernet', `${name} carries no Ethernet frames`, 'ip -br link')
  if (kind === 'vlan')
    return unfit(
      'vlan',
      `${name} is a VLAN interface: its frames come in by ${parent?.name ?? 'the one below'}, ` +
        'tagged, and xlvs takes them there',
      `xlvs attach ${parent?.name ?? 'IFACE'}`,
    )
  if (master?.kind === 'bond' || master?.kind === 'team')
    return unfit(
      'bond-slave',
      `${name} is a slave of ${master.name}: attach to the ${master.kind} ${master.name} instead`,
      `xlvs attach ${master.name}`,
    )
  if (master?.kind === 'bridge')
    return [
      {
        kind: 'bridge-port',
        message:
          `${name} is a port of the bridge ${master.name}: what comes in by other ports of it is ` +
          'not balanced',
        cure: `xlvs attach ${master.name} --generic`,
      },
    ]
  return []
}

/** In generic mode the kernel turns LRO off itself. */
function offloads({ vlans, receivers }: InterfaceFacts, mode: AttachMode): Finding[] {
  const lro = receivers
    .filter(({ features }) => mode === 'native' && features[LRO])
    .map(({ name }): Finding => ({
      kind: 'lro',
      message: `${name} merges received packets (LRO), which XDP cannot take apart again`,
      cure: `ethtool -K ${name} lro off`,
      refuses: 'OFFLOAD_ON',
    }))
  // Of a veth the tag is kept aside by the sender, whatever this end is told.
  const stripping = receivers
    .filter(({ kind, features }) => kind !== 'veth' && features[TAG_STRIPPING])
    .map(({ name }): Finding => ({
      kind: 'tag-stripping',
      message:
        `${name} takes VLAN tags off before XDP sees a frame, so that ` +
        (vlans.length > 0
          ? `those of ${vlans.join(', ')} would be taken for untagged ones`
          : 'tagged frames are taken for untagged ones'),
      cure: `ethtool -K ${name} rxvlan off`,
      ...(vlans.length > 0 ? { refuses: 'OFFLOAD_ON' as const } : {}),
    }))
  return [...lro, ...stripping]
}

/**
 * A veth hands frames from XDP only to an end that has a program or GRO (drivers/net/veth.c), and
 * the kernel cannot tell before that end is up.
 */
function transmit(facts: InterfaceFacts, mode: AttachMode): Finding[] {
  const { name, kind, running, parent, xdpFeatures, peerReceives } = facts
  if (kind !== 'veth' || mode !== 'native' || !running) return []
  const known = xdpFeatures === undefined ? peerReceives : (xdpFeatures & XDP_TRANSMITS) !== 0
  if (known === true) return []
  const finding: Finding = {
    kind: 'veth-peer',
    message:
      `the other end of ${name}${parent ? `, ${parent.name},` : ''} ` +
      (known === false
        ? 'drops frames that XDP sends: it has neither GRO nor an XDP program'
        : 'must have GRO or an XDP program, or it drops frames that XDP sends'),
    cure: atPeer(facts, 'gro on'),
  }
  return [known === false ? { ...finding, refuses: 'NO_XDP_TRANSMIT' } : finding]
}

/**
 * A veth has no card that would finish a checksum: native XDP takes the frame as it is, and whoever
 * it is sent on to drops it (TcpInCsumErrors).
 */
function checksums(facts: InterfaceFacts, mode: AttachMode): Finding[] {
  const { name, kind, parent, peerOffloads } = facts
  if (kind !== 'veth' || mode !== 'native' || peerOffloads !== true) return []
  return [
    {
      kind: 'veth-checksum',
      message:
        `the other end of ${name}${parent ? `, ${parent.name},` : ''} sends TCP and UDP with ` +
        'checksums half done, so that dests and clients drop them',
      cure: atPeer(facts, 'tx off'),
    },
  ]
}

/** What cannot be seen from here, and is worth a word when somebody attaches. */
export function remarks(facts: InterfaceFacts, mode: AttachMode): Warning[] {
  const { name, kind, peerOffloads } = facts
  if (kind !== 'veth' || mode !== 'native' || peerOffloads !== undefined) return []
  return [
    {
      kind: 'veth-checksum',
      message:
        `the other end of ${name} is in another namespace: if it sends TCP and UDP with ` +
        'checksums half done, as veths do unless told otherwise, dests and clients drop them',
      cure: atPeer(facts, 'tx off'),
    },
  ]
}

/** The command for the other end; where that is elsewhere, how to find it. */
function atPeer({ name, parent }: InterfaceFacts, change: string): string {
  if (parent) return `ethtool -K ${parent.name} ${change}`
  return `ethtool -K NAME ${change} there (ip link show ${name} tells its number and namespace)`
}
