/**
 * The decapsulator between real sockets: a client whose packets arrive in a tunnel, a server that
 * answers from a virtual address on lo. Read next: ../support/wrap.bpf.c, bpf/decap.bpf.c.
 *
 *   client eth0 198.51.100.7, 10.0.0.1 ─── eth0 10.0.0.5 server, lo 192.0.2.1
 *               2001:db8:7::7, 2001:db8::1      2001:db8::5         2001:db8:2::1
 */
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import type { ExecutionContext } from 'ava'

import type { DecapView } from '../../control/model/decap.ts'
import type { Warning } from '../../control/model/warning.ts'
import { takeFromXdp } from '../support/lab_network.ts'
import { createNamespace, type Namespace, type Outcome, waitFor } from '../support/namespace.ts'
import { privileged } from '../support/privileged.ts'

const XLVS = fileURLToPath(new URL('../../control/bin/xlvs.js', import.meta.url))
const ECHO = fileURLToPath(new URL('../support/lab_echo.ts', import.meta.url))
const WRAP = fileURLToPath(new URL('../support/lab_wrap.ts', import.meta.url))
const OUTER = { 4: ['10.0.0.1', '10.0.0.5'], 6: ['2001:db8::1', '2001:db8::5'] } as const
const VIP = { 4: '192.0.2.1', 6: '2001:db8:2::1' } as const
const PORT = '7000'
/** Several segments of TCP. */
const TCP_BYTES = '100000'
const UDP_BYTES = '1200'

interface Pair {
  client: Namespace
  server: Namespace
  bpffs: string
  /** `xlvs decap ARGS --json` on the server. */
  decap(...args: string[]): Promise<Outcome>
  /** Whether a socket on the virtual address answers. */
  answers(protocol: 'tcp' | 'udp', family: 4 | 6): Promise<boolean>
}

/** Client and server, the client's packets in a tunnel of the outer family. */
async function pairFor(t: ExecutionContext, outer: 4 | 6): Promise<Pair> {
  const [client, server] = await Promise.all([createNamespace('client'), createNamespace('server')])
  const bpffs = `/sys/fs/bpf/xlvs-lab-${process.pid}-${server.pid}`
  t.teardown(async () => {
    await Promise.all([client.close(), server.close()])
    rmSync(bpffs, { recursive: true, force: true })
  })
  wire(client, server)
  client.run([process.execPath, WRAP, 'eth0', ...OUTER[outer]])
  for (const vip of Object.values(VIP)) await serve(server, vip)
  return {
    client,
    server,
    bpffs,
    decap: (...args) =>
      server.attempt([process.execPath, XLVS, 'decap', ...args, '--json', '--bpffs', bpffs]),
    answers: async (protocol, family) => {
      const what = [protocol, VIP[family], PORT, protocol === 'tcp' ? TCP_BYTES : UDP_BYTES]
      const { status } = await client.attempt([process.execPath, ECHO, 'ask', ...what])
      return status === 0
    },
  }
}

function wire(client: Namespace, server: Namespace): void {
  const batch = (namespace: Namespace, lines: string[]) =>
    namespace.run(['ip', '-batch', '-'], lines.join('\n'))
  batch(client, [`link add eth0 mtu 1400 type veth peer name eth0 netns ${server.pid}`])
  batch(server, [
    'addr add 10.0.0.5/24 dev eth0',
    'addr add 2001:db8::5/64 dev eth0 nodad',
    `addr add ${VIP[4]}/32 dev lo`,
    `addr add ${VIP[6]}/128 dev lo nodad`,
    'link set eth0 up',
    'route add default via 10.0.0.1',
    'route add default via 2001:db8::1',
  ])
  batch(client, [
    'addr add 10.0.0.1/24 dev eth0',
    'addr add 198.51.100.7/32 dev eth0',
    'addr add 2001:db8::1/64 dev eth0 nodad',
    'addr add 2001:db8:7::7/64 dev eth0 nodad',
    'link set eth0 up',
    `route add ${VIP[4]} via 10.0.0.5 src 198.51.100.7`,
    `route add ${VIP[6]} via 2001:db8::5 src 2001:db8:7::7`,
  ])
  for (const end of [client, server])
    end.run(['ethtool', '-K', 'eth0', 'tx', 'off', 'tso', 'off', 'gso', 'off'])
}

