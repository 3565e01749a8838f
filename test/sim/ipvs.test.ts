/**
 * Long random lives in both families: frames whole and broken, both ways, time, sweeps, and what
 * operators change; after every step the program and the model of ipvs.ts must agree. XLVS_STEPS
 * says how many steps, XLVS_SEED repeats a run; a life that differs is told by a short story.
 * Read next: ipvs.ts, generator.ts.
 */
import test from 'ava'
import { freshSeed, randomFrom } from '../support/random.ts'
import { faultText, live, shortened } from './life.ts'
import { RULES } from './rules.ts'

const STEPS = Number(process.env['XLVS_STEPS'] ?? 1_000_000)
/**
 * Steps of a life: what it starts with is drawn anew. Not too many lives: each maps the tables some
 * 150 times, and a process may have 65 530 mappings.
 */
const LIFE = Math.max(20_000, Math.ceil(STEPS / 200))
/** Of each life, so that lives of neighbouring seeds are not the same ones. */
const STRIDE = 0x9e3779b1
/** Reasons that any long run meets; a generator that met fewer would show less. */
const MET = [
  ...['not ip', 'foreign mac', 'malformed', 'bad checksum', 'fragment', 'other protocol'],
  ...['truncated', 'no service', 'no connection', 'ftp data', 'vip not local', 'martian'],
  ...['nat request', 'nat reply', 'direct', 'tunnel', 'icmp request', 'icmp reply', 'resolving'],
  ...['ttl expired', 'too big', 'no dest', 'dest gone', 'no route', 'needs fragmenting'],
  ...['bad icmp', 'cut short'],
]

test('sim: random lives, the program and the model agree after every step', async t => {
  t.timeout(3_600_000)
  const seed = freshSeed()
  t.log(`XLVS_SEED=${seed} XLVS_STEPS=${STEPS}`)
  const random = randomFrom(seed)
  const key = Array.from({ length: 16 }, () => (random(2 ** 31) * 2 + 1) >>> 0)
  const met = new Map<string, number>()
  const began = performance.now()

  for (let life = 0, done = 0; done < STEPS; life++) {
    const options = { rules: RULES, key }
    const seedOfLife = (seed + Math.imul(life, STRIDE)) >>> 0
    const { steps, reasons, fault } = await live(seedOfLife, Math.min(LIFE, STEPS - done), options)
    done += steps
    for (const [reason, packets] of reasons) met.set(reason, (met.get(reason) ?? 0) + packets)
    if (!fault) continue
    t.log(`XLVS_SEED=${seed}: life ${life} of seed ${seedOfLife} differs at step ${steps}`)
    t.fail(faultText(await shortened(fault, options)))
    return
  }

  t.log(`${Math.round(performance.now() - began)} ms`, Object.fromEntries(met))
  t.deepEqual(
    MET.filter(reason => !met.has(reason)),
    [],
  )
})
