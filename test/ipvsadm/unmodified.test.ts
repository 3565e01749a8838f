/**
 * Every command that Debian's ipvsadm carried out on Linux 6.1, carried out by the same program
 * here, led to a director as `xlvs exec` does: equal output and exit status, byte for byte. By
 * netlink (recorded/), and by socket options (recorded_options/, where the guest's ipvsadm had no
 * netlink). Read next: unmodified.ts.
 */
import type { ExecutionContext } from 'ava'
import { createNamespace } from '../support/namespace.ts'
import { privileged } from '../support/privileged.ts'
import { differing, scenarios } from './recorded.ts'
import { runUnmodified, type Way } from './unmodified.ts'

/** Sysctl is not led to xlvsd; compare.ts runs these too: there are thousands. */
const SKIPPED = /^(sysctl|fuzz|matrix)/
/** By socket options ipvsadm prints kinds of tunnels from memory that it has not written. */
const RANDOM = /^(dests: tunnels|restore: -S: what it leaves out)/
/** The guest's kernel ended a thread before that had run, and said so (EINTR). */
const ENDED_EARLY = ['odd: -R: input without an end, with returns, with long lines [8]']

privileged('unmodified: ipvsadm by netlink, then every command is as recorded', async t => {
  const { differ, total } = await runAll(t, 'netlink')

  t.log(`same ${total - differ.length} of ${total}`)
  t.deepEqual(differ, [])
  t.true(total >= 2000)
})

privileged('unmodified: ipvsadm by socket options, then every command is as recorded', async t => {
  const { differ, total } = await runAll(t, 'options')

  t.log(`same ${total - differ.length} of ${total}`)
  t.deepEqual(differ, ENDED_EARLY)
  t.true(total >= 1500)
})

/** Carries all scenarios out; names of the commands that are not as recorded. */
async function runAll(t: ExecutionContext, way: Way): Promise<{ differ: string[]; total: number }> {
  t.timeout(900_000)
  const namespace = await createNamespace('ipvsadm')
  t.teardown(() => namespace.close())
  const differ: string[] = []
  let total = 0
  for (const [name, scenario] of await scenarios(
    way === 'netlink' ? 'recorded' : 'recorded_options',
  )) {
    if (SKIPPED.test(name) || (way === 'options' && RANDOM.test(name))) continue
    const numbers = differing(scenario.steps, await runUnmodified(scenario, namespace, way))
    differ.push(...numbers.map(number => `${name} [${number}]`))
    total += scenario.steps.length
  }
  return { differ, total }
}
