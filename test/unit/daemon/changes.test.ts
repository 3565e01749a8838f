/** When the journal is folded into a snapshot, and who hears of a change first. */
import test from 'ava'
import { parseServiceName } from '../../../control/config/name.ts'
import { Changes, type Told } from '../../../control/daemon/changes.ts'
import { createLog } from '../../../control/daemon/log.ts'
import { Journal } from '../../../control/daemon/journal.ts'
import type { Writer } from '../../../control/daemon/writer.ts'
import { emptyIntent, type Change } from '../../../control/plan/intent.ts'
import { Disk } from '../../support/disk.ts'

/** Changes of which one takes 2000 bytes; a snapshot is due when there are 5000. */
async function changesOn(disk: Disk) {
  const journal = await Journal.open('/j', { fs: disk.fs })
  const writer = { endOrphans: () => Promise.resolve() } as unknown as Writer
  const parts = { journal, log: createLog('silent'), nowMs: () => 0, snapshotBytes: 5000 }
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

/** Changes of services alone, and the lines of their log. */
async function changesTold(told: Told) {
  const disk = new Disk()
  const journal = await Journal.open('/j', { fs: disk.fs, later: () => () => undefined })
  const writer = {
    endOrphans: () => Promise.resolve(),
    *writing() {
      yield
    },
    *takingBack() {
      yield
    },
  } as unknown as Writer
  const lines: string[] = []
  const log = createLog('error', { write: line => lines.push(line) })
  const changes = new Changes({ journal, log, nowMs: () => 0 }, writer, emptyIntent(), told)
  return { changes, disk, lines }
}

function adding(name: string): Change {
  return { op: 'addService', service: { ...parseServiceName(name), scheduler: 'rr' }, zero: {} }
}

for (const [who, isOnDisk, order] of [
  ['can wait for the disk', true, ['told', 'answered']],
  ['cannot wait for the disk', false, ['answered', 'told']],
] as const)
  test(`changes: one who ${who}, then it is ${order.join(' and then ')}`, async t => {
    const seen: string[] = []
    const { changes } = await changesTold(() => {
      seen.push('told')
      return Promise.resolve()
    })

    const answer = changes.askAll([adding('tcp:192.0.2.1:80')], isOnDisk)
    const [outcome] = await answer.finally(() => seen.push('answered'))
    await changes.idle()

    t.deepEqual(outcome, { warnings: [] })
    t.deepEqual(seen, order)
  })

for (const [when, isOnDisk] of [
  ['first', true],
  ['later', false],
] as const)
  test(`changes: told ${when} and that fails, they are made once`, async t => {
    const { changes, disk, lines } = await changesTold(() => Promise.reject(new Error('deaf')))
    const names = ['tcp:192.0.2.1:80', 'tcp:192.0.2.1:81']

    const outcomes = await changes.askAll(names.map(adding), isOnDisk)
    await changes.idle()

    t.deepEqual(outcomes, [{ warnings: [] }, { warnings: [] }])
    t.deepEqual(Object.keys(changes.intent.services), names)
    const { records } = await Journal.open('/j', { fs: disk.fs })
    t.is(records.length, names.length)
    t.regex(lines.join(''), /^{.*"message":"deaf".*"msg":"telling watchers failed"}\n$/)
  })
