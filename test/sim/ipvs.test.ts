/**
 * A long random life in both families: packets of a few clients both ways and ICMP errors about
 * them, dests that come, go and change weight, time and sweeps; after every step the director and
 * the model of ipvs.ts must agree. The log has the seed; XLVS_SEED repeats one.
 */
import test from 'ava'
import { serviceName } from '../../control/model/service.ts'
import { director, type PacketDirector, type Received } from '../support/director.ts'
import { FAMILIES, IPV4, IPV6, type Family } from '../support/families.ts'
import { at, icmpError, macOf, tcp, udp } from '../support/frames.ts'
import { freshSeed, oneOf, randomFrom, type Random } from '../support/random.ts'
import { Ipvs, STATE_NAME, type ModelDest, type ModelService } from './ipvs.ts'

const STEPS = 4000
const CLIENTS = 4
/** Whole ticks at every HZ, and no timeout of IPVS ends just before a multiple of it. */
const STEP_S = 8
const ADDRESSES = [2, 3, 4, 5]
const FLAGS = ['S', 'A', 'A', 'PA', 'FA', 'FA', 'R', 'RA', 'SA', 'SR', 'F', 'P']
/** Each family's services: a port, its protocol and how it forwards. */
const SERVICES = [
  [80, 'tcp', 'nat'],
  [81, 'udp', 'nat'],
  [82, 'tcp', 'dr'],
  [83, 'tcp', 'tun'],
] as const
const TEXT = FAMILIES.flatMap(f =>
  SERVICES.map(([port, protocol]) => `${protocol} ${at(f.vip, port)} rr\n`),
).join('')

interface World {
  lvs: PacketDirector
  ipvs: Ipvs
  services: ModelService[]
  random: Random
}

function services(): ModelService[] {
  return FAMILIES.flatMap(f =>
    SERVICES.map(([port, protocol, fwd]) => ({
      ...{ address: f.vip, protocol, port, fwd, list: [], last: undefined },
      known: new Map<string, ModelDest>(),
    })),
  )
}

function familyOf(service: ModelService): Family {
  return service.address === IPV4.vip ? IPV4 : IPV6
}

/**
 * Dests of each service have addresses of their own: no reply key is wanted twice. Half of those
 * reached by tunnel are of the other family.
 */
function addressOf(service: ModelService, last: number): string {
  const own = familyOf(service)
  const isOther = service.fwd === 'tun' && last % 2 === 1
  const f = isOther ? (own === IPV4 ? IPV6 : IPV4) : own
  return f.dest(10 * (service.port - 79) + (isOther ? 100 : 0) + last)
}

/** Where a client's packets go from and to. */
function pathOf(service: ModelService, cport: number): string {
  return `${at(familyOf(service).client, cport)} > ${at(service.address, service.port)}`
}

/** What the frame says of itself: reason, and for a request the dest it goes to. */
function told({ reason, frame }: Received, dests: Iterable<ModelDest>): string {
  if (!['nat request', 'direct', 'tunnel'].includes(reason)) return reason
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
  const path = pathOf(service, cport)
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
  const path = `${at(dest.address, service.port)} > ${at(familyOf(service).client, cport)}`
  const frame = service.protocol === 'udp' ? udp(path) : tcp(path, flags)
  const { reason } = lvs.run(frame)
  const isForeign = reason === 'no connection' || reason === 'no service'
  const expected = ipvs.reply(service, dest, cport, flags) ?? (isForeign ? reason : 'not ours')
  return [`${path} ${flags}`, reason, expected]
}

/** Another host's error about what a service sent to a client: it changes nothing. */
function error({ lvs, ipvs, random }: World, service: ModelService): [string, string, string] {
  const cport = 5000 + random(CLIENTS)
  const f = familyOf(service)
  const [client, virtual] = pathOf(service, cport).split(' > ')
  const about = `${virtual ?? ''} > ${client ?? ''}`
  const quoted = service.protocol === 'udp' ? udp(about) : tcp(about, 'A')
  const { reason } = lvs.run(icmpError(`${f.router} > ${f.vip}`, ...f.errors.noPort, quoted))
  const expected = ipvs.find(service, cport) ? 'icmp request' : 'no connection'
  return [`error ${about}`, reason, expected]
}

/** A dest added, removed, or given another weight, in both. */
function edit({ lvs, ipvs, random }: World, service: ModelService): string {
  const address = addressOf(service, oneOf(random, ADDRESSES))
  const weight = random(3)
  const dest = service.list.find(d => d.address === address)
  if (!dest) ipvs.addDest(service, address, weight)
  else if (random(2)) ipvs.removeDest(service, dest)
  else dest.weight = weight
  const intent = lvs.intents.find(({ service: s }) => serviceName(s) === serviceName(service))
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
  const is = lvs.conns().map(({ client, virtual, dest, state }) => {
    return `${client.port} ${virtual.address} ${virtual.port} ${dest.address} ${state}`
  })
  const wanted = ipvs.alive().map(({ cport, service, dest, state }) => {
    return `${cport} ${service.address} ${service.port} ${dest.address} ${STATE_NAME[state]}`
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
  if (dice < 20) return error(world, service)
  return dice < 68 ? request(world, service) : reply(world, service)
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
