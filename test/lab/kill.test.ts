/**
 * xlvsd killed at random instants while clients change services as fast as they can, and while it
 * starts: intent and tables then hold all that was answered and at most each client's one change
 * under way, and traffic of other services never notices. XLVS_SEED repeats a run's choices.
 * Read next: ../support/crash_model.ts, ../sim/crash.test.ts (the same on a disk in memory).
 */
import type { ExecutionContext } from 'ava'
import { connectDirector } from '../../control/daemon/client.ts'
import type { Kernel } from '../../control/dataplane/kernel.ts'
import { pinnedConfig, pinnedSizes, readPins } from '../../control/dataplane/pins.ts'
import { Tables } from '../../control/dataplane/tables.ts'
import { XlvsError } from '../../control/errors.ts'
import { portOfService, serviceName, type ServiceView } from '../../control/model/service.ts'
import { modelText, randomOp, viewText, type Model } from '../support/crash_model.ts'
import { balance, directorFor, METHODS, SERVICES, type Lab } from '../support/lab.ts'
import { waitFor } from '../support/namespace.ts'
import { privileged } from '../support/privileged.ts'
import { freshSeed, randomFrom, type Random } from '../support/random.ts'

const KILLS = 4
/** Answers before a kill, at most; it comes with one of them, amid the other clients' changes. */
const CHANGES = 1000
/** Lines that a start logs before it listens: one of them, and then the kill. */
const START_LINES = 2
/** Requests on connections that stay, between two kills. */
const ASKED = 30
/** Each client changes services at ports of its own. */
const CLIENT_PORTS = [
  [1001, 1002, 1003],
  [2001, 2002, 2003],
  [3001, 3002, 3003],
]

interface Client {
  ports: number[]
  /** All that was answered. */
  model: Model
  answered: number
  /** With the change that nobody answered; the same when the kill met none. */
  perhaps: Model
}

privileged('kill: xlvsd at random instants under changes, what was answered is there', async t => {
  const seed = freshSeed()
  const random = randomFrom(seed)
  const lab = await directorFor(t)
  for (const method of METHODS) await balance(lab, method, 'http')
  const kept = { kind: 'kept', port: SERVICES.http.port, parallel: 3, hold: ASKED } as const
  const count = (KILLS + 1) * ASKED
  const loads = METHODS.map(({ vip }) => lab.send({ ...kept, address: vip, count }))
  await Promise.all(loads.map(load => load.more(ASKED)))
  const clients: Client[] = CLIENT_PORTS.map(ports => {
    return { ports, model: new Map(), answered: 0, perhaps: new Map() }
  })

  for (let kill = 0; kill < KILLS; kill++) {
    let answers = 1 + random(CHANGES)
    const answered = (): void => {
      if (--answers === 0) void lab.stopDaemon('SIGKILL')
    }
    await Promise.all(clients.map(c => changeUntilKilled(lab, c, random, answered)))
    await lab.stopDaemon('SIGKILL')
    if (kill === 1) await killStarting(lab, random)
    await lab.startDaemon()
    for (const load of loads) load.allow((kill + 2) * ASKED)
    await compare(t, lab, clients, `XLVS_SEED=${seed}, kill ${kill}`)
  }

  const answered = clients.map(client => client.answered)
  t.log(`XLVS_SEED=${seed}: ${answered.join(', ')} changes answered, ${KILLS} kills`)
  t.true(Math.min(...answered) > KILLS)
  for (const load of await Promise.all(loads.map(({ finished }) => finished)))
    t.deepEqual([load.done, load.reasons, load.mixed], [count, [], 0])
})

/** Asks for one change after the other until nobody answers. */
async function changeUntilKilled(
  lab: Lab,
  client: Client,
  random: Random,
  answered: () => void,
): Promise<void> {
  const lvs = connectDirector(lab.places.socket)
  for (;;) {
    const op = randomOp(random, client.ports)
    const after = op.apply(client.model)
    client.perhaps = typeof after === 'string' ? client.model : after
    const refusal = await op.ask(lvs).then(
      () => undefined,
      (error: unknown) => error as Error,
    )
    const code = refusal instanceof XlvsError ? refusal.code : refusal
    if (code === 'SOCKET_REFUSED') break
    if (code !== (typeof after === 'string' ? after : undefined))
      throw new Error(`${op.say}: ${String(refusal)}`)
    client.model = client.perhaps
    client.answered++
    answered()
  }
  lvs.close()
}

async function killStarting(lab: Lab, random: Random): Promise<void> {
  const lines = (): number => lab.log().split('\n').length
  const enough = lines() + 1 + random(START_LINES)
  const started = lab.startDaemon().catch(() => undefined)
  await waitFor('xlvsd to begin', () => lines() >= enough)
  await lab.stopDaemon('SIGKILL')
  await started
}

/** What xlvsd says is what was answered, and the pinned tables agree. */
async function compare(
  t: ExecutionContext,
  lab: Lab,
  clients: Client[],
  where: string,
): Promise<void> {
  const services = await lab.show()
  for (const client of clients) {
    const text = viewText(services.filter(service => client.ports.includes(portOfService(service))))
    const found = [client.model, client.perhaps].find(model => modelText(model) === text)
    if (!found) t.is(text, modelText(client.model), where)
    client.model = found ?? client.model
  }
  t.deepEqual(pinned(lab), services.map(linesOf).sort(), where)
}

function linesOf(service: ServiceView): string {
  const dests = service.dests.map(({ address, port }) => `${address}:${port}`)
  return [serviceName(service), ...dests.sort()].join(' ')
}

/** The same from the pinned maps. */
function pinned({ places: { bpffs } }: Lab): string[] {
  const maps = readPins(bpffs)
  if (!maps) throw new Error(`nothing is pinned at ${bpffs}`)
  const config = pinnedConfig(maps, bpffs)
  const sizes = pinnedSizes(maps, config)
  const clock = { clock: () => 0, ticksPerSecond: config.second }
  const kernel: Partial<Kernel> = { config, sizes, adopted: true, ...clock }
  const tables = new Tables({ ...kernel, maps: Object.fromEntries(maps) as unknown } as Kernel)
  return tables
    .serviceNames()
    .map(name => [name, ...tables.destNames(name).sort()].join(' '))
    .sort()
}
