/**
 * Neighbours that are not known, move, go and come back, with forwarding off in the director: the
 * kernel resolves for the companion and sends what waited. A row per family; in it the ways of
 * requests by each forwarding method and of a NAT dest's replies.
 * Read next: ../support/lab.ts, ../../bpf/nexthop.h.
 */
import type { ExecutionContext } from 'ava'
import {
  balance,
  directorFor,
  type Lab,
  type Method,
  METHODS,
  METHODS6,
  SERVICES,
  TUNNELS,
} from '../support/lab.ts'
import { CLIENTS, mute, unmute } from '../support/lab_network.ts'
import { type Namespace, waitFor } from '../support/namespace.ts'
import { privileged } from '../support/privileged.ts'
import type { Load } from '../support/traffic.ts'

type Kind = 'http' | 'udp'

interface Family {
  name: string
  family: 4 | 6
  methods: Method[]
  /** Another address of the server and of the client, to be the router of their first. */
  routers: { server: string; client: string }
}

const ROWS: Family[] = [
  {
    name: 'IPv4',
    family: 4,
    methods: [...METHODS, TUNNELS[0]],
    routers: { server: '10.0.0.99', client: '198.51.100.99' },
  },
  {
    name: 'IPv6',
    family: 6,
    methods: [...METHODS6, TUNNELS[1]],
    routers: { server: '2001:db8::99', client: '2001:db8:7::99' },
  },
]
const NEW_MAC = { server: '02:00:00:00:00:42', client: '02:00:00:00:00:43' }
/** Requests that wait for a neighbour at a time. */
const WAITING = 3

/** A host whose eth0 the director must find, and what goes there by it. */
interface Way {
  what: 'server' | 'client'
  host: Namespace
  /** The director's interface. */
  device: 'c0' | 'r0'
  /** What the director asks for. */
  address: string
  methods: Method[]
}

for (const row of ROWS) {
  privileged(`neighbour ${row.name}: unknown, the first packets wait and none is lost`, async t => {
    const lab = await labOf(t, row, 'udp')
    tune(lab, { solicitations: 30, everyMs: 1000 })

    for (const way of waysOf(lab, row)) {
      mute(way.host, 'eth0')
      await forget(lab, way)
      const before = await resolving(lab)
      const waiting = way.methods.map(method => lab.send(load(method, 'udp')))
      await waitFor(`datagrams to wait for the ${way.what}`, async () => {
        return (await resolving(lab)) >= before + WAITING * way.methods.length
      })
      unmute(way.host, 'eth0')

      for (const [n, { finished }] of waiting.entries())
        isAnswered(t, await finished, `${way.what}, ${way.methods[n]?.name}`)
    }
  })

  privileged(`neighbour ${row.name}: it gets another MAC, connections follow it`, async t => {
    const lab = await labOf(t, row, 'http')
    const kept = { kind: 'kept', port: SERVICES.http.port, count: 1e6, parallel: 1 } as const

    for (const { what, host, device, methods } of waysOf(lab, row)) {
      const loads = methods.map(({ vip }) => lab.send({ ...kept, address: vip }))
      await Promise.all(loads.map(running => running.more(5)))
      host.run(['sysctl', '-q', '-w', 'net.ipv4.conf.eth0.arp_notify=1'])
      host.run(['sysctl', '-q', '-w', 'net.ipv6.conf.eth0.ndisc_notify=1'])
      host.run(['ip', 'link', 'set', 'eth0', 'address', NEW_MAC[what]])
      await lab.decapsulate()
      await waitFor('the director to learn it', () =>
        neighbours(lab, row, device).includes(NEW_MAC[what]),
      )
      await Promise.all(loads.map(running => running.more(20)))
      for (const [n, running] of loads.entries()) {
        const { lost, mixed, reasons } = await running.stop()
        const name = `${what}, ${methods[n]?.name}`
        t.deepEqual({ lost, mixed, reasons }, { lost: 0, mixed: 0, reasons: [] }, name)
      }
      for (const method of methods)
        isAnswered(t, await lab.send(load(method, 'http')).finished, `${what}, ${method.name}`)
    }
  })

  privileged(`neighbour ${row.name}: it goes and comes back, requests do too`, async t => {
    const lab = await labOf(t, row, 'http')

    for (const way of waysOf(lab, row)) await goAndComeBack(t, lab, way)
  })

  privileged(`neighbour ${row.name}: a router goes and comes back, requests do too`, async t => {
    const lab = await labOf(t, row, 'http')
    const ways = waysOf(lab, row)
    for (const way of ways) way.address = putBehindRouter(lab, row, way)
    for (const method of row.methods)
      isAnswered(t, await lab.send(load(method, 'http')).finished, method.name)

    for (const way of ways) {
      await goAndComeBack(t, lab, way)
      t.regex(neighbours(lab, row, way.device), new RegExp(`^${way.address} `, 'm'))
    }
  })
}

