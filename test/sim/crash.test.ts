/**
 * 10 000 random changes on a disk that may stop at any instant, by a kill or by loss of power, also
 * again while xlvsd starts: what starts next holds every change that was answered, none that was
 * refused, and at most the one under way besides; its tables agree, and after a kill its counters.
 * XLVS_SEED repeats a run. Read next: ../support/crash_model.ts, ../support/crash_life.ts.
 */
import test, { type ExecutionContext } from 'ava'
import { XlvsError } from '../../control/errors.ts'
import { noTraffic } from '../../control/plan/intent.ts'
import {
  begin,
  count,
  tablesText,
  viewOf,
  wantedTablesText,
  type Life,
  type Machine,
} from '../support/crash_life.ts'
import { modelText, randomOp, viewText, type Model, type Op } from '../support/crash_model.ts'
import { Disk } from '../support/disk.ts'
import { MemoryMaps } from '../support/memory_maps.ts'
import { freshSeed, oneOf, randomFrom, type Random } from '../support/random.ts'

const CHANGES = 10_000
/** One turn in so many: is looked at from every step of it, ends the process, has a bad disk. */
const LOOK = 25
const DIE = 100
const FAULT = 60
/** Steps that come with a snapshot, a start or a repair only: always looked at, so many times. */
const RARE_STEPS = ['open', 'rename', 'unlink', 'syncFolder', 'truncate', 'mkdir']
const RARE_LOOKS = 2
/** A life's changes at once, at most. */
const BURST = 4
const TEND = 30
/** Four of them are longer than a dest stays in the trash. */
const TEND_MS = 40_000
/** Steps after which a starting xlvsd may die again; a start has fewer. */
const START_STEPS = 8

/** What may be found after a stop, and what of it is right. */
interface Stop {
  how: 'kill' | 'power'
  before: string
  machine: Machine
  models: Model[]
  /** What an operator saw before, or would have seen after, the change under way. */
  views: string[]
}

interface World {
  t: ExecutionContext
  random: Random
  machine: Machine
  life: Life
  /** All that was answered. */
  model: Model
  /** Asked for and not answered. */
  pending: Op[]
  /** Refused by a disk that fails for longer, maybe at taking it back too: one may be there. */
  leftovers: Op[]
  lastsFault: boolean
  /** Resolves when the disk has stopped. */
  stopped: Promise<'stopped'>
  nowMs: number
  answered: number
  stops: Stop[]
  figures: { stops: number; deaths: number; refused: number }
}

test('crash: 10 000 changes, at whatever instant it stops, what was answered is there', async t => {
  const seed = freshSeed()
  t.log(`XLVS_SEED=${seed}`)
  const random = randomFrom(seed)
  const world = {
    t,
    random,
    model: new Map(),
    pending: [],
    leftovers: [],
    nowMs: 0,
    answered: 0,
    stops: [],
  }
  const w = { ...world, figures: { stops: 0, deaths: 0, refused: 0 } } as unknown as World
  await live(w, { disk: new Disk(), maps: newMaps(random) })

  while (w.answered < CHANGES) await turn(w)

  t.log(`${w.answered} answered`, w.figures)
  t.true(w.figures.stops > CHANGES / 10 && w.figures.deaths > CHANGES / DIE / 4)
})

async function live(w: World, machine: Machine): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<'stopped'>()
  w.machine = machine
  w.stopped = promise
  w.life = await begin(machine, () => w.nowMs)
  machine.disk.onCut = () => {
    resolve('stopped')
  }
}

/** Some changes at once, and what follows from them. */
async function turn(w: World): Promise<void> {
  const { random } = w
  if (random(4) === 0) count(w.machine, w.life, random)
  const tends = random(TEND) === 0
  const isAlone = random(5) > 0
  const looks = random(LOOK) === 0
  const isFaulty = breakDisk(w)
  const isPlain = isAlone && !isFaulty && w.leftovers.length === 0
  const before = isPlain && looks ? viewOf(w.life) : undefined
  watch(w, looks)
  if (random(DIE) === 0) w.machine.disk.cutAt = w.machine.disk.steps + random(6)
  const changes = isAlone ? Number(!tends) : 1 + random(BURST)
  const ops = Array.from({ length: changes }, () => randomOp(random))
  w.pending = [...ops]
  const asked: Promise<unknown>[] = []
  for (const op of ops) asked.push(ask(w, op, asked.at(-1)))
  if (tends) asked.push(tend(w))
  const end = await Promise.race([Promise.all(asked), w.stopped])
  w.machine.disk.fault = () => undefined
  if (before !== undefined && end !== 'stopped')
    for (const stop of w.stops) stop.views.push(before, viewOf(w.life))
  if (isFaulty && end !== 'stopped') checkLife(w, 'after a refusal')
  for (const stop of w.stops.splice(0)) await recovered(w, stop)
  if (end === 'stopped') await dieAndLive(w)
}

/** Asks for a change and holds the answer against the model, once those before it were held. */
async function ask(w: World, op: Op, before?: Promise<unknown>): Promise<void> {
  const refusal = await op.ask(w.life.lvs).then(
    () => undefined,
    (error: unknown) => error as Error,
  )
  await before
  const after = op.apply(w.model)
  w.pending.shift()
  if (refusal === undefined) {
    if (typeof after === 'string') throw new Error(`${op.say}: done, expected ${after}`)
    w.model = after
    w.leftovers = []
    w.answered++
    return
  }
  const code = refusal instanceof XlvsError ? refusal.code : String(refusal)
  if (code === 'JOURNAL_WRITE') {
    w.figures.refused++
    if (w.lastsFault) w.leftovers.push(op)
  } else if (code !== after) throw new Error(`${op.say}: ${String(refusal)}`)
}

