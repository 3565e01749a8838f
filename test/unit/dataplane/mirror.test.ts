/** A map and what is known of it. */
import test from 'ava'
import { Mirror } from '../../../control/dataplane/mirror.ts'
import { memoryMap } from '../../support/memory_map.ts'

test('mirror: entries, then others, only what differs is written', t => {
  const { map, log } = memoryMap()
  const mirror = new Mirror(map)
  mirror.set([
    ['01', 'aa'],
    ['02', 'bb'],
    ['03', 'cc'],
  ])
  log.length = 0

  mirror.set([
    ['01', 'aa'],
    ['02', 'bc'],
    ['04', 'dd'],
  ])

  t.deepEqual(log, ['02 bc', '04 dd', '03 gone'])
})

test('mirror: what an earlier daemon left, it is known', t => {
  const { map, held, log } = memoryMap()
  const mirror = new Mirror(map)
  held.set('01', 'aa').set('02', 'bb')

  mirror.adopt()
  mirror.set([['01', 'aa']])

  t.deepEqual(log, ['02 gone'])
  t.deepEqual(mirror.entries(), [[Uint8Array.of(1), Uint8Array.of(0xaa)]])
})

test('mirror: more than the map has room for, the first are there, the others when they can', t => {
  const { map, held } = memoryMap(0, 2)
  const mirror = new Mirror(map)

  t.is(mirror.set(['01', '02', '03', '04'].map(key => [key, 'aa'])), 2)
  t.deepEqual([...held.keys()], ['01', '02'])
  t.is(mirror.set(['02', '03', '04'].map(key => [key, 'aa'])), 1)
  t.deepEqual([...held.keys()], ['02', '03'])
  t.is(mirror.set(['02', '04'].map(key => [key, 'aa'])), 0)
  t.deepEqual([...held.keys()], ['02', '04'])
})

test('mirror: other values in a map that is full, then each has its own, and none a stale', t => {
  const { map, held } = memoryMap(0, 2)
  const mirror = new Mirror(map)
  mirror.set(['01', '02'].map(key => [key, 'aa']))

  t.is(mirror.set(['03', '01', '02'].map(key => [key, 'bb'])), 1)
  t.deepEqual([...held].sort(), [
    ['01', 'bb'],
    ['02', 'bb'],
  ])
  t.is(mirror.set(['03', '02'].map(key => [key, 'cc'])), 0)
  t.deepEqual([...held].sort(), [
    ['02', 'cc'],
    ['03', 'cc'],
  ])
})