/** One dest, by each method of the family, and all neighbours known. */
async function labOf(t: ExecutionContext, { methods }: Family, kind: Kind): Promise<Lab> {
  const lab = await directorFor(t, { servers: 1 })
  await lab.decapsulate()
  lab.director.run(['sysctl', '-q', '-w', 'net.ipv6.conf.all.forwarding=0'])
  await Promise.all(methods.map(method => balance(lab, method, kind)))
  for (const method of methods)
    isAnswered(t, await lab.send(load(method, kind)).finished, method.name)
  return lab
}

function waysOf(lab: Lab, { family, methods }: Family): [Way, Way] {
  const [server] = lab.servers
  if (!server) throw new Error('the lab has no server')
  const address = family === 4 ? server.address : server.address6
  const nat = methods.filter(({ fwd }) => fwd === 'nat')
  return [
    { what: 'server', host: server.namespace, device: 'r0', address, methods },
    { what: 'client', host: lab.client, device: 'c0', address: CLIENTS[family], methods: nat },
  ]
}

/** A request while it is gone, a few when it is back. */
async function goAndComeBack(t: ExecutionContext, lab: Lab, way: Way): Promise<void> {
  tune(lab, { solicitations: 1, everyMs: 100 })
  mute(way.host, 'eth0')
  await forget(lab, way)
  const gone = way.methods.map(method => lab.send({ ...load(method, 'http'), count: 1 }))
  await waitFor(`the ${way.what} to be gone`, () => stateOf(lab, way).includes('FAILED'))
  if (way.what === 'server')
    for (const [n, { finished }] of gone.entries()) {
      const { lost, reasons } = await finished
      t.is(lost, 1, way.methods[n]?.name)
      t.regex(reasons.join(), /EHOSTUNREACH/, way.methods[n]?.name)
    }
  unmute(way.host, 'eth0')
  // Nobody can tell a client that it is gone itself: its server sends again.
  if (way.what === 'client')
    for (const { finished } of gone) t.deepEqual((await finished).reasons, [])
  await waitFor('it to be found', async () =>
    (await lab.show()).every(({ dests }) => dests.every(dest => dest.nextHop === 'resolved')),
  )
  for (const method of way.methods)
    isAnswered(t, await lab.send(load(method, 'http')).finished, `${way.what}, ${method.name}`)
}

/** Its address becomes one behind a router, which is the host itself. Returns the router's. */
function putBehindRouter(lab: Lab, { family, routers }: Family, way: Way): string {
  const [router, prefix] = [routers[way.what], family === 4 ? 32 : 128]
  const nodad = family === 6 ? ['nodad'] : []
  way.host.run(['ip', 'address', 'add', `${router}/${prefix}`, 'dev', 'eth0', ...nodad])
  lab.director.run(['ip', 'route', 'add', `${way.address}/${prefix}`, 'via', router])
  return router
}

/** How often and how fast the director's kernel asks for a neighbour before it gives up. */
function tune(lab: Lab, { solicitations, everyMs }: Record<string, number>): void {
  const settings = ['ipv4', 'ipv6'].flatMap(family =>
    ['c0', 'r0'].flatMap(device => [
      `net.${family}.neigh.${device}.mcast_solicit=${solicitations}`,
      `net.${family}.neigh.${device}.retrans_time_ms=${everyMs}`,
    ]),
  )
  lab.director.run(['sysctl', '-q', '-w', ...settings])
}

/** Makes the director forget a neighbour; it may ask for it again at once. */
async function forget(lab: Lab, way: Way): Promise<void> {
  const known = () => /lladdr/.test(stateOf(lab, way))
  if (known()) lab.director.run(['ip', 'neigh', 'del', way.address, 'dev', way.device])
  await waitFor(`the ${way.what} to be forgotten`, () => !known())
}

function stateOf(lab: Lab, { address, device }: Way): string {
  return lab.director.run(['ip', 'neigh', 'show', address, 'dev', device])
}

function neighbours(lab: Lab, { family }: Family, device: string): string {
  return lab.director.run(['ip', `-${family}`, 'neigh', 'show', 'dev', device])
}

/** Packets given to the companion so far. */
async function resolving(lab: Lab): Promise<number> {
  const { reasons } = JSON.parse(await lab.xlvs('stats', '--json')) as {
    reasons: { reason: string; packets: number }[]
  }
  return reasons.find(({ reason }) => reason === 'resolving')?.packets ?? 0
}

function load({ vip }: Method, kind: Kind): Load {
  const { port } = SERVICES[kind]
  const sort = kind === 'udp' ? 'udp' : 'short'
  return { kind: sort, address: vip, port, count: WAITING, parallel: WAITING }
}

function isAnswered(
  t: ExecutionContext,
  { answers, reasons }: { answers: Record<string, number>; reasons: string[] },
  message: string,
): void {
  t.deepEqual({ answers, reasons }, { answers: { server1: WAITING }, reasons: [] }, message)
}
