// libbpf-ts: libbpf, route netlink and atomics over mapped memory, for Node.
//
// This file declares everything the native module exports, and loads it. It knows bytes, file
// descriptors and errno; what the bytes mean is the caller's. Every failure is a BpfError, of a
// kernel call as of a wrong argument (EINVAL) or a closed object (EBADF), so @throws names only
// codes worth handling. close() may be called twice; what is not closed is when its owner is
// collected or its environment ends. Read next: object.cc, the life of an object.
import { createRequire } from 'node:module'

/** A failed call: what was tried, the errno, and the kernel's or libbpf's own words. */
export class BpfError extends Error {
  override readonly name = 'BpfError'
  /** The errno's name, `'EINVAL'`; `'LIBBPF_FORMAT'` and the like for libbpf's own. */
  readonly code: string
  /** Positive; 4000 and on are libbpf's own. */
  readonly errno: number
  /** The libbpf or kernel call. */
  readonly syscall: string
  /** Verifier log or extended acknowledgement; `''` when nothing was said. */
  readonly log: string

  constructor(
    message: string,
    fields: { code: string; errno: number; syscall: string; log: string },
  ) {
    super(message)
    this.code = fields.code
    this.errno = fields.errno
    this.syscall = fields.syscall
    this.log = fields.log
  }
}

/** A class made by its static functions only. */
type Class<T> = (abstract new (made: never) => T) & { readonly prototype: T }

/** An object file: open, adjust, load, take maps and programs, close. */
export interface BpfObject {
  /** Names as libbpf knows them; sections of variables as `.rodata`, `.data.settings`. */
  maps(): string[]
  programs(): string[]
  /** A copy of a section's initial bytes. @throws EBUSY when loaded. */
  initialValue(map: string): Uint8Array
  /** Sets load-time constants: the whole section. @throws EBUSY when loaded. */
  setInitialValue(map: string, bytes: Uint8Array): void
  setMaxEntries(map: string, n: number): void
  /** Whether load() loads this program. */
  setAutoload(program: string, on: boolean): void
  /** Uses an existing map instead of a new one. @throws EINVAL when type or sizes differ. */
  reuseMap(map: string, from: BpfMap): void
  /** The raw .BTF bytes, section sizes and offsets filled in. @throws ENOENT when none. */
  btf(): Uint8Array
  /** Loads maps and programs. On failure `log` is the verifier's, at most its last megabyte. */
  load(): void
  /** A map of the loaded object, with a descriptor of its own. @throws ENOENT when unknown. */
  map(name: string): BpfMap
  /** A program of the loaded object, with a descriptor of its own. @throws ENOENT when unknown. */
  program(name: string): BpfProgram
  /** Frees the object; maps and programs taken from it live on. */
  close(): void
}

export interface BpfObjectClass extends Class<BpfObject> {
  /**
   * Opens an ELF file, by path or its bytes. `name` (letters, digits, _) prefixes the kernel's
   * names of variable sections; default: the file's, or `object`.
   */
  open(source: string | Uint8Array, name?: string): BpfObject
}

/** What the kernel says of a map. Sizes in bytes; `type` BPF_MAP_TYPE_*, `flags` BPF_F_*. */
export interface MapInfo {
  id: number
  name: string
  type: number
  keySize: number
  valueSize: number
  maxEntries: number
  flags: number
}

/** What a new map is to be; `innerMap` is the pattern for a map of maps. */
export interface MapOptions {
  type: number
  name?: string
  keySize: number
  valueSize: number
  maxEntries: number
  flags?: number
  innerMap?: BpfMap
}

/**
 * A map. A value of a per-CPU map is every possible CPU's, one after the other, each rounded up to
 * 8 bytes. Keys and values must have exactly the map's size.
 */
