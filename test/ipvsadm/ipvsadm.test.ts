/**
 * Every command that Debian's ipvsadm 1.31 carried out on Linux 6.1 (recorded/), carried out by
 * xlvs: the same output and exit status, byte for byte, but for those that differs.txt gives a
 * reason for. `node test/ipvsadm/compare.ts` shows the differences. Read next: transcript.ts,
 * world.ts.
 */
import test from 'ava'
import { NO_REASON, readDiffers } from './differs.ts'
import { differing, scenarios } from './recorded.ts'
import { parseTranscript, printTranscript } from './transcript.ts'
import { replay } from './world.ts'

const all = await scenarios()
const known = await readDiffers()
const counts = { same: 0, total: 0 }

for (const [name, scenario] of all)
  test.serial(`ipvsadm: ${name}, then as recorded`, async t => {
    const { steps } = scenario

    const numbers = differing(steps, await replay(scenario))

    counts.same += steps.length - numbers.length
    counts.total += steps.length
    const meant = [...(known.get(name)?.numbers ?? [])]
    t.deepEqual(
      numbers.map(number => `[${number}] ${steps[number - 1]?.command ?? ''}`),
      meant.map(number => `[${number}] ${steps[number - 1]?.command ?? ''}`),
      `node test/ipvsadm/compare.ts '${name}' shows how`,
    )
  })

test('ipvsadm: what differs on purpose, then each has its scenario and its reason', t => {
  for (const [name, { reason }] of known) {
    t.true(
      all.some(([there]) => there === name),
      name,
    )
    t.false(['', NO_REASON].includes(reason), `${name}: write in differs.txt why it differs`)
  }
})

test.serial('ipvsadm: all scenarios, then the number of commands that are the same', t => {
  t.log(`same ${counts.same} of ${counts.total}`)

  t.true(counts.total >= 400)
})

test('transcript: read and printed again, then the same text', t => {
  const text = printTranscript(all.map(([, scenario]) => scenario))

  t.is(printTranscript(parseTranscript(text)), text)
})
