/** What is told of an interface: offloads, XDP abilities, filters and programs of tc. */
import { execFileSync } from 'node:child_process'

import {
  interfaceFeatures,
  interfaceIndex,
  TcFilter,
  tcFilters,
  TcxLink,
  tcxPrograms,
  XdpLink,
  xdpFeatures,
} from '../../addon/index.ts'
import { enterLab, ip, loadTiny, privileged, refused } from './tiny.ts'

const { near, far } = enterLab()
/** NETDEV_XDP_ACT_*. Source: include/uapi/linux/netdev.h. */
const XDP_BASIC = 1
const XDP_NDO_XMIT = 4
const NO_SUCH = 2 ** 30

function ethtool(words: string): void {
  execFileSync('ethtool', words.split(' '), { stdio: ['ignore', 'ignore', 'inherit'] })
}

privileged('device: offloads, each is what ethtool set', t => {
  ethtool('-K near gro on tso off')
  const before = interfaceFeatures('near')
  ethtool('-K near gro off tso on')

  const after = interfaceFeatures('near')

  t.like(before, { 'rx-gro': true, 'tx-tcp-segmentation': false, 'rx-lro': false })
  t.like(after, { 'rx-gro': false, 'tx-tcp-segmentation': true, 'rx-vlan-hw-parse': true })
  const listed = execFileSync('ethtool', ['-k', 'near'], { encoding: 'utf8' })
  t.true(Object.keys(after).length > 30)
  t.false('' in after)
  t.regex(listed, /rx-all: off/)
  t.is(after['rx-all'], false)
})

privileged('device: features of no such interface, ENODEV names the call', t => {
  const error = refused(t, 'ENODEV', () => interfaceFeatures('nope'))

  t.is(error.syscall, 'SIOCETHTOOL')
  t.regex(error.message, /nope/)
})

privileged('device: XDP abilities, a veth can be sent to when its peer has a program', t => {
  ethtool('-K far gro off')
  const alone = xdpFeatures(near) ?? -1
  const link = XdpLink.attach(loadTiny(t).program('count'), far, 'native')

  const together = xdpFeatures(near) ?? -1

  link.close()
  t.is(alone & (XDP_BASIC | XDP_NDO_XMIT), XDP_BASIC)
  t.is(together & XDP_NDO_XMIT, XDP_NDO_XMIT)
  t.is(refused(t, 'ENODEV', () => xdpFeatures(NO_SUCH)).syscall, 'NETDEV_CMD_DEV_GET')
})

privileged('device: filters of several priorities, each once and in their order', t => {
  t.deepEqual(tcFilters(far, 'ingress'), [])
  TcFilter.attach(loadTiny(t).program('tag'), far, 'ingress', 7, 1)
  TcFilter.attach(loadTiny(t).program('tag'), far, 'ingress', 7, 2)
  TcFilter.attach(loadTiny(t).program('tag'), far, 'ingress', 40000, 1)
  TcFilter.attach(loadTiny(t).program('tag'), far, 'egress', 9, 1)
  const u32 = 'filter add dev far ingress pref 3 protocol ip u32 match ip protocol 17 0xff'
  execFileSync('tc', [...u32.split(' '), 'flowid', '1:1'])

  const found = tcFilters(far, 'ingress')

  t.deepEqual(found, [
    { priority: 3, kind: 'u32' },
    { priority: 7, kind: 'bpf' },
    { priority: 40000, kind: 'bpf' },
  ])
  t.deepEqual(tcFilters(far, 'egress'), [{ priority: 9, kind: 'bpf' }])
  t.deepEqual(tcFilters(NO_SUCH, 'ingress'), [])
  execFileSync('tc', ['qdisc', 'del', 'dev', 'far', 'clsact'])
})

privileged('device: programs by tcx, their ids in order', t => {
  t.deepEqual(tcxPrograms(near, 'ingress'), [])
  const [first, second] = [loadTiny(t).program('tag'), loadTiny(t).program('tag')]
  const links = [first, second].map(program => TcxLink.attach(program, near, 'ingress'))

  t.deepEqual(tcxPrograms(near, 'ingress'), [first.info.id, second.info.id])
  t.deepEqual(tcxPrograms(near, 'egress'), [])
  for (const link of links) link.close()
  refused(t, 'ENODEV', () => tcxPrograms(NO_SUCH, 'ingress'))
})

privileged('device: wrong arguments, each is EINVAL with a sentence', t => {
  const loose = (call: unknown) => call as (...args: unknown[]) => unknown

  for (const wrong of [
    () => loose(interfaceFeatures)(7),
    () => loose(xdpFeatures)('near'),
    () => loose(tcFilters)(near, 'both'),
    () => loose(tcFilters)(near),
    () => loose(tcxPrograms)(near, 'both'),
  ])
    t.regex(refused(t, 'EINVAL', wrong).message, / must /)
})

privileged('device: a name that is too long, ENODEV and nothing is written past it', t => {
  ip('link set near up')
  t.is(interfaceIndex('near'), near)

  refused(t, 'ENODEV', () => interfaceFeatures('n'.repeat(4000)))
})
