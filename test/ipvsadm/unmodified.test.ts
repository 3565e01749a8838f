/**
 * Every command that Debian's ipvsadm carried out on Linux 6.1 (recorded/), carried out by the same
 * program here, led to a director as `xlvs exec` does: equal output and exit status, byte for byte,
 * but for those that differs.txt gives a reason for. Read next: unmodified.ts.
 */
import test from 'ava'
import { createNamespace } from '../support/namespace.ts'
import { privileged } from '../support/privileged.ts'
import { readDiffers } from './differs.ts'
import { differing, scenarios } from './recorded.ts'
import { runUnmodified } from './unmodified.ts'

/** Sysctl is not led to xlvsd; compare.ts runs these too: there are thousands. */
const SKIPPED = /^(sysctl|fuzz|matrix)/
const all = (await scenarios()).filter(([name]) => !SKIPPED.test(name))
const known = await readDiffers()

privileged('unmodified: ipvsadm by netlink, then every command is as recorded', async t => {
  const namespace = await createNamespace('ipvsadm')
  t.teardown(() => namespace.close())
  t.timeout(600_000)
  const counts = { same: 0, total: 0 }

  for (const [name, scenario] of all) {
    const { steps } = scenario
    const numbers = differing(steps, await runUnmodified(scenario, namespace, 'netlink'))
    counts.same += steps.length - numbers.length
    counts.total += steps.length
    const meant = known.get(name)?.numbers ?? new Set()
    for (const number of numbers)
      if (!meant.has(number)) t.fail(`${name} [${number}] ${steps[number - 1]?.command ?? ''}`)
  }

  t.log(`same ${counts.same} of ${counts.total}`)
  t.true(counts.total >= 400)
})

test('unmodified: the scenarios that are run, then some of each kind', t => {
  t.true(all.length > 100)
})
