/**
 * What happens in the demo, act after act, while requests go on. Read next: main.ts (who has it
 * told), report.ts (who judges it).
 */
import { writeFileSync } from 'node:fs'
import { release } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import type { StatsView } from '../../control/daemon/contract.ts'
import { type ConnView, destName, serviceName } from '../../control/model/service.ts'
import { destOf, type Lab } from '../support/lab.ts'
import { CLIENTS, type LabServer } from '../support/lab_network.ts'
import { waitFor } from '../support/namespace.ts'
import type { Progress, Running } from '../support/traffic.ts'
import { PATIENCE_MS, type Requests, sum } from './requests.ts'
import { configuration, familiesOf, type Offer, OFFERS, serviceOf } from './plan.ts'
import type { Observed, Way } from './report.ts'

/** Requests of each service before anything happens; a multiple of the servers. */
const FIRST = 120
/** More than a load does while the demo lasts; ports are reserved for as many. */
export const MOST = 4000
/** Kept-alive connections of each HTTP service. */
const KEPT = 3
/** Requests that show that packets go on. */
const ENOUGH = 600
/** make demo builds it: the same program from another compiler setting. */
const UPGRADE = fileURLToPath(new URL('../../build/test/upgrade', import.meta.url))

export interface Stage {
  lab: Lab
  requests: Requests
  /** Says a sentence, at once. */
  say: (sentence: string) => void
}

export interface Director extends Stage {
  /** Writes lvs.yaml and applies it; what xlvs said, its last line. */
  apply: (quiesced?: LabServer) => Promise<string>
}

/** The whole story; `requests` is empty when it begins. */
export async function play(stage: Stage): Promise<Observed> {
  const { lab, requests, say } = stage
  const started = performance.now()
  const director = { ...stage, apply: applierOf(lab) }
  await Promise.all([lab.startDaemon(), lab.decapsulate()])
  say('xlvsd runs in the director, xlvs decap on each server.')
  say(`$ xlvs apply lvs.yaml\n${await director.apply()}`)
  const shorts = OFFERS.map(offer => send(lab, offer, 4))
  requests.add(shorts)

  say(`Requests go to ${OFFERS.length} services.`)
  const first = await requests.burst(FIRST)
  const server = await serverAct(director)
  const keepers = OFFERS.filter(({ kind }) => kind === 'http')
  const kepts = keepers.map(offer => send(lab, offer, KEPT, 'kept'))
  requests.add(kepts)
  const forgotten = await forgetAct(director)
  const upgrade = await upgradeAct(director)

  const ended = await Promise.all(requests.loads.map(load => load.stop()))
  const keptEnded = ended.slice(shorts.length)
  const ways = await waysOf(lab, ended, new Map(keepers.map((offer, i) => [offer, keptEnded[i]])))
  return {
    seconds: (performance.now() - started) / 1000,
    kernel: release(),
    attached: await lab.interfaces(),
    servers: lab.servers.map(({ name }) => name),
    sent: sum(ended.map(({ done }) => done)),
    lost: sum(ended.map(({ lost }) => lost)),
    lostBecause: ended.flatMap(({ reasons }) => reasons),
    ways,
    first,
    server,
    forgotten,
    upgrade,
    kept: {
      conns: KEPT * kepts.length,
      requests: sum(keptEnded.map(({ done }) => done)),
      mixed: sum(keptEnded.map(({ mixed }) => mixed)),
    },
  }
}

function applierOf(lab: Lab): Director['apply'] {
  const file = join(dirname(lab.places.socket), 'lvs.yaml')
  return async quiesced => {
    writeFileSync(file, configuration(lab.servers, quiesced))
    const said = await lab.xlvs('apply', file)
    return (said.trimEnd().split('\n').at(-1) ?? '').replace(file, 'lvs.yaml')
  }
}

function send(lab: Lab, offer: Offer, parallel: number, kind?: 'kept'): Running {
  const { address, port } = serviceOf(offer)
  const usual = offer.kind === 'udp' ? 'udp' : 'short'
  return lab.send({ kind: kind ?? usual, address, port, count: MOST, parallel, hold: 0 })
}

/** A server is quiesced, dies, comes back. */
async function serverAct({ lab, requests, say, apply }: Director): Promise<Observed['server']> {
  const server = lab.servers.at(-1)
  if (!server) throw new Error('the lab has no server')
  const { name } = server
  const answersOf = (load: Running) => load.progress.answers[name] ?? 0
  const quiesced = await requests.during(async () => {
    say(`${name} is to go; nobody checks its health yet, so it is quiesced first: weight 0.`)
    say(`$ xlvs apply lvs.yaml\n${await apply(server)}`)
  })
  const established = (await lab.conns()).filter(conn => isAlive(conn, server)).length
  const dead = await requests.during(async () => {
    await requests.more(ENOUGH / 2)
    await lab.killServer(server)
    say(`${name} is dead: its program killed, its cable pulled.`)
    await requests.more(ENOUGH)
  })
  const back = await requests.during(async () => {
    await lab.reviveServer(server)
    say(`${name} is back: weight 1.`)
    say(`$ xlvs apply lvs.yaml\n${await apply()}`)
    const before = new Map(requests.loads.map(load => [load, answersOf(load)]))
    const all = () => requests.loads.every(load => answersOf(load) > (before.get(load) ?? 0))
    await waitFor(`${name} to answer for each service`, all, PATIENCE_MS)
  })
  return { name, quiesced, established, dead, back }
}