async function serve(server: Namespace, address: string): Promise<void> {
  const echo = server.start([process.execPath, ECHO, 'serve', address, PORT], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let ready = false
  echo.stdout?.once('data', () => (ready = true))
  await waitFor(`a socket on ${address}`, () => ready)
}

function isDone(t: ExecutionContext, { status, stdout, stderr }: Outcome) {
  t.is(status, 0, stdout + stderr)
  return JSON.parse(stdout) as { interfaces: DecapView[]; warnings: Warning[] }
}

for (const outer of [4, 6] as const)
  for (const mode of ['native', 'generic'] as const)
    privileged(`decap: both families in IPv${outer}, ${mode}, sockets on lo answer`, async t => {
      const pair = await pairFor(t, outer)
      t.false(await pair.answers('tcp', 4))

      isDone(t, await pair.decap('eth0', ...(mode === 'generic' ? ['--generic'] : [])))

      for (const family of [4, 6] as const)
        for (const protocol of ['tcp', 'udp'] as const)
          t.true(await pair.answers(protocol, family), `${protocol} IPv${family}`)
      const [shown] = isDone(t, await pair.decap('--list')).interfaces
      t.like(shown, { name: 'eth0', mode, present: true })
      t.deepEqual(
        shown?.packets.map(({ what }) => what).filter(what => what.includes('in')),
        [`4in${outer}`, `6in${outer}`],
      )
    })

privileged('decap: switched off, the program and its pins are gone', async t => {
  const pair = await pairFor(t, 4)
  isDone(t, await pair.decap('eth0'))
  t.true(await pair.answers('udp', 4))

  isDone(t, await pair.decap('--off', 'eth0'))

  t.false(await pair.answers('udp', 4))
  t.notRegex(pair.server.run(['ip', 'link', 'show', 'eth0']), /xdp/)
  t.false(existsSync(join(pair.bpffs, 'decap', 'eth0')))
  t.deepEqual(isDone(t, await pair.decap('--list')).interfaces, [])
})

privileged('decap: run again with another address, the counters stay and it counts', async t => {
  const pair = await pairFor(t, 4)
  pair.server.run(['ip', 'addr', 'del', '10.0.0.5/24', 'dev', 'eth0'])
  pair.server.run(['ip', 'addr', 'add', '10.0.0.9/24', 'dev', 'eth0'])
  isDone(t, await pair.decap('eth0'))
  pair.server.run(['ip', 'addr', 'add', '10.0.0.5/24', 'dev', 'eth0'])
  t.false(await pair.answers('udp', 4))

  isDone(t, await pair.decap('eth0'))

  pair.server.run(['ip', 'route', 'replace', 'default', 'via', '10.0.0.1'])
  t.true(await pair.answers('udp', 4))
  const [shown] = isDone(t, await pair.decap('--list')).interfaces
  t.deepEqual(shown?.addresses, [
    '10.0.0.5',
    '10.0.0.9',
    VIP[4],
    VIP[6],
    '2001:db8::5',
    ...linkLocal(pair.server),
  ])
  t.true(shown?.packets.some(({ what }) => what === 'other host'))
})

privileged('decap: a server that lacks everything, each warning has a cure that cures', async t => {
  const pair = await pairFor(t, 4)
  // ARP would fail for the same reasons, and stay failed for a while.
  t.false(await pair.answers('udp', 4))
  pair.server.run(['sysctl', '-q', '-w', 'net.ipv4.conf.all.rp_filter=1'])
  pair.server.run(['ip', 'addr', 'flush', 'dev', 'lo'])
  addWayOut(pair)

  const { warnings } = isDone(t, await pair.decap('eth0'))
  const deaf = await pair.answers('udp', 4)
  for (const { cure } of warnings) pair.server.run(cure.replace('VIP', VIP[4]).split(' '))

  t.deepEqual(
    warnings.map(({ kind }) => kind),
    ['no-vip', 'arp-ignore', 'arp-announce', 'rp-filter'],
  )
  t.false(deaf)
  t.true(await pair.answers('udp', 4))
  t.deepEqual(isDone(t, await pair.decap('eth0')).warnings, [])
})

privileged(
  'decap: rp_filter and another way out, packets are dropped until it is cured',
  async t => {
    const pair = await pairFor(t, 4)
    addWayOut(pair)
    isDone(t, await pair.decap('eth0'))
    // ARP would fail for the same reason, and stay failed for a while.
    t.true(await pair.answers('udp', 4))
    pair.server.run(['sysctl', '-q', '-w', 'net.ipv4.conf.all.rp_filter=1'])
    t.false(await pair.answers('udp', 4))

    const { warnings } = isDone(t, await pair.decap('eth0'))
    const cure = warnings.find(({ kind }) => kind === 'rp-filter')?.cure ?? ''
    pair.server.run(cure.split(' '))

    t.true(await pair.answers('udp', 4))
  },
)

/** A second wire, by which the server answers from now on. */
function addWayOut({ client, server }: Pair): void {
  client.run([
    'ip',
    'link',
    'add',
    'eth1',
    'type',
    'veth',
    'peer',
    'eth1',
    'netns',
    `${server.pid}`,
  ])
  for (const [end, address] of [
    [client, '10.0.1.1/24'],
    [server, '10.0.1.5/24'],
  ] as const) {
    end.run(['ip', 'addr', 'add', address, 'dev', 'eth1'])
    end.run(['ip', 'link', 'set', 'eth1', 'up'])
  }
  server.run(['ip', 'route', 'replace', 'default', 'via', '10.0.1.1'])
}

privileged('decap: MAC and addresses change, it is said until the command runs again', async t => {
  const pair = await pairFor(t, 4)
  isDone(t, await pair.decap('eth0'))
  const changed = async () => isDone(t, await pair.decap('--list')).interfaces[0]?.changed
  t.deepEqual(await changed(), [])

  pair.server.run(['ip', 'link', 'set', 'eth0', 'address', '02:00:00:00:00:77'])
  t.deepEqual(await changed(), ['mac'])
  pair.server.run(['ip', 'address', 'add', '2001:db8:9::9/128', 'dev', 'lo'])
  t.deepEqual(await changed(), ['mac', 'addresses'])
  isDone(t, await pair.decap('eth0'))

  t.deepEqual(await changed(), [])
})

privileged('decap: the interface is deleted and made anew, run again it decapsulates', async t => {
  const pair = await pairFor(t, 4)
  isDone(t, await pair.decap('eth0'))

  pair.server.run(['ip', 'link', 'del', 'eth0'])
  const gone = isDone(t, await pair.decap('--list')).interfaces
  wireAgain(pair)
  isDone(t, await pair.decap('eth0'))

  t.like(gone, [{ name: 'eth0', ifindex: 0, present: false }])
  const [back] = isDone(t, await pair.decap('--list')).interfaces
  t.true(back?.present)
  t.true((back?.ifindex ?? 0) > 0)
})

function wireAgain({ client, server }: Pair): void {
  client.run([
    'ip',
    'link',
    'add',
    'eth0',
    'type',
    'veth',
    'peer',
    'eth0',
    'netns',
    `${server.pid}`,
  ])
  server.run(['ip', 'link', 'set', 'eth0', 'up'])
}

const REFUSED: [code: string, what: string, args: string[], says: RegExp][] = [
  ['INTERFACE_MISSING', 'no such interface', ['nope'], /no interface nope/],
  ['INTERFACE_NOT_ATTACHED', 'one that does not', ['--off', 'foreign'], /that do: eth0/],
  ['INTERFACE_ATTACHED', 'another mode', ['eth0', '--generic'], /in native mode/],
  ['INTERFACE_UNFIT', 'one without Ethernet', ['tunnel'], /tunnel carries no Ethernet/],
  ['NO_NATIVE_XDP', 'loopback', ['lo'], /native/],
  ['FOREIGN_PROGRAM', "another's program", ['foreign'], /foreign has another XDP program/],
  ['BAD_USAGE', 'no interface', [], /takes the interface/],
  ['BAD_INTERFACE', 'no name of an interface', ['a/b'], /a\/b/],
]

privileged('decap: what cannot be, each is refused and nothing changes', async t => {
  const pair = await pairFor(t, 4)
  isDone(t, await pair.decap('eth0'))
  pair.server.run(['ip', 'tuntap', 'add', 'tunnel', 'mode', 'tun'])
  pair.server.run(['ip', 'link', 'add', 'foreign', 'type', 'veth', 'peer', 'other'])
  takeFromXdp(pair.server, 'foreign')
  const { addresses, mode } = isDone(t, await pair.decap('--list')).interfaces[0] ?? {}

  for (const [code, what, args, says] of REFUSED) {
    const { status, stdout } = await pair.decap(...args)
    const { error } = JSON.parse(stdout) as { error: Record<'code' | 'message' | 'hint', string> }
    t.is(error.code, code, what)
    t.regex(`${error.message} ${error.hint}`, says, what)
    t.not(status, 0, what)
  }

  const after = isDone(t, await pair.decap('--list')).interfaces
  t.is(after.length, 1)
  t.like(after[0], { addresses, mode, present: true })
  t.true(await pair.answers('udp', 4))
})

privileged('decap: no bpffs or no root, it says so', async t => {
  const pair = await pairFor(t, 4)
  const user = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
  const command = [process.execPath, XLVS, 'decap', 'eth0']

  const elsewhere = await pair.server.attempt([...command, '--bpffs', '/tmp/xlvs-decap'])
  const nobody = await pair.server.attempt([...user, ...command])

  t.regex(elsewhere.stderr, /\/tmp\/xlvs-decap .*\(NO_BPFFS\)/)
  t.regex(nobody.stderr, /xlvs decap runs as user 65534.*\(NO_ROOT\)/)
})

function linkLocal(server: Namespace): string[] {
  const said = server.run(['ip', '-br', 'addr', 'show', 'dev', 'eth0'])
  return [...said.matchAll(/fe80:[0-9a-f:]+/g)].map(([address]) => address)
}
