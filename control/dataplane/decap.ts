/**
 * The decapsulator on a server's interfaces: loaded, told the host's own addresses, attached by a
 * pinned link. No daemon has a part in it; the pins are all the state. Pins of an interface are in
 * a folder of its name: `link` last, so that where it is the others are. Read next:
 * ../../bpf/decap.bpf.c.
 */
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import {
  BpfMap,
  Netlink,
  XdpLink,
  type BpfObject,
  type LinkInfo,
  type RouteInfo,
} from '../../addon/index.ts'
import { DECAP_COUNT, MAPS } from '../abi/decap.gen.ts'
import { XlvsError } from '../errors.ts'
import { mac } from '../model/address.ts'
import type { DecapView } from '../model/decap.ts'
import type { AttachMode } from '../model/service.ts'
import type { Warning } from '../model/warning.ts'
import { serverNeeds } from '../plan/server.ts'
import { key32, view } from './bytes.ts'
import { loadObject, objectsFolder, openObject } from './objects.ts'
import { refuseNoBpffs, refuseUser } from './pins.ts'
import { ipv4Conf } from './sysctl.ts'
import { attachXdp } from './xdp.ts'

/** RT_TABLE_MAIN. */
const TABLE_MAIN = 254
const IPV4_MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]

/** @throws NO_ROOT */
export function refuseServer(): void {
  refuseUser(process.getuid?.() ?? 0, 'xlvs decap')
}

/**
 * Decapsulates on an interface from now on, for the addresses this host has now; where it does
 * already, program and addresses are renewed and counters stay.
 * @throws INTERFACE_MISSING, INTERFACE_UNFIT, INTERFACE_ATTACHED, NO_BPFFS and those of attachXdp.
 */
export function startDecap(bpffs: string, name: string, mode: AttachMode): Warning[] {
  refuseNoBpffs(bpffs)
  const netlink = new Netlink()
  try {
    const link = findLink(netlink, name)
    const folder = folderOf(bpffs, name)
    const had = pinnedLink(folder)
    if (had && had.info.ifindex === link.ifindex) renew(had, folder, netlink, link, mode)
    else {
      if (had) stopDecap(bpffs, name)
      begin(folder, netlink, link, mode)
    }
    return serverNeeds(serverFacts(netlink, link))
  } finally {
    netlink.close()
  }
}

/** Takes the program off, and the pins away. @throws INTERFACE_NOT_ATTACHED. */
export function stopDecap(bpffs: string, name: string): void {
  const folder = folderOf(bpffs, name)
  const link = pinnedLink(folder)
  if (!link)
    throw new XlvsError(
      'INTERFACE_NOT_ATTACHED',
      `${name} does not decapsulate`,
      `interfaces that do: ${decapNames(bpffs).join(', ') || 'none'}`,
    )
  link.detach()
  link.close()
  rmSync(folder, { recursive: true })
}

/** Every interface that decapsulates, by name. */
export function listDecap(bpffs: string): DecapView[] {
  const netlink = new Netlink()
  try {
    const links = netlink.links()
    return decapNames(bpffs).flatMap(name => {
      const pinned = pinnedLink(folderOf(bpffs, name))
      if (!pinned) return []
      const { ifindex, programId } = pinned.info
      pinned.close()
      const link = links.find(l => l.ifindex === ifindex && l.xdpProgramId === programId)
      const own = ownAddresses(netlink)
      return [{ name, ifindex, ...modeOf(link), ...readMaps(folderOf(bpffs, name), link, own) }]
    })
  } finally {
    netlink.close()
  }
}

function modeOf(link: LinkInfo | undefined): { mode: AttachMode; present: boolean } {
  return { mode: link?.xdpMode === 'generic' ? 'generic' : 'native', present: link !== undefined }
}

function readMaps(
  folder: string,
  link: LinkInfo | undefined,
  own: readonly string[],
): Pick<DecapView, 'addresses' | 'packets' | 'changed'> {
  const addresses = BpfMap.fromPin(join(folder, 'addresses'))
  const counts = BpfMap.fromPin(join(folder, 'counts'))
  try {
    const keys = keysOf(addresses)
    const known = keys.map(addressText).sort()
    const isOther = link !== undefined && keys.some(key => macOf(addresses, key) !== link.mac)
    const changed: DecapView['changed'] = isOther ? ['mac'] : []
    const now = own.map(address => addressText(addressBytes(address))).sort()
    if ([...new Set(now)].join() !== known.join()) changed.push('addresses')
    return { addresses: known, changed, packets: readCounts(counts) }
  } finally {
    addresses.close()
    counts.close()
  }
}

/** As the kernel's library writes it; '' when the address has just gone. */
function macOf(addresses: BpfMap, key: Uint8Array): string {
  const bytes = addresses.lookup(key)?.subarray(0, 6) ?? []
  return [...bytes].map(byte => byte.toString(16).padStart(2, '0')).join(':')
}

/** decap_bad_length is said as `bad length`; what has not happened is left out. */
function readCounts(counts: BpfMap): DecapView['packets'] {
  return Object.entries(DECAP_COUNT)
    .filter(([, n]) => n < DECAP_COUNT.DECAP_COUNTS)
    .map(([name, n]) => {
      const perCpu = new BigUint64Array(Uint8Array.from(counts.lookup(key32(n)) ?? []).buffer)
      const packets = Number(perCpu.reduce((sum, one) => sum + one, 0n))
      return { what: name.replace('DECAP_', '').toLowerCase().replaceAll('_', ' '), packets }
    })
    .filter(({ packets }) => packets > 0)
}

