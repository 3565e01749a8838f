/**
 * The network changes under a running director: neighbours, addresses and links, as netlink tells.
 * Read next: ../support/lab.ts.
 */
import { readdirSync } from 'node:fs'
import { destName, serviceName } from '../../control/model/service.ts'
import {
  balance,
  directorFor,
  type Lab,
  type Method,
  METHODS,
  METHODS6,
  SERVICES,
  serveOn,
} from '../support/lab.ts'
import { DIRECTORS } from '../support/lab_network.ts'
import { waitFor } from '../support/namespace.ts'
import { privileged } from '../support/privileged.ts'

const NEW_MAC = '02:00:00:00:00:42'

for (const method of METHODS) {
  const { fwd } = method

  privileged(`${fwd}: a server gets another MAC address, requests follow it`, async t => {
    const lab = await directorFor(t)
    await balance(lab, method, 'http')
    t.deepEqual(await ask(lab, method, 9), thirds(3))

    const server = lab.servers[0]?.namespace
    server?.run(['sysctl', '-q', '-w', 'net.ipv4.conf.eth0.arp_notify=1'])
    server?.run(['ip', 'link', 'set', 'eth0', 'address', NEW_MAC])
    await waitFor('the director to learn it', () => neighbours(lab).includes(NEW_MAC))

    t.deepEqual(await ask(lab, method, 9), thirds(3))
  })

  privileged(`${fwd}: all neighbours are forgotten, no request is lost`, async t => {
    const lab = await directorFor(t)
    await balance(lab, method, 'http')
    t.deepEqual(await ask(lab, method, 9), thirds(3))

    lab.director.run(['ip', 'neigh', 'flush', 'all'])

    t.deepEqual(await ask(lab, method, 30), thirds(10))
  })
}

for (const method of [...METHODS, ...METHODS6]) {
  const { name, vip } = method

  privileged(
    `${name}: the VIP leaves the director and comes back, requests wait for it`,
    async t => {
      const lab = await directorFor(t)
      await balance(lab, method, 'http')

      lab.director.run(['ip', 'address', 'del', vip, 'dev', 'c0'])
      await waitFor('the VIP not to be local', async () => !(await isLocal(lab)))
      const waiting = lab.send({ ...load(method), count: 9, patienceMs: 240_000 })
      await waitFor('packets to be passed by', () => isPassedBy(lab))
      t.regex(await lab.xlvs('show'), /VIP not local/)
      lab.director.run(['ip', 'address', 'add', vip, 'dev', 'c0'])

      t.deepEqual((await waiting.finished).answers, thirds(3))
      t.true(await isLocal(lab))
    },
  )
}

privileged('route: the way to a server is lost and found, show says so', async t => {
  const lab = await directorFor(t)
  const [nat] = METHODS
  await balance(lab, nat, 'http')

  lab.director.run(['ip', 'link', 'set', 'r0', 'down'])
  await waitFor('show to notice', async () => (await lab.xlvs('show')).includes('no route'))
  lab.director.run(['ip', 'link', 'set', 'r0', 'up'])
  await waitFor('show to be content', async () => !(await lab.xlvs('show')).includes('no route'))

  t.deepEqual(await ask(lab, nat, 9), thirds(3))
})

privileged('route: it goes without a word with the last address, show says so', async t => {
  const lab = await directorFor(t)
  const [nat] = METHODS
  await balance(lab, nat, 'http', [1])
  lab.director.run(['ip', 'route', 'add', '10.9.0.0/16', 'via', '10.0.0.2'])
  await lab.xlvs('dest', 'add', `tcp:${nat.vip}:80`, '10.9.0.1:80', '--nat')
  await waitFor('a way', async () => !(await hopsOf(lab)).includes('no route'))

  lab.director.run(['ip', 'address', 'flush', 'dev', 'r0'])

  await waitFor('both to be lost', async () =>
    (await hopsOf(lab)).every(nextHop => nextHop === 'no route'),
  )
  t.notRegex(lab.director.run(['ip', 'route']), /10\.9/)
})

privileged('attach: an interface is detached, it is attached again at once', async t => {
  const lab = await directorFor(t)
  lab.director.run(['ip', 'link', 'set', 'c0', 'alias', 'anything'])
  await lab.stopDaemon('SIGKILL')
  await lab.startDaemon()

  await lab.xlvs('detach', 'c0')
  await lab.xlvs('attach', 'c0', '--generic')

  t.regex(lab.director.run(['ip', 'link', 'show', 'c0']), /xdpgeneric/)
})

privileged('attach: an interface with a dot in its name, it is attached and adopted', async t => {
  const lab = await directorFor(t)
  lab.director.run(['ip', 'link', 'add', 'a.100', 'type', 'veth', 'peer', 'name', 'b.100'])

  await lab.xlvs('attach', 'a.100', '--generic')
  await lab.stopDaemon('SIGKILL')
  await lab.startDaemon()

  t.true((await lab.interfaces()).find(({ name }) => name === 'a.100')?.present)
  await lab.xlvs('detach', 'a.100')
  t.notRegex(lab.director.run(['ip', 'link', 'show', 'a.100']), /xdp/)
})

