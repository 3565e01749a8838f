/**
 * The XDP program on interfaces: attached by a pinned link, so that it stays when the daemon goes,
 * the tc companions beside it, and one on loopback while there is any such interface. Read next:
 * ../daemon/director.ts.
 */
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { TcFilter, XdpLink, type BpfProgram, type LinkInfo } from '../../addon/index.ts'
import { LIMIT } from '../abi/maps.gen.ts'
import { XlvsError } from '../errors.ts'
import type { AttachMode } from '../model/service.ts'
import type { Kernel } from './kernel.ts'
import { attachXdp, refusedXdp, refuseForeign } from './xdp.ts'

/** Our place among the filters; other people's numbers are usually low. */
export const TC_PRIORITY = 0x7873
const TC_HANDLE = 1

/** A bpffs takes no dots in names (kernel/bpf/inode.c bpf_lookup), an interface no colons. */
function pinOf(kernel: Kernel, name: string): string {
  return join(kernel.bpffs ?? '', 'links', name.replaceAll('.', ':'))
}

/** Names of the interfaces whose links are pinned. */
export function pinnedLinks(kernel: Kernel): string[] {
  const folder = join(kernel.bpffs ?? '', 'links')
  return existsSync(folder) ? readdirSync(folder).map(pin => pin.replaceAll(':', '.')) : []
}

/**
 * Attaches the program to an interface and pins the link.
 * @throws INTERFACE_ATTACHED, FOREIGN_PROGRAM, IFINDEX_TOO_LARGE, MTU_TOO_LARGE, NO_NATIVE_XDP.
 */
export function attach(kernel: Kernel, link: LinkInfo, mode: AttachMode): void {
  refuseAttached(kernel, link)
  if (link.ifindex >= LIMIT.IFINDEX_MAX)
    throw new XlvsError(
      'IFINDEX_TOO_LARGE',
      `${link.name} has interface index ${link.ifindex}: expected below ${LIMIT.IFINDEX_MAX}`,
      'make the interface anew, or restart the machine',
    )
  const attached = attachXdp(kernel.program, link, mode, `xlvs attach ${link.name}`)
  try {
    putCompanions(kernel, link.ifindex)
    attached.pin(pinOf(kernel, link.name))
  } catch (cause) {
    attached.detach()
    dropCompanions(kernel, link.ifindex)
    throw refusedXdp(link, cause, mode, `xlvs attach ${link.name}`)
  } finally {
    attached.close()
  }
}

function putCompanions({ companions }: Kernel, ifindex: number): void {
  const put = (program: BpfProgram, on: number, point: 'ingress' | 'egress'): void => {
    TcFilter.attach(program, on, point, TC_PRIORITY, TC_HANDLE)
  }
  put(companions.loopback, LIMIT.LOOPBACK_IFINDEX, 'egress')
  put(companions.egress, ifindex, 'egress')
  put(companions.ingress, ifindex, 'ingress')
}

/** Those of an interface whose pin has gone; the last one takes loopback's with it. */
function dropCompanions(kernel: Kernel, ifindex: number): void {
  const drop = (on: number, point: 'ingress' | 'egress'): void => {
    TcFilter.detach(on, point, TC_PRIORITY, TC_HANDLE)
  }
  if (ifindex !== 0) {
    drop(ifindex, 'ingress')
    drop(ifindex, 'egress')
  }
  if (pinnedLinks(kernel).length === 0) drop(LIMIT.LOOPBACK_IFINDEX, 'egress')
}

/** @throws INTERFACE_ATTACHED, FOREIGN_PROGRAM when there is a program already. */
export function refuseAttached(kernel: Kernel, link: LinkInfo): void {
  const { name } = link
  if (!existsSync(pinOf(kernel, name))) {
    refuseForeign(link)
    return
  }
  throw new XlvsError(
    'INTERFACE_ATTACHED',
    `${name} has the xlvs program already`,
    `to change its mode, first: xlvs detach ${name}`,
  )
}

/** Takes program and companions off an interface. Interfaces that have gone are fine. */
export function detach(kernel: Kernel, name: string): void {
  const pin = pinOf(kernel, name)
  if (!existsSync(pin)) return
  const link = XdpLink.fromPin(pin)
  try {
    dropLink(kernel, link, pin)
  } finally {
    link.close()
  }
}

function dropLink(kernel: Kernel, link: XdpLink, pin: string): void {
  const { ifindex } = link.info
  rmSync(pin)
  link.detach()
  dropCompanions(kernel, ifindex)
}

/**
 * After a restart: a link that is still on its interface gets this daemon's program, atomically;
 * one whose interface has gone, has come back as another or has another name now, is taken off.
 * Whether it is still on.
 */
export function adoptLink(kernel: Kernel, name: string, link: LinkInfo | undefined): boolean {
  const pin = pinOf(kernel, name)
  if (!existsSync(pin)) return false
  const pinned = XdpLink.fromPin(pin)
  try {
    if (link === undefined || pinned.info.ifindex !== link.ifindex) {
      dropLink(kernel, pinned, pin)
      return false
    }
    pinned.update(kernel.program)
    putCompanions(kernel, link.ifindex)
    return true
  } finally {
    pinned.close()
  }
}
