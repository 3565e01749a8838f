/** Links: XDP in both modes, refusals with the kernel's words, replacement, pins; and tcx. */
import { release } from 'node:os'

import { BpfMap, type BpfProgram, Netlink, TcxLink, XdpLink } from '../../addon/index.ts'
import { enterLab, ip, loadTiny, makeMap, pinFolder, privileged, refused } from './tiny.ts'

const { near, far } = enterLab()
const netlink = new Netlink()
const tcxIsThere = release().localeCompare('6.6', undefined, { numeric: true }) >= 0

/** What netlink says is attached to the near interface. */
function attached(): { mode: string; program: number } {
  const link = netlink.links().find(({ ifindex }) => ifindex === near)
  return { mode: link?.xdpMode ?? '', program: link?.xdpProgramId ?? 0 }
}

for (const mode of ['native', 'generic'] as const)
  privileged(`xdp: attached ${mode}, netlink sees it until it is closed`, t => {
    const program = loadTiny(t).program('count')

    const link = XdpLink.attach(program, near, mode)

    t.like(link.info, { ifindex: near, programId: program.info.id })
    t.deepEqual(attached(), { mode, program: program.info.id })
    link.close()
    t.deepEqual(attached(), { mode: 'none', program: 0 })
  })

privileged('xdp: detached, the link stays and names no interface', t => {
  const link = XdpLink.attach(loadTiny(t).program('count'), near, 'native')

  link.detach()

  t.is(link.info.ifindex, 0)
  t.is(attached().mode, 'none')
  link.close()
})

privileged('xdp: replaced while attached, the new program runs on the same link', t => {
  const object = loadTiny(t)
  const link = XdpLink.attach(object.program('count'), near, 'native')
  const { id } = link.info

  link.update(object.program('grow'))

  t.deepEqual(link.info, { id, ifindex: near, programId: object.program('grow').info.id })
  t.is(attached().program, object.program('grow').info.id)
  const error = refused(t, 'EINVAL', () => {
    link.update(object.program('tag'))
  })
  t.is(error.syscall, 'bpf_link_update')
  link.close()
})

privileged('xdp: another link there, EBUSY comes with the kernel words', t => {
  const program = loadTiny(t).program('count')
  const link = XdpLink.attach(program, near, 'native')

  const error = refused(t, 'EBUSY', () => XdpLink.attach(program, near, 'native'))

  t.is(error.syscall, 'bpf_link_create')
  t.regex(error.log, /Can't replace active BPF XDP link/)
  t.is(attached().program, program.info.id)
  link.close()
})

privileged('xdp: an MTU too large, ERANGE comes with the driver words', t => {
  ip('link set far mtu 9000')
  t.teardown(() => {
    ip('link set far mtu 1500')
  })

  const error = refused(t, 'ERANGE', () =>
    XdpLink.attach(loadTiny(t).program('count'), near, 'native'),
  )

  t.regex(error.log, /MTU is too large/)
  t.is(attached().mode, 'none')
})

privileged('xdp: a driver without it, EOPNOTSUPP', t => {
  ip('link add bridge type bridge')
  t.teardown(() => {
    ip('link del bridge')
  })
  const bridge = netlink.links().find(({ name }) => name === 'bridge')?.ifindex ?? 0

  const error = refused(t, 'EOPNOTSUPP', () =>
    XdpLink.attach(loadTiny(t).program('count'), bridge, 'native'),
  )

  t.not(error.log, '')
})

privileged('xdp: no such interface, the log says what EINVAL hides', t => {
  const error = refused(t, 'EINVAL', () =>
    XdpLink.attach(loadTiny(t).program('count'), 999, 'native'),
  )

  t.is(error.log, 'No such interface')
})

privileged('xdp: pinned and closed, it stays attached and is adopted by path', t => {
  const path = `${pinFolder(t)}/link`
  const object = loadTiny(t)
  const first = XdpLink.attach(object.program('count'), near, 'native')
  first.pin(path)

  first.close()

  t.is(attached().program, object.program('count').info.id)
  const adopted = XdpLink.fromPin(path)
  adopted.update(object.program('grow'))
  t.is(attached().program, object.program('grow').info.id)
  adopted.detach()
  t.is(attached().mode, 'none')
  refused(t, 'ENOENT', () => XdpLink.fromPin(`${path}-not`))
})

privileged('xdp: the device gone, the link names interface 0', t => {
  ip('link add brief type veth peer name brief2')
  const ifindex = netlink.links().find(({ name }) => name === 'brief')?.ifindex ?? 0
  const link = XdpLink.attach(loadTiny(t).program('count'), ifindex, 'native')

  ip('link del brief')

  t.is(link.info.ifindex, 0)
  link.close()
})

privileged('xdp: other things pinned at the path, EINVAL says so', t => {
  const folder = pinFolder(t)
  makeMap(t).pin(`${folder}/map`)
  loadTiny(t).program('count').pin(`${folder}/program`)

  for (const path of [`${folder}/map`, `${folder}/program`])
    t.regex(refused(t, 'EINVAL', () => XdpLink.fromPin(path)).message, /not a pinned XdpLink/)
})

privileged('xdp: closed twice, every use says EBADF', t => {
  const object = loadTiny(t)
  const link = XdpLink.attach(object.program('count'), near, 'native')

  link.close()
  link.close()

  for (const use of [
    () => link.info,
    () => {
      link.update(object.program('count'))
    },
    () => {
      link.pin('/sys/fs/bpf/closed')
    },
    () => {
      link.detach()
    },
  ])
    refused(t, 'EBADF', use)
})

privileged('xdp: wrong arguments, each is EINVAL with a sentence', t => {
  const program = loadTiny(t).program('count')
  const attach = XdpLink.attach.bind(XdpLink) as (...args: unknown[]) => unknown

  for (const wrong of [
    () => attach(),
    () => attach(makeMap(t), near, 'native'),
    () => attach(program, '2', 'native'),
    () => attach(program, near),
    () => attach(program, near, 'fast'),
    () => XdpLink.attach({} as BpfProgram, near, 'native'),
    () => BpfMap.fromPin(7 as unknown as string),
  ])
    t.regex(refused(t, 'EINVAL', wrong).message, / must /)
})

for (const point of ['ingress', 'egress'] as const)
  privileged(`tcx: attached to ${point}, it is replaced, pinned and detached`, t => {
    const path = `${pinFolder(t)}/tcx`
    const [program, other] = [loadTiny(t).program('tag'), loadTiny(t).program('tag')]
    if (!tcxIsThere) {
      refused(t, 'EINVAL', () => TcxLink.attach(program, far, point))
      return
    }

    const link = TcxLink.attach(program, far, point)

    t.like(link.info, { ifindex: far, programId: program.info.id })
    link.update(other)
    t.is(link.info.programId, other.info.id)
    link.pin(path)
    link.close()
    link.close()
    const adopted = TcxLink.fromPin(path)
    t.is(adopted.info.programId, other.info.id)
    refused(t, 'EINVAL', () => XdpLink.fromPin(path))
    adopted.detach()
    t.is(adopted.info.ifindex, 0)
    refused(t, 'EINVAL', () => TcxLink.attach(program, far, 'both' as 'ingress'))
  })
