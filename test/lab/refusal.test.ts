/**
 * What the real xlvsd refuses: each with its code and exit status, a sentence and one thing to try,
 * and with nothing changed. What is refused before it reaches the kernel is in ../cli/ and in
 * ../unit/. Read next: ../support/lab.ts.
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { once } from 'node:events'
import { dirname, join } from 'node:path'

import type { ExecutionContext } from 'ava'

import { ipvsSocketOf } from '../../control/daemon/options.ts'
import { balance, directorFor, type Lab, METHODS, SERVICES } from '../support/lab.ts'
import { takeFromXdp } from '../support/lab_network.ts'
import { type Outcome, waitFor } from '../support/namespace.ts'
import { privileged } from '../support/privileged.ts'

const [NAT] = METHODS
/** No user's number on Debian: nobody. */
const NOBODY = 65534

const ATTACH: [code: string, what: string, words: string[], says: RegExp][] = [
  ['INTERFACE_MISSING', 'an interface that is not there', ['nope'], /nope/],
  ['INTERFACE_ATTACHED', 'an interface that is attached', ['c0'], /c0 .*already/],
  ['FOREIGN_PROGRAM', "an interface with another's program", ['foreign'], /foreign .*id \d+/],
  ['MTU_TOO_LARGE', 'an interface with jumbo frames', ['jumbo'], /jumbo .*9000/],
  ['IFINDEX_TOO_LARGE', 'an interface with a high index', ['far'], /far .*70000/],
  ['NO_NATIVE_XDP', 'an interface without native XDP', ['lo'], /lo .*native/],
  [
    'NO_XDP_TRANSMIT',
    'a veth whose other end drops',
    ['deaf'],
    /other end of deaf, deaf-peer, drops/,
  ],
  ['INTERFACE_UNFIT', 'one without Ethernet', ['tunnel'], /tunnel carries no Ethernet/],
  ['INTERFACE_MISSING', 'a good one before a missing one', ['plain', 'nope'], /nope/],
  ['MTU_TOO_LARGE', 'a good one before one the kernel refuses', ['plain', 'jumbo'], /jumbo/],
]

privileged('attach: what cannot be attached, each is refused and nothing changes', async t => {
  const lab = await directorFor(t)
  addInterfaces(lab)
  const before = await lab.xlvs('show')

  for (const [code, what, words, says] of ATTACH)
    isRefused(t, await lab.attempt('attach', ...words), code, says, what)

  t.is(await lab.xlvs('show'), before)
  t.regex(lab.director.run(['ip', 'link', 'show', 'foreign']), /prog\/xdp/)
})

privileged('attach: an attached interface is deleted, show says that it has gone', async t => {
  const lab = await directorFor(t)
  addInterfaces(lab)
  await lab.xlvs('attach', 'plain')

  lab.director.run(['ip', 'link', 'del', 'plain'])

  await waitFor('show to notice', async () => (await lab.xlvs('show')).includes('plain has gone'))
  const gone = (await lab.interfaces()).filter(({ present }) => !present)
  t.deepEqual(
    gone.map(({ name }) => name),
    ['plain'],
  )
})

privileged('daemon: a second one, it is refused and the first goes on', async t => {
  const lab = await directorFor(t)
  await balance(lab, NAT, 'http')
  const own = { socket: `${lab.places.socket}2`, state: `${lab.places.state}2` }

  isRefused(t, await lab.attemptDaemon(), 'SOCKET_IN_USE', /xlvs\.sock/)
  isRefused(t, await lab.attemptDaemon(own), 'PINS_IN_USE', /process \d+/)

  await stillBalances(t, lab)
  t.is((await lab.show()).length, 1)
})

privileged("daemon: its socket's path is a file, it is refused and the file left", async t => {
  const lab = await directorFor(t)
  await lab.stopDaemon('SIGTERM')
  writeFileSync(lab.places.socket, 'precious')

  isRefused(t, await lab.attemptDaemon(), 'SOCKET_IN_USE', /not a socket/)

  t.is(readFileSync(lab.places.socket, 'utf8'), 'precious')
})

privileged(
  'daemon: a client that never ends its request, SIGTERM ends it all the same',
  async t => {
    const lab = await directorFor(t)
    const client = connect(lab.places.socket)
    client.on('error', () => undefined)
    t.teardown(() => client.destroy())
    await once(client, 'connect')
    client.write('GET /v1/version HTTP/1.1\r\nHost')
    const program = connect(ipvsSocketOf(lab.places.socket))
    program.on('error', () => undefined)
    t.teardown(() => program.destroy())
    await once(program, 'connect')
    program.write('XLV1')
    await lab.xlvs('version')

    t.is(await lab.stopDaemon('SIGTERM'), '0')
  },
)

