/**
 * A program onto an interface, and what the kernel's refusals mean. Read next: attach.ts, decap.ts
 * (whose programs these are).
 */
import { XdpLink, type BpfProgram, type LinkInfo } from '../../addon/index.ts'
import { XlvsError } from '../errors.ts'
import type { AttachMode } from '../model/service.ts'

/** With this MTU every driver that has XDP takes a program: the frame fits one page. */
const MTU_SAFE = 1500

/**
 * Attaches by a link that is not pinned yet. `command` is what puts it there in generic mode.
 * @throws FOREIGN_PROGRAM, MTU_TOO_LARGE, NO_NATIVE_XDP, KERNEL_REFUSED.
 */
export function attachXdp(
  program: BpfProgram,
  link: LinkInfo,
  mode: AttachMode,
  command: string,
): XdpLink {
  refuseForeign(link)
  try {
    return XdpLink.attach(program, link.ifindex, mode)
  } catch (cause) {
    throw refusedXdp(link, cause, mode, command)
  }
}

/** @throws FOREIGN_PROGRAM when there is a program already. */
export function refuseForeign(link: LinkInfo): void {
  if (link.xdpMode !== 'none') throw foreignProgram(link)
}

function foreignProgram(link: LinkInfo, cause?: unknown): XlvsError {
  return new XlvsError(
    'FOREIGN_PROGRAM',
    `${link.name} has another XDP program (id ${link.xdpProgramId}, ${link.xdpMode} mode): ` +
      'an interface takes one',
    `see whose it is with bpftool prog show id ${link.xdpProgramId}; ` +
      `take it off with ip link set dev ${link.name} xdp off`,
    { cause },
  )
}

/** What a failed attachment means, `mode` and `command` being what was tried. */
export function refusedXdp(
  link: LinkInfo,
  cause: unknown,
  mode: AttachMode,
  command: string,
): XlvsError {
  const { code = 'unknown error', log = '' } = cause as { code?: string; log?: string }
  if (code === 'EBUSY' || code === 'EEXIST') return foreignProgram(link, cause)
  if (/peer mtu/i.test(log) && link.mtu <= MTU_SAFE)
    return new XlvsError(
      'MTU_TOO_LARGE',
      `the other end of ${link.name} has too large an MTU for XDP here (${log.trim()}), ` +
        `which itself has ${link.mtu} bytes`,
      `lower it there with ip link set dev NAME mtu 1500 (ip link show ${link.name} tells its ` +
        'number and namespace), or attach with --generic',
      { cause },
    )
  const tooLarge = /mtu/i.test(log) || code === 'ERANGE' || (code === 'EINVAL' && link.mtu > 3500)
  if (tooLarge)
    return new XlvsError(
      'MTU_TOO_LARGE',
      `${link.name} has an MTU of ${link.mtu} bytes, more than its driver allows with XDP ` +
        `(${log.trim() || code}): frames must fit one page`,
      `ip link set dev ${link.name} mtu 1500, or attach with --generic`,
      { cause },
    )
  if (mode === 'native' && (code === 'EOPNOTSUPP' || code === 'EINVAL'))
    return new XlvsError(
      'NO_NATIVE_XDP',
      `the driver of ${link.name} has no native XDP (${log.trim() || code})`,
      `attach in generic mode, which works everywhere and is slower: ${command} --generic`,
      { cause },
    )
  return new XlvsError(
    'KERNEL_REFUSED',
    `the kernel refuses to attach to ${link.name} (${code}): ${log.trim() || 'it gives no reason'}`,
    'see dmesg',
    { cause },
  )
}
