/**
 * Parity with the recorded kernel, guarded without the oracle's guest: every step of every copied
 * case is the same, but for those that differs.json names, and those do differ.
 */
import test from 'ava'
import { caseNames, knownDifferences, playCase } from './compare.ts'

const known = knownDifferences()

for (const name of caseNames())
  test.serial(
    `replay: ${name} as recorded of the kernel, the same but for what is known`,
    async t => {
      const listed = known.filter(d => d.case === name).map(d => d.step)

      const { problems } = await playCase(name)

      for (const [step, problem] of problems)
        if (!listed.includes(step)) t.log(`${step}: ${problem}`)
      t.deepEqual([...problems.keys()], listed)
    },
  )