privileged('daemon: SIGHUP, a line in its log and it goes on', async t => {
  const lab = await directorFor(t)

  lab.hangUp()

  const told = () => lab.log().includes('SIGHUP: there is no configuration to read again')
  await waitFor('the log to tell of SIGHUP', told)
  await lab.xlvs('version')
  t.is(await lab.stopDaemon('SIGTERM'), '0')
})

privileged('daemon: no root or no bpffs, it says so', async t => {
  const lab = await directorFor(t)
  await lab.stopDaemon('SIGTERM')
  lab.director.run(['chown', '-R', String(NOBODY), dirname(lab.places.state)])

  isRefused(t, await lab.attemptDaemon({}, NOBODY), 'NO_ROOT', /65534/)
  isRefused(t, await lab.attemptDaemon({ bpffs: '/tmp/xlvs' }), 'NO_BPFFS', /\/tmp\/xlvs/)
})

privileged('daemon: a damaged journal, it is refused and packets go on', async t => {
  const lab = await directorFor(t)
  await balance(lab, NAT, 'http')
  await lab.stopDaemon('SIGKILL')
  const [file = ''] = readdirSync(lab.places.state).filter(name => size(lab, name) > 0)
  const path = join(lab.places.state, file)
  const good = readFileSync(path)
  const bad = Buffer.from(good)
  bad[20] = (bad[20] ?? 0) ^ 1

  writeFileSync(path, bad)
  isRefused(t, await lab.attemptDaemon(), 'JOURNAL_DAMAGED', new RegExp(file))
  await stillBalances(t, lab)

  writeFileSync(path, good)
  await lab.startDaemon()
  t.is((await lab.show())[0]?.dests.length, 3)
})

privileged("daemon: another's journal or half of the pins, it is refused", async t => {
  const lab = await directorFor(t)
  await balance(lab, NAT, 'http')
  await lab.stopDaemon('SIGKILL')

  const elsewhere = await lab.attemptDaemon({ state: `${lab.places.state}2` })
  rmSync(join(lab.places.bpffs, 'nexthops'))
  const half = await lab.attemptDaemon()

  isRefused(t, elsewhere, 'JOURNAL_MISSING', /hold 1 services/)
  isRefused(t, half, 'ABI_MISMATCH', /another version/)
  await stillBalances(t, lab)
})

/** Interfaces of the director that have something the matter with them, and a plain one. */
function addInterfaces({ director }: Lab): void {
  director.run(['ip', 'tuntap', 'add', 'tunnel', 'mode', 'tun'])
  const added = ['foreign', 'jumbo mtu 9000', 'far index 70000', 'plain', 'deaf']
  for (const words of added) {
    const [name = '', ...rest] = words.split(' ')
    const veth = ['type', 'veth', 'peer', 'name', `${name}-peer`]
    if (name === 'jumbo') veth.push('mtu', '9000')
    director.run(['ip', 'link', 'add', name, ...rest, ...veth])
    director.run(['ip', 'link', 'set', name, 'up'])
    director.run(['ip', 'link', 'set', `${name}-peer`, 'up'])
    const gro = name === 'deaf' ? 'off' : 'on'
    director.run(['ethtool', '-K', `${name}-peer`, 'gro', gro])
  }
  takeFromXdp(director, 'foreign')
}

function isRefused(t: ExecutionContext, o: Outcome, code: string, says: RegExp, what = code): void {
  t.is(o.status, 1, `${what}: ${o.stdout}${o.stderr}`)
  t.is(/\(([A-Z_]+)\)$/m.exec(o.stderr)?.[1], code, `${what}: ${o.stderr}`)
  t.regex(o.stderr, says, what)
  t.regex(o.stderr, /\n {4}\S/, `${what}: one thing to try`)
}

async function stillBalances(t: ExecutionContext, lab: Lab): Promise<void> {
  const load = { kind: 'short', address: NAT.vip, port: SERVICES.http.port } as const
  const { answers } = await lab.send({ ...load, count: 9, parallel: 1 }).finished
  t.deepEqual(answers, { server1: 3, server2: 3, server3: 3 })
}

function size(lab: Lab, name: string): number {
  return readFileSync(join(lab.places.state, name)).length
}