export interface BpfMap {
  readonly info: MapInfo
  /** The descriptor; it stays this object's. */
  readonly fd: number
  /** A copy of the value. */
  lookup(key: Uint8Array): Uint8Array | undefined
  /**
   * Writes one entry. A map or program is the value of a map of maps or a program array. `flags`:
   * 0 any, 1 only when new, 2 only when there. @throws EEXIST, ENOENT by flags; E2BIG when full.
   */
  update(key: Uint8Array, value: Uint8Array | BpfMap | BpfProgram, flags?: number): void
  /** Deletes a hash's entry: the value that it had at that moment. */
  take(key: Uint8Array): Uint8Array | undefined
  /** False when it was not there. */
  delete(key: Uint8Array): boolean
  /** The key after `key`, or the first; a hash begins again when `key` has gone meanwhile. */
  nextKey(key?: Uint8Array): Uint8Array | undefined
  /** The whole map, or its first `max` entries, keys and values in the same order. */
  lookupBatch(max?: number): { keys: Uint8Array; values: Uint8Array; count: number }
  /** Writes `count` entries; stops at the first failure and says how many were written. */
  updateBatch(keys: Uint8Array, values: Uint8Array, count: number): void
  /** Deletes `count` keys, passing over those not there; returns how many were. */
  deleteBatch(keys: Uint8Array, count: number): number
  /**
   * Maps an array with BPF_F_MMAPABLE, elements rounded up to 8 bytes. The memory stays valid
   * while the ArrayBuffer lives, whatever is closed. It cannot be transferred to a worker: map it
   * there again. JavaScript writing into a read-only mapping kills the process.
   */
  mmap(readonly?: boolean): ArrayBuffer
  /** No more writes from user space. @throws EBUSY while a writable mapping lives. */
  freeze(): void
  /** @throws EEXIST when the path is taken, EPERM when it is not on a bpf file system. */
  pin(path: string): void
  close(): void
}

export interface BpfMapClass extends Class<BpfMap> {
  create(options: MapOptions): BpfMap
  /** @throws ENOENT when nothing is there, EINVAL when it is no map. */
  fromPin(path: string): BpfMap
  /** @throws ENOENT when there is none. */
  fromId(id: number): BpfMap
}

/** What the kernel says of a program, now. Run figures count only with kernel.bpf_stats_enabled. */
export interface ProgramInfo {
  id: number
  name: string
  /** BPF_PROG_TYPE_* */
  type: number
  /** Hash of the instructions, 16 hexadecimal digits. */
  tag: string
  xlatedBytes: number
  jitedBytes: number
  verifiedInsns: number
  mapIds: number[]
  runCount: number
  runTimeNs: number
}

/**
 * One run. `data` is the frame (14 bytes at least), `ctx` the program type's context. `live`: the
 * frames leave by the network, nothing comes back, and `ctx` names the interface. `dataSizeOut`:
 * room for the frame afterwards, default 4096 more than it was. `cpu`: run there. With `repeat`
 * above 1, a run the kernel interrupts begins again: the program may run more often than asked.
 */
export interface TestRunOptions {
  data?: Uint8Array
  ctx?: Uint8Array
  repeat?: number
  live?: boolean
  batchSize?: number
  dataSizeOut?: number
  cpu?: number
}

export interface TestRunResult {
  retval: number
  /** Average of one repetition. */
  durationNs: number
  /** The frame afterwards. */
  data: Uint8Array
  ctx: Uint8Array
}

/** A loaded program. */
export interface BpfProgram {
  readonly info: ProgramInfo
  readonly fd: number
  /** Runs it on given bytes. @throws ENOSPC when the frame outgrew dataSizeOut. */
  testRun(options: TestRunOptions): TestRunResult
  pin(path: string): void
  close(): void
}

export interface BpfProgramClass extends Class<BpfProgram> {
  fromPin(path: string): BpfProgram
  fromId(id: number): BpfProgram
}

/** `ifindex` 0: the device has gone. */
export interface AttachedLink {
  id: number
  ifindex: number
  programId: number
}