async function tend(w: World): Promise<void> {
  w.nowMs += TEND_MS
  await w.life.lvs.tend().catch((error: unknown) => {
    if (!(error instanceof XlvsError) || error.code !== 'JOURNAL_WRITE') throw error
  })
}

/** Now and then a call fails, or from one on all do. */
function breakDisk(w: World): boolean {
  const { random, machine } = w
  w.lastsFault = random(3) === 0
  if (random(FAULT) > 0) return false
  const code = oneOf(random, ['EIO', 'ENOSPC'])
  let calls = random(4)
  machine.disk.fault = () => {
    calls--
    return calls === -1 || (w.lastsFault && calls < 0) ? code : undefined
  }
  return true
}

/** Takes the disk and the maps as they are before each step. */
function watch(w: World, looks: boolean): void {
  w.machine.disk.onStep = call => {
    const isRare = RARE_STEPS.includes(call)
    if (!looks && !isRare) return
    for (let i = 0; i < (isRare ? RARE_LOOKS : 1); i++) w.stops.push(stopOf(w, call))
  }
}

function stopOf(w: World, before: string): Stop {
  const how = oneOf(w.random, ['kill', 'power'] as const)
  const leftovers = w.leftovers.map((_, i) => w.leftovers.slice(i))
  const models = [w.pending, ...leftovers].flatMap(ops => afterEach(w.model, ops))
  return { how, before, machine: leftBy(w, w.machine, how), models, views: [] }
}

/** What is there before and after each of some changes; those asked together stay together. */
function afterEach(model: Model, ops: readonly Op[]): Model[] {
  const models = [model]
  for (const op of ops) {
    const after = op.apply(models.at(-1) ?? model)
    if (typeof after !== 'string') models.push(after)
  }
  return models
}

function leftBy({ random }: World, { disk, maps }: Machine, how: Stop['how']): Machine {
  const share = (): number => random(2 ** 30) / 2 ** 30
  return how === 'kill'
    ? { disk: disk.afterKill(share), maps: maps.copy() }
    : { disk: disk.afterCut(share), maps: newMaps(random) }
}

function newMaps(random: Random): MemoryMaps {
  return new MemoryMaps([random(2 ** 30), random(2 ** 30)])
}

async function dieAndLive(w: World): Promise<void> {
  w.figures.deaths++
  const { machine, model } = await recovered(w, stopOf(w, 'death'))
  w.model = model
  w.leftovers = []
  await live(w, machine)
}

/** Starts xlvsd on what a stop has left, maybe more than once, and checks what it makes of it. */
async function recovered(w: World, stop: Stop): Promise<{ machine: Machine; model: Model }> {
  w.figures.stops++
  let { machine } = stop
  let { how } = stop
  while (w.random(3) === 0) {
    const stopped = new Promise<void>(resolve => (machine.disk.onCut = resolve))
    machine.disk.cutAt = machine.disk.steps + w.random(START_STEPS)
    const started = begin(machine, () => w.nowMs)
    await Promise.race([started, stopped])
    const again = oneOf(w.random, ['kill', 'power'] as const)
    if (again === 'power') how = again
    machine = leftBy(w, machine, again)
  }
  const life = await begin(machine, () => w.nowMs)
  const text = viewText(life.lvs.services())
  const model = stop.models.find(m => modelText(m) === text)
  const where = `${how} before ${stop.before}, ${w.answered} answered`
  if (!model) w.t.is(text, modelText(w.model), where)
  if (how === 'kill' && stop.views.length > 0)
    w.t.true(stop.views.includes(viewOf(life)), `${where}: counters have changed`)
  if (how === 'power') w.t.deepEqual(life.lvs.stats().total, noTraffic())
  if (w.random(3) === 0) await checkAgain(w, { machine, life }, where)
  return { machine, model: model ?? w.model }
}

/**
 * The tables hold what the director says, and starting once more writes nothing; a retirement that
 * was the last change may have a second dest of that name to end, one that was never answered.
 */
async function checkAgain(
  w: World,
  { machine, life }: { machine: Machine; life: Life },
  where: string,
): Promise<void> {
  const copy = leftBy(w, machine, 'kill')
  if (lastLine(copy.disk).includes('"retire"')) await begin(copy, () => w.nowMs)
  const before = copy.maps.text()
  const again = await begin(copy, () => w.nowMs)
  w.t.is(tablesText(again), wantedTablesText(life), where)
  w.t.is(viewOf(again), viewOf(life), where)
  if (copy.maps.text() !== before) w.t.fail(`${where}: a second start wrote something`)
}

function lastLine(disk: Disk): string {
  const [, text = ''] = Object.entries(disk.files()).find(([name]) => /^journal/.test(name)) ?? []
  return text.trim().split('\n').at(-1) ?? ''
}

function checkLife({ t, life, model, answered }: World, where: string): void {
  t.is(viewText(life.lvs.services()), modelText(model), `${where}, ${answered} answered`)
  t.is(tablesText(life), wantedTablesText(life), where)
}
