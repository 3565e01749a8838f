/** What loading goes by, against the contract. */
import test from 'ava'
import { WALK } from '../../../control/abi/maps.gen.ts'
import { WALK_PROGRAMS } from '../../../control/dataplane/kernel.ts'

test('kernel: each walk, its program has its name and its place, IPv4 before IPv6', t => {
  const named = Object.entries(WALK).filter(([name]) => name !== 'WALKS')
  const numbers: number[] = Object.values(WALK)
  const programs = named.flatMap(([name, number]) => {
    const word = `xlvs_${name.slice('WALK_'.length).toLowerCase()}`
    const ofBoth = !numbers.includes(number + 1)
    return ofBoth ? [`${word}4`, `${word}6`] : [word]
  })

  t.deepEqual(WALK_PROGRAMS, programs)
  t.is(WALK_PROGRAMS.length, WALK.WALKS)
})