/** An attached program: for as long as this is open or pinned, or until detach(). */
export interface XdpLink {
  readonly info: AttachedLink
  /** Replaces the running program in one step. */
  update(program: BpfProgram): void
  pin(path: string): void
  detach(): void
  /** Detaches too, unless pinned. */
  close(): void
}

export interface XdpLinkClass extends Class<XdpLink> {
  /**
   * Attaches by bpf_link. The kernel has no words for a refused link, so `log` has those of the
   * same attachment asked by netlink. @throws EBUSY when another is attached, EOPNOTSUPP when the
   * driver cannot, ERANGE when the MTU is too large.
   */
  attach(program: BpfProgram, ifindex: number, mode: 'native' | 'generic'): XdpLink
  /** @throws ENOENT when nothing is there, EINVAL when it is not an XDP link. */
  fromPin(path: string): XdpLink
}

/** A tcx attachment, Linux 6.6 and later. */
export type TcxLink = XdpLink

export interface TcxLinkClass extends Class<TcxLink> {
  /** @throws EINVAL on kernels before 6.6. */
  attach(program: BpfProgram, ifindex: number, point: 'ingress' | 'egress'): TcxLink
  fromPin(path: string): TcxLink
}

/** A direct-action filter of clsact; it stays after this process. */
export interface TcFilter {
  detach(): void
}

export interface TcFilterClass extends Class<TcFilter> {
  /**
   * Adds the filter, and clsact when missing; replaces one of the same priority and handle (both
   * 1 by default).
   */
  attach(
    program: BpfProgram,
    ifindex: number,
    point: 'ingress' | 'egress',
    priority?: number,
    handle?: number,
  ): TcFilter
  /** Removes a filter by its numbers; false when filter, clsact or interface is not there. */
  detach(ifindex: number, point: 'ingress' | 'egress', priority: number, handle: number): boolean
}

/** A reader of a BPF ring buffer. */
export interface RingBuffer {
  /** After this returns onBatch is not called again. */
  stop(): void
}

export interface RingBufferClass {
  /**
   * Calls `onBatch` with records as they come, copied, in order. It does not keep the process
   * alive. When JavaScript falls behind, the ring fills and programs fail to reserve.
   */
  new (map: BpfMap, onBatch: (records: Uint8Array[]) => void): RingBuffer
}

/** An interface. `mac` `''` when it has none of 6 bytes; `kind` as in `ip -d link`, or `''`. */
export interface LinkInfo {
  ifindex: number
  name: string
  mac: string
  mtu: number
  up: boolean
  running: boolean
  kind: string
  /** The bridge, bond or VRF it belongs to; 0 for none. */
  master: number
  /** The interface it is on (VLAN, macvlan) or, of a veth, its peer; 0: none in this namespace. */
  parent: number
  /** Of a VLAN: its id, and the Ethernet type of its tag; else 0. */
  vlanId: number
  vlanProtocol: number
  xdpMode: 'none' | 'native' | 'generic' | 'offload'
  xdpProgramId: number
}

export interface AddressInfo {
  ifindex: number
  family: 4 | 6
  address: string
  prefix: number
}

/** A route. Numbers as in rtnetlink: `type` RTN_*, `protocol` RTPROT_*, `scope` RT_SCOPE_*. */
export interface RouteInfo {
  family: 4 | 6
  table: number
  type: number
  protocol: number
  scope: number
  /** IPv4: the type of service it is for, 0 for any. */
  tos: number
  /** `0.0.0.0` or `::` with prefix 0 for a default route. */
  destination: string
  prefix: number
  /** `''`: on-link. May be IPv6 under an IPv4 route. */
  gateway: string
  /** 0: none. */
  ifindex: number
  metric: number
  /** Preferred source address, or `''`. */
  source: string
  /** The hops of a multipath route, else empty. */
  nexthops: { gateway: string; ifindex: number; weight: number }[]
  /** RTAX_MTU; 0: none. */
  mtu: number
}