function findLink(netlink: Netlink, name: string): LinkInfo {
  const links = netlink.links()
  const link = links.find(l => l.name === name)
  if (!link)
    throw new XlvsError(
      'INTERFACE_MISSING',
      `there is no interface ${name}`,
      `the interfaces here are: ${links.map(l => l.name).join(', ')}`,
    )
  if (link.mac !== '') return link
  throw new XlvsError(
    'INTERFACE_UNFIT',
    `${name} carries no Ethernet frames (${link.kind || 'it has no MAC address'})`,
    'name the interface that packets of the director come in by',
  )
}

function begin(folder: string, netlink: Netlink, link: LinkInfo, mode: AttachMode): void {
  const object = openObject(objectsFolder(), 'decap.bpf.o')
  loadObject(object)
  writeAddresses(object.map('decap_addresses'), netlink, link)
  const command = `xlvs decap ${link.name}`
  const attached = attachXdp(object.program('decap'), link, mode, command)
  try {
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
    object.map('decap_addresses').pin(join(folder, 'addresses'))
    object.map('decap_counts').pin(join(folder, 'counts'))
    attached.pin(join(folder, 'link'))
  } catch (cause) {
    attached.detach()
    rmSync(folder, { recursive: true, force: true })
    throw cause
  } finally {
    attached.close()
    object.close()
  }
}

function renew(
  had: XdpLink,
  folder: string,
  netlink: Netlink,
  link: LinkInfo,
  mode: AttachMode,
): void {
  const now = modeOf(link).mode
  if (now !== mode)
    throw new XlvsError(
      'INTERFACE_ATTACHED',
      `${link.name} decapsulates already, in ${now} mode`,
      `to change its mode, first: xlvs decap --off ${link.name}`,
    )
  const object = openObject(objectsFolder(), 'decap.bpf.o')
  reuse(object, folder)
  loadObject(object)
  writeAddresses(object.map('decap_addresses'), netlink, link)
  had.update(object.program('decap'))
  had.close()
  object.close()
}

function reuse(object: BpfObject, folder: string): void {
  for (const name of Object.keys(MAPS))
    object.reuseMap(name, BpfMap.fromPin(join(folder, name.replace('decap_', ''))))
}

function ownAddresses(netlink: Netlink): string[] {
  return netlink
    .addresses()
    .map(({ address }) => address)
    .filter(address => !isLoopback(address))
}

/** Own addresses in, others out, without a moment in which one that stays is missing. */
function writeAddresses(map: BpfMap, netlink: Netlink, link: LinkInfo): void {
  const own = ownAddresses(netlink)
  const value = new Uint8Array(MAPS.decap_addresses.valueSize)
  value.set(mac(link.mac))
  for (const address of own) map.update(addressBytes(address), value)
  const keep = new Set(own.map(address => addressText(addressBytes(address))))
  for (const key of keysOf(map)) if (!keep.has(addressText(key))) map.delete(key)
}

function keysOf(map: BpfMap): Uint8Array[] {
  const keys: Uint8Array[] = []
  for (let key = map.nextKey(); key; key = map.nextKey(key)) keys.push(key)
  return keys
}

function serverFacts(
  netlink: Netlink,
  { name, ifindex }: LinkInfo,
): Parameters<typeof serverNeeds>[0] {
  const lo = netlink.links().find(l => l.name === 'lo')?.ifindex
  return {
    name,
    onLoopback: netlink
      .addresses()
      .filter(a => a.ifindex === lo && !isLoopback(a.address))
      .map(a => a.address),
    arpIgnore: ipv4Conf(name, 'arp_ignore'),
    arpAnnounce: ipv4Conf(name, 'arp_announce'),
    rpFilter: ipv4Conf(name, 'rp_filter'),
    isDefaultWay: netlink.routes().some(route => isDefault(route) && leavesBy(route, ifindex)),
  }
}

function isDefault({ family, prefix, table }: RouteInfo): boolean {
  return family === 4 && prefix === 0 && table === TABLE_MAIN
}

function leavesBy(route: RouteInfo, ifindex: number): boolean {
  return route.ifindex === ifindex || route.nexthops.some(hop => hop.ifindex === ifindex)
}

function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1'
}

/** A bpffs takes no dots in names, an interface no colons. */
function folderOf(bpffs: string, name: string): string {
  return join(bpffs, 'decap', name.replaceAll('.', ':'))
}

function decapNames(bpffs: string): string[] {
  const folder = join(bpffs, 'decap')
  return existsSync(folder)
    ? readdirSync(folder)
        .map(pin => pin.replaceAll(':', '.'))
        .sort()
    : []
}

function pinnedLink(folder: string): XdpLink | undefined {
  const pin = join(folder, 'link')
  return existsSync(pin) ? XdpLink.fromPin(pin) : undefined
}

/** The 16 bytes of an address; IPv4 is ::ffff:a.b.c.d. */
function addressBytes(text: string): Uint8Array {
  if (!text.includes(':')) return Uint8Array.from([...IPV4_MAPPED, ...text.split('.').map(Number)])
  const [head = '', tail] = new URL(`http://[${text}]`).hostname.slice(1, -1).split('::')
  const words = (part: string): number[] =>
    part === '' ? [] : part.split(':').map(word => parseInt(word, 16))
  const [before, after] = [words(head), words(tail ?? '')]
  const all = [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after]
  return Uint8Array.from(all.flatMap(word => [word >> 8, word & 0xff]))
}

function addressText(bytes: Uint8Array): string {
  if (IPV4_MAPPED.every((byte, i) => bytes[i] === byte)) return bytes.subarray(12).join('.')
  const words = Array.from({ length: 8 }, (_, i) =>
    view(bytes)
      .getUint16(2 * i)
      .toString(16),
  )
  return new URL(`http://[${words.join(':')}]`).hostname.slice(1, -1)
}
