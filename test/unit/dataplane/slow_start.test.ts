/** When a slow start begins, goes on and ends. */
import test from 'ava'
import {
  lastBegan,
  slowLeft,
  slowTick,
  type SlowStart,
} from '../../../control/dataplane/slow_start.ts'

const NOW = 5000
/** A dest of weight 1 in a living service, which has been there for long. */
const THERE: SlowStart = {
  ...{ was: { tick: 0, weight: 1 }, isThere: true, isLiving: true, weight: 1 },
  ...{ before: 100, after: 100, now: () => NOW },
}
const NEW = { isThere: false, was: { tick: 0, weight: 0 } }

const ROWS: [what: string, of: Partial<SlowStart>, tick: number][] = [
  ['there for long', {}, 0],
  ['new', NEW, NOW],
  ['new, of weight 0', { ...NEW, weight: 0 }, 0],
  ['new, without a slow start', { ...NEW, after: 0 }, 0],
  ['come with its service', { ...NEW, isLiving: false }, 0],
  ['back, and its drain is under way', { isThere: false, was: { tick: 4990, weight: 1 } }, NOW],
  [
    'back with its service, and its drain was not over',
    { isThere: false, isLiving: false, was: { tick: 4990, weight: 1 } },
    0,
  ],
  ['of a weight again', { was: { tick: 0, weight: 0 } }, NOW],
  ['of a weight again, at a start of the daemon', { was: NEW.was, isLiving: false }, 0],
  ['under way', { was: { tick: 4950, weight: 1 } }, 4950],
  [
    'under way, at a start of the daemon',
    { was: { tick: 4950, weight: 1 }, isLiving: false },
    4950,
  ],
  ['under way, quiesced', { was: { tick: 4950, weight: 1 }, weight: 0 }, 4950],
  ['over', { was: { tick: 4900, weight: 1 } }, 0],
  ['over, and longer from now on', { was: { tick: 4900, weight: 1 }, after: 9000 }, 0],
  ['over by what is shorter from now on', { was: { tick: 4950, weight: 1 }, after: 50 }, 0],
  ['turned off', { was: { tick: 4950, weight: 1 }, after: 0 }, 0],
  ['turned on', { was: { tick: 4950, weight: 1 }, before: 0 }, 0],
  ['new when the clock is at 0', { ...NEW, now: () => 2 ** 32 }, 1],
]

for (const [what, of, tick] of ROWS)
  test(`slow start: a dest that is ${what}, tick ${tick}`, t => {
    t.is(slowTick({ ...THERE, ...of }), tick)
  })

const LEFT: [began: number, slowStart: number, now: number, left: number][] = [
  [0, 100, 50, 0],
  [NOW, 100, NOW, 100],
  [NOW, 100, NOW + 1, 99],
  [NOW, 100, NOW + 99, 1],
  [NOW, 100, NOW + 100, 0],
  [NOW, 100, NOW - 8, 100],
  [NOW, 100, NOW - 9, 0],
  [NOW, 0, NOW, 0],
  [2 ** 32 - 1, 100, 9, 90],
  [NOW, 100, NOW + 2 ** 31, 0],
]

for (const [began, slowStart, now, left] of LEFT)
  test(`slow start: of ${slowStart} ticks, begun at ${began}, ${left} left at ${now}`, t => {
    t.is(slowLeft(began, slowStart, now), left)
  })

test('slow start: of several dests, the one that began last counts', t => {
  t.is(lastBegan([0, 4950, 4990, 4000], NOW), 4990)
  t.is(lastBegan([2 ** 32 - 5, 3], 4), 3)
  t.is(lastBegan([0, 0], NOW), 0)
})