privileged('attach: an interface gets another name and its own back, it is attached', async t => {
  const lab = await directorFor(t)
  const rename = (from: string, to: string) => {
    lab.director.run(['ip', 'link', 'set', from, 'down'])
    lab.director.run(['ip', 'link', 'set', from, 'name', to])
  }
  const isPresent = async () => (await lab.interfaces()).every(({ present }) => present)

  rename('r0', 'r9')
  await waitFor('show to notice', async () => !(await isPresent()))
  t.notRegex(lab.director.run(['ip', 'link', 'show', 'r9']), /xdp/)
  t.is(lab.director.run(['tc', 'filter', 'show', 'dev', 'r9', 'ingress']), '')
  rename('r9', 'r0')

  await waitFor('the program to be back', isPresent)
  t.regex(lab.director.run(['ip', 'link', 'show', 'r0']), /xdp/)
})

privileged('attach: an interface is removed and made again, both families go on', async t => {
  const lab = await directorFor(t)
  const methods = [METHODS[0], METHODS6[0]]
  for (const method of methods) {
    await balance(lab, method, 'http')
    t.deepEqual(await ask(lab, method, 9), thirds(3))
  }
  const [before] = (await lab.interfaces()).filter(({ name }) => name === 'r0')

  lab.director.run(['ip', 'link', 'del', 'r0'])
  await waitFor('show to notice', async () =>
    (await hopsOf(lab)).every(nextHop => nextHop === 'no route'),
  )
  lab.plugCard()
  await waitFor('all to be found', async () =>
    (await hopsOf(lab)).every(nextHop => nextHop === 'resolved'),
  )

  for (const method of methods) t.deepEqual(await ask(lab, method, 9), thirds(3), method.name)
  const [after] = (await lab.interfaces()).filter(({ name }) => name === 'r0')
  t.true(after?.present)
  t.not(after?.ifindex, before?.ifindex)
})

privileged('dr: a dest is the director itself, its socket on the VIP answers', async t => {
  const lab = await directorFor(t, { servers: 1 })
  const rows = [METHODS[1], METHODS6[1]]
  const listen = rows.flatMap(({ vip }) => [`tcp:[${vip}]:80`, `udp:[${vip}]:53`])
  await serveOn(lab.director, 'director', listen)

  for (const [kind, sort] of [
    ['http', 'short'],
    ['udp', 'udp'],
  ] as const)
    for (const method of rows) {
      await balance(lab, method, kind)
      const { protocol, port } = SERVICES[kind]
      const service = serviceName({ protocol, port, address: method.vip })
      const dest = destName({ address: DIRECTORS[method.family], port })
      await lab.xlvs('dest', 'add', service, dest, '--dr')
      const some = { kind: sort, address: method.vip, port, count: 8, parallel: 2 }
      const { answers, reasons } = await lab.send(some).finished
      t.deepEqual({ answers, reasons }, { answers: { director: 4, server1: 4 }, reasons: [] })
    }

  const hops = (await lab.show()).flatMap(({ dests }) => dests.map(({ nextHop }) => nextHop))
  t.deepEqual(hops.sort(), [
    ...Array<string>(4).fill('local'),
    ...Array<string>(4).fill('resolved'),
  ])
})

privileged('watch: neighbours come and go, xlvsd opens nothing that it does not close', async t => {
  const lab = await directorFor(t)
  const own = { socket: `${lab.places.socket}2`, state: `${lab.places.state}2` }
  const pid = /process (\d+)/.exec((await lab.attemptDaemon(own)).stderr)?.[1] ?? ''
  const open = () => readdirSync(`/proc/${pid}/fd`).length
  const before = open()

  for (let i = 10; i < 40; i++) {
    const mac = `02:00:00:00:00:${i}`
    lab.director.run(['ip', 'neigh', 'replace', '10.0.0.77', 'lladdr', mac, 'dev', 'r0'])
  }
  await lab.xlvs('version')

  t.true(open() - before < 10, `${before} became ${open()}`)
})

async function hopsOf(lab: Lab): Promise<string[]> {
  return (await lab.show()).flatMap(({ dests }) => dests.map(({ nextHop }) => nextHop))
}

async function ask(lab: Lab, method: Method, count: number): Promise<Record<string, number>> {
  return (await lab.send({ ...load(method), count }).finished).answers
}

function load({ vip }: Method) {
  return { kind: 'short', address: vip, port: SERVICES.http.port, parallel: 3 } as const
}

function thirds(each: number): Record<string, number> {
  return { server1: each, server2: each, server3: each }
}

function neighbours(lab: Lab): string {
  return lab.director.run(['ip', 'neigh', 'show', 'dev', 'r0'])
}

async function isPassedBy(lab: Lab): Promise<boolean> {
  return (await lab.xlvs('stats')).includes('vip not local')
}

async function isLocal(lab: Lab): Promise<boolean> {
  return (await lab.show()).every(service => service.vipLocal)
}
