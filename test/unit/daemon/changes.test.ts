/** When the journal is folded into a snapshot, and who hears of a change first. */
import test from 'ava'
import { parseServiceName } from '../../../control/config/name.ts'
import { Changes } from '../../../control/daemon/changes.ts'
import { Journal } from '../../../control/daemon/journal.ts'
import type { Writer } from '../../../control/daemon/writer.ts'
import { emptyIntent } from '../../../control/plan/intent.ts'
import { Disk } from '../../support/disk.ts'

/** Changes of which one takes 2000 bytes; a snapshot is due when there are 5000. */
async function changesOn(disk: Disk) {
  const journal = await Journal.open('/j', { fs: disk.fs })
  const writer = { endOrphans: () => Promise.resolve() } as unknown as Writer
  const parts = { journal, nowMs: () => 0, snapshotBytes: 5000 }
  const changes = new Changes(parts, writer, emptyIntent(), () => Promise.resolve())
  const change = () => changes.makeCounts([{ op: 'freshCounters', maps: 'm'.repeat(2000) }])
  return { changes, change, hasSnapshot: () => 'snapshot' in disk.files() }
}

test('changes: few records of many bytes, then there is a snapshot', async t => {
  const disk = new Disk()
  const { changes, change, hasSnapshot } = await changesOn(disk)
  const had: boolean[] = []

  for (let i = 0; i < 3; i++) {
    await change()
    await changes.tend()
    had.push(hasSnapshot())
  }

  t.deepEqual(had, [false, false, true])
  t.like(await Journal.open('/j', { fs: disk.fs }), { state: changes.intent, records: [] })
})

test('changes: no room for that snapshot, then it is tried again after as many bytes', async t => {
  const disk = new Disk()
  const { changes, change, hasSnapshot } = await changesOn(disk)
  for (let i = 0; i < 3; i++) await change()
  disk.fault = call => (call === 'rename' ? 'ENOSPC' : undefined)
  await t.throwsAsync(changes.tend(), { message: /no space left/ })
  disk.fault = () => undefined

  await changes.tend()
  const hadAtOnce = hasSnapshot()
  for (let i = 0; i < 3; i++) await change()
  await changes.tend()

  t.false(hadAtOnce)
  t.true(hasSnapshot())
})

for (const [who, isOnDisk, order] of [
  ['can wait for the disk', true, ['told', 'answered']],
  ['cannot wait for the disk', false, ['answered', 'told']],
] as const)
  test(`changes: one who ${who}, then it is ${order.join(' and then ')}`, async t => {
    const seen: string[] = []
    const journal = await Journal.open('/j', { fs: new Disk().fs, later: () => () => undefined })
    const writer = {
      endOrphans: () => Promise.resolve(),
      *writing() {
        yield
      },
    } as unknown as Writer
    const parts = { journal, nowMs: () => 0 }
    const changes = new Changes(parts, writer, emptyIntent(), () => {
      seen.push('told')
      return Promise.resolve()
    })
    const service = { ...parseServiceName('tcp:192.0.2.1:80'), scheduler: 'rr' as const }

    const answer = changes.askAll([{ op: 'addService', service, zero: {} }], isOnDisk)
    const [outcome] = await answer.finally(() => seen.push('answered'))
    await changes.idle()

    t.deepEqual(outcome, { warnings: [] })
    t.deepEqual(seen, order)
  })