function isAlive({ state, dest }: ConnView, { address, address6 }: LabServer): boolean {
  return state === 'ESTABLISHED' && [address, address6].includes(dest.address)
}

/** The director forgets the MAC addresses of a server and of the client. */
async function forgetAct({ lab, requests, say }: Director): Promise<Observed['forgotten']> {
  const [server] = lab.servers
  if (!server) throw new Error('the lab has no server')
  const neighbours = [
    ...[server.address, server.address6].map(address => ({ address, device: 'r0' })),
    ...Object.values(CLIENTS).map(address => ({ address, device: 'c0' })),
  ]
  const known = () => neighbours.filter(({ address }) => isKnown(lab, address)).length
  const before = await resolvingOf(lab)
  const forgotten: string[] = []
  const stretch = await requests.during(async () => {
    await requests.more(ENOUGH / 2)
    for (const { address, device } of neighbours) {
      lab.director.run(['ip', 'neigh', 'del', address, 'dev', device])
      forgotten.push(address)
    }
    say(`Neighbours are forgotten: ip neigh del ${forgotten.join(', ')}.`)
    await requests.more(ENOUGH)
  })
  const packets = (await resolvingOf(lab)) - before
  return { stretch, neighbours: forgotten.length, known: known(), packets }
}

/** Whether the director has its MAC address. */
function isKnown(lab: Lab, address: string): boolean {
  return lab.director.run(['ip', 'neigh', 'show', 'to', address]).includes(' lladdr ')
}

/** Packets that were handed to the kernel because a MAC address was not known. */
async function resolvingOf(lab: Lab): Promise<number> {
  const { reasons } = JSON.parse(await lab.xlvs('stats', '--json')) as Pick<StatsView, 'reasons'>
  return reasons.find(({ reason }) => reason === 'resolving')?.packets ?? 0
}

/** xlvsd dies; the next one brings another build of the program. */
async function upgradeAct({ lab, requests, say }: Director): Promise<Observed['upgrade']> {
  const tagsBefore = tagsOf(lab)
  const beforeKill = new Set<string>()
  const at = { kill: 0, restart: 0, answering: 0, end: 0 }
  let killedBy = ''
  const stretch = await requests.during(async () => {
    await requests.more(ENOUGH)
    for (const conn of await lab.conns()) beforeKill.add(connName(conn))
    at.kill = requests.done()
    killedBy = await lab.stopDaemon('SIGKILL')
    say(`xlvsd has ended by ${killedBy}.`)
    await requests.more(ENOUGH)
    at.restart = requests.done()
    say('xlvsd is started again, with another build of the XDP program.')
    await lab.startDaemon(UPGRADE)
    at.answering = requests.done()
    await requests.more(ENOUGH)
  })
  at.end = requests.done()
  const names = new Set((await lab.conns()).map(connName))
  return {
    stretch,
    killedBy,
    at,
    tags: { before: tagsBefore, after: tagsOf(lab) },
    conns: {
      before: beforeKill.size,
      kept: [...beforeKill].filter(name => names.has(name)).length,
    },
  }
}

interface Link {
  xdp?: { prog?: { tag?: string } }
}

/** Tags of the programs that run on the director's interfaces, as the kernel has them. */
function tagsOf(lab: Lab): string[] {
  return ['c0', 'r0'].map(name => {
    const shown = lab.director.run(['ip', '-j', 'link', 'show', 'dev', name])
    const [link] = JSON.parse(shown) as Link[]
    return link?.xdp?.prog?.tag ?? 'none'
  })
}

function connName({ protocol, client, virtual, dest }: ConnView): string {
  return [protocol, destName(client), destName(virtual), destName(dest)].join(' ')
}

async function waysOf(
  lab: Lab,
  ended: Progress[],
  kept: Map<Offer, Progress | undefined>,
): Promise<Way[]> {
  const services = new Map((await lab.show()).map(service => [serviceName(service), service]))
  return OFFERS.map((offer, i) => {
    const service = serviceName(serviceOf(offer))
    const dests = services.get(service)?.dests ?? []
    const stays = kept.get(offer)
    const countedOf = (server: LabServer) => {
      const name = destName(destOf(offer.method, offer.kind, server))
      return dests.find(dest => destName(dest) === name)?.traffic.conns ?? 0
    }
    return {
      service,
      fwd: offer.method.fwd,
      families: familiesOf(offer),
      answered: lab.servers.map(({ name }) => ended[i]?.answers[name] ?? 0),
      kept: stays ? KEPT : 0,
      lost: (ended[i]?.lost ?? 0) + (stays?.lost ?? 0),
      counted: lab.servers.map(countedOf),
    }
  })
}