/** A neighbour. `state` NUD_*; `flags` NTF_*, with NTF_EXT_* shifted left by eight. */
export interface NeighbourInfo {
  ifindex: number
  family: 4 | 6
  address: string
  mac: string
  state: number
  flags: number
}

/** What changed; only the field that `kind` names is there. */
interface NetlinkChange<Kind extends string> {
  kind: Kind
  gone: boolean
  link?: LinkInfo
  address?: AddressInfo
  route?: RouteInfo
  neighbour?: NeighbourInfo
  setting?: SettingInfo
  rule?: RuleInfo
}

/** A net.ipv4.conf of an interface that the kernel tells of (rp_filter, forwarding) has changed. */
export interface SettingInfo {
  /** 0: of all interfaces, or of those to come. */
  ifindex: number
}

/** A rule of policy routing. `action` FR_ACT_*; `narrow`: it asks for more than the mark. */
export type RuleInfo = Record<'priority' | 'mark' | 'mask' | 'table' | 'action', number> & {
  family: 4 | 6
  narrow: boolean
}

/** One change. `overrun`: changes were lost, dump again. */
export type NetlinkEvent =
  | (NetlinkChange<'link'> & { link: LinkInfo })
  | (NetlinkChange<'address'> & { address: AddressInfo })
  | (NetlinkChange<'route'> & { route: RouteInfo })
  | (NetlinkChange<'neighbour'> & { neighbour: NeighbourInfo })
  | (NetlinkChange<'setting'> & { setting: SettingInfo })
  | (NetlinkChange<'rule'> & { rule: RuleInfo })
  | { kind: 'overrun' }

/**
 * A neighbour to set. `state` NUD_*, default permanent with `mac` and none without. `managed`: the
 * kernel keeps it resolved (Linux 5.16). `use`: the kernel resolves it now.
 */
export interface NeighbourOptions {
  ifindex: number
  address: string
  mac?: string
  state?: number
  managed?: boolean
  use?: boolean
}

/**
 * Route netlink in the network namespace its maker's thread was in, which it keeps alive. Dumps are
 * whole: one that changed under the reader is taken again. @throws EAGAIN when it never rests.
 */
export interface Netlink {
  links(): LinkInfo[]
  addresses(): AddressInfo[]
  /** Every table's, without cached copies. */
  routes(): RouteInfo[]
  neighbours(): NeighbourInfo[]
  rules(): RuleInfo[]
  /** Adds or replaces. */
  setNeighbour(neighbour: NeighbourOptions): void
  /** @throws ENOENT when it was not there. */
  deleteNeighbour(neighbour: { ifindex: number; address: string }): void
  /**
   * Calls `onEvents` with changes of links, addresses, routes, rules and neighbours from now on,
   * one call a batch. It does not keep the process alive. The kernel does not tell of a program
   * attached by a link. @throws EBUSY when called twice.
   */
  watch(onEvents: (events: NetlinkEvent[]) => void): void
  /** After this returns onEvents is not called again. */
  close(): void
}

/** A priority at a point of clsact that has filters, and what kind they are: `bpf`, `u32`... */
export interface TcPriority {
  priority: number
  kind: string
}

