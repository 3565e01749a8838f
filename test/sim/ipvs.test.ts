/**
 * A long random life: packets of a few clients both ways, dests that come, go and change weight,
 * time and sweeps; after every step the director and the model of ipvs.ts must agree. The log has
 * the seed; XLVS_SEED repeats one.
 */
import test from 'ava'
import { macOf, tcp, udp } from '../support/frames.ts'
import { director, type PacketDirector, type Received } from '../support/director.ts'
import { freshSeed, oneOf, randomFrom, type Random } from '../support/random.ts'
import { Ipvs, STATE_NAME, type ModelDest, type ModelService } from './ipvs.ts'

const STEPS = 2000
const CLIENTS = 6
/** Whole ticks at every HZ, and no timeout of IPVS ends just before a multiple of it. */
const STEP_S = 8
const ADDRESSES = [2, 3, 4, 5]
const FLAGS = ['S', 'A', 'A', 'PA', 'FA', 'FA', 'R', 'RA', 'SA', 'SR', 'F', 'P']
const TEXT = `
  tcp 192.0.2.1:80 rr
  udp 192.0.2.1:81 rr
  tcp 192.0.2.1:82 rr`

interface World {
  lvs: PacketDirector
  ipvs: Ipvs
  services: ModelService[]
  random: Random
}

function services(): ModelService[] {
  const one = (port: number, protocol: 'tcp' | 'udp', fwd: 'nat' | 'dr'): ModelService => ({
    ...{ protocol, port, fwd, list: [], last: undefined },
    known: new Map<string, ModelDest>(),
  })
  return [one(80, 'tcp', 'nat'), one(81, 'udp', 'nat'), one(82, 'tcp', 'dr')]
}

/** Dests of each service have addresses of their own: no reply key is wanted twice. */
function addressOf(service: ModelService, last: number): string {
  return `10.0.0.${10 * (service.port - 79) + last}`
}

/** What the frame says of itself: reason, and for a request the dest it goes to. */
function told({ reason, frame }: Received, dests: Iterable<ModelDest>): string {
  if (reason !== 'nat request' && reason !== 'direct') return reason
  const dmac = Buffer.from(frame.subarray(0, 6))
    .toString('hex')
    .replace(/..(?=.)/g, '$&:')
  const dest = [...dests].find(d => macOf(d.address) === dmac)
  return `${reason} ${dest?.address ?? dmac}`
}

/** A packet of a client, in both; what each says. */
function request({ lvs, ipvs, random }: World, service: ModelService): [string, string, string] {
  const cport = 5000 + random(CLIENTS)
  const flags = service.protocol === 'udp' ? '' : oneOf(random, FLAGS)
  const path = `198.51.100.7:${cport} > 192.0.2.1:${service.port}`
  const frame = service.protocol === 'udp' ? udp(path) : tcp(path, flags)
  const expected = ipvs.request(service, cport, flags)
  return [`${path} ${flags}`, told(lvs.run(frame), service.known.values()), expected]
}

/** A packet of a NAT dest, in both. */
function reply({ lvs, ipvs, random }: World, service: ModelService): [string, string, string] {
  const cport = 5000 + random(CLIENTS)
  if (service.known.size === 0 || service.fwd !== 'nat') return ['', '', '']
  const dest = oneOf(random, [...service.known.values()])
  const flags = service.protocol === 'udp' ? '' : oneOf(random, FLAGS)
  const path = `${dest.address}:${service.port} > 198.51.100.7:${cport}`
  const frame = service.protocol === 'udp' ? udp(path) : tcp(path, flags)
  const { reason } = lvs.run(frame)
  const isForeign = reason === 'no connection' || reason === 'no service'
  const expected = ipvs.reply(service, dest, cport, flags) ?? (isForeign ? reason : 'not ours')
  return [`${path} ${flags}`, reason, expected]
}

/** A dest added, removed, or given another weight, in both. */
function edit({ lvs, ipvs, random }: World, service: ModelService): string {
  const address = addressOf(service, oneOf(random, ADDRESSES))
  const weight = random(3)
  const dest = service.list.find(d => d.address === address)
  if (!dest) ipvs.addDest(service, address, weight)
  else if (random(2)) ipvs.removeDest(service, dest)
  else dest.weight = weight
  const intent = lvs.intents.find(i => i.service.port === service.port)
  if (intent)
    intent.dests = service.list.map(d => ({
      ...{ address: d.address, port: service.port, fwd: service.fwd, weight: d.weight },
    }))
  lvs.publish()
  return `${dest ? 'edit' : 'add'} ${address} weight ${weight}`
}

function pass({ lvs, ipvs, random }: World): string {
  const seconds = STEP_S * (1 + random(random(4) ? 2 : 60))
  ipvs.now += seconds
  lvs.advance(seconds)
  lvs.sweep()
  ipvs.sweep()
  return `${seconds} s later`
}

/** Connections and counts as text, as each sees them. */
function connsOf({ lvs, ipvs, services }: World): [string[], string[]] {
  const is = lvs.conns().map(c => `${c.client.port} ${c.virtual.port} ${c.dest.address} ${c.state}`)
  const wanted = ipvs.alive().map(c => {
    return `${c.cport} ${c.service.port} ${c.dest.address} ${STATE_NAME[c.state]}`
  })
  for (const { list } of services)
    for (const d of list) {
      const { active, inactive } = lvs.counts(d.address)
      is.push(`${d.address} ${active} ${inactive}`)
      wanted.push(`${d.address} ${d.active} ${d.inactive}`)
    }
  return [is.sort(), wanted.sort()]
}

function step(world: World): [what: string, is: string, wanted: string] {
  const { random, services } = world
  const service = oneOf(random, services)
  const dice = random(100)
  if (dice < 6) return [pass(world), '', '']
  if (dice < 14) return [edit(world, service), '', '']
  return dice < 65 ? request(world, service) : reply(world, service)
}

test('sim: a long random life, the director and the model agree after every step', async t => {
  const seed = freshSeed()
  t.log(`seed ${seed}`)
  const lvs = await director(t, TEXT)
  const world: World = { lvs, ipvs: new Ipvs(), services: services(), random: randomFrom(seed) }
  lvs.setNetwork(facts => {
    const [like] = facts.neighbours
    for (const service of world.services)
      for (const last of ADDRESSES)
        if (like) facts.neighbours.push({ ...like, ...neighbourOf(addressOf(service, last)) })
  })
  const story: string[] = []

  for (let i = 0; i < STEPS; i++) {
    const [what, is, wanted] = step(world)
    story.push(what)
    const [conns, modelled] = connsOf(world)
    if (is === wanted && conns.join() === modelled.join()) continue
    t.log(`XLVS_SEED=${seed}, step ${i}:`, ...story.slice(-20))
    t.is(is, wanted)
    t.deepEqual(conns, modelled)
    return
  }
  t.pass()
})

function neighbourOf(address: string): { address: string; mac: string } {
  return { address, mac: macOf(address) }
}