interface Native {
  useErrorClass: (constructor: typeof BpfError) => void
  BpfObject: BpfObjectClass
  BpfMap: BpfMapClass
  BpfProgram: BpfProgramClass
  XdpLink: XdpLinkClass
  TcxLink: TcxLinkClass
  TcFilter: TcFilterClass
  RingBuffer: RingBufferClass
  Netlink: new () => Netlink
  load64: (buffer: ArrayBuffer, word: number) => bigint
  store64: (buffer: ArrayBuffer, word: number, value: bigint) => void
  add64: (buffer: ArrayBuffer, word: number, delta: bigint) => bigint
  compareAndSwap64: (buffer: ArrayBuffer, word: number, expected: bigint, value: bigint) => bigint
  compareAndSwap64Batch: (
    buffer: ArrayBuffer,
    words: Uint32Array,
    expected: BigUint64Array,
    values: BigUint64Array,
    count: number,
  ) => Uint8Array
  and64Batch: (buffer: ArrayBuffer, words: Uint32Array, mask: bigint, count: number) => void
  load32: (buffer: ArrayBuffer, word: number) => number
  store32: (buffer: ArrayBuffer, word: number, value: number) => void
  add32: (buffer: ArrayBuffer, word: number, delta: number) => number
  fence: () => void
  possibleCpus: () => number
  coarseClockNs: () => number
  interfaceIndex: (name: string) => number
  interfaceFeatures: (name: string) => Record<string, boolean>
  xdpFeatures: (ifindex: number) => number | undefined
  tcFilters: (ifindex: number, point: 'ingress' | 'egress') => TcPriority[]
  tcxPrograms: (ifindex: number, point: 'ingress' | 'egress') => number[]
  unshareNetwork: () => void
  enterNetwork: (pathOrPid: string | number) => void
}

const native = createRequire(import.meta.url)('#addon') as Native
native.useErrorClass(BpfError)

export const BpfObject = native.BpfObject
export const BpfMap = native.BpfMap
export const BpfProgram = native.BpfProgram
export const XdpLink = native.XdpLink
export const TcxLink = native.TcxLink
export const TcFilter = native.TcFilter
export const RingBuffer = native.RingBuffer
export const Netlink = native.Netlink

// Atomics over an ArrayBuffer, all sequentially consistent. `word` counts words of the function's
// size from the buffer's start. @throws EINVAL outside the buffer, EACCES to write a read-only one.

/** The 64-bit word. */
export const load64 = native.load64
/** Writes the 64-bit word. */
export const store64 = native.store64
/** Adds modulo 2^64 (`delta` may be negative) and returns what was there. */
export const add64 = native.add64
/** Writes `value` if `expected` is there; returns what was there. */
export const compareAndSwap64 = native.compareAndSwap64
/** The first `count` swaps, each on its own; 1: swapped. Nothing is done if an index is wrong. */
export const compareAndSwap64Batch = native.compareAndSwap64Batch
/** Keeps of the first `count` words only the bits of `mask`, each word on its own. */
export const and64Batch = native.and64Batch
/** The 32-bit word. */
export const load32 = native.load32
/** Writes the 32-bit word, modulo 2^32. */
export const store32 = native.store32
/** Adds modulo 2^32 (`delta` may be negative) and returns what was there. */
export const add32 = native.add32
/** Orders everything before it against everything after it. */
export const fence = native.fence

/** CPUs a per-CPU map has room for. */
export const possibleCpus = native.possibleCpus
/** The tick of CLOCK_MONOTONIC_COARSE in nanoseconds: 1e9 / HZ. */
export const coarseClockNs = native.coarseClockNs
/** The interface's number in this thread's namespace; 0 when there is none. */
export const interfaceIndex = native.interfaceIndex
/** Offloads in force by the kernel's names (`rx-lro`), as in `ethtool -k`. @throws ENODEV. */
export const interfaceFeatures = native.interfaceFeatures
/** NETDEV_XDP_ACT_* bits; undefined before Linux 6.3. @throws ENODEV when there is none. */
export const xdpFeatures = native.xdpFeatures
/** Priorities with filters, in the order they run; none without clsact or interface. */
export const tcFilters = native.tcFilters
/** Ids of the programs attached by tcx, in the order they run; none before Linux 6.6. */
export const tcxPrograms = native.tcxPrograms
/** Moves the calling thread, and no other, into a new network namespace: libuv's pool stays. */
export const unshareNetwork = native.unshareNetwork
/** Moves the calling thread, and no other, into a namespace by path (`/run/netns/x`) or pid. */
export const enterNetwork = native.enterNetwork
