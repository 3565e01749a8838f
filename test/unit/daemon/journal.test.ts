/** The journal keeps what it acknowledged, through kills, power cuts, full disks and damage. */
import test, { type ExecutionContext } from 'ava'
import fc from 'fast-check'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Journal } from '../../../control/daemon/journal.ts'
import {
  jsonPieces,
  journalLine,
  liningUp,
  readLines,
} from '../../../control/daemon/journal_line.ts'
import { XlvsError } from '../../../control/errors.ts'
import { Disk } from '../../support/disk.ts'

async function filled(): Promise<Disk> {
  const disk = new Disk()
  const journal = await Journal.open('/j', { fs: disk.fs })
  for (const record of ['one', 'two', 'three']) await journal.append({ add: record })
  return disk
}

async function reopened(disk: Disk): Promise<Journal> {
  return Journal.open('/j', { fs: disk.fs })
}

async function refusedOpen(t: ExecutionContext, disk: Disk, message: RegExp): Promise<void> {
  const before = disk.files()
  const error = await t.throwsAsync(reopened(disk), { instanceOf: XlvsError })
  t.is(error.code, 'JOURNAL_DAMAGED')
  t.regex(error.message, message)
  t.deepEqual(disk.files(), before)
}

test('journal: records and a snapshot on a real disk, then they are there again', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'xlvs-journal-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const journal = await Journal.open(join(folder, 'new'))
  await journal.append('before')
  await journal.snapshot({ services: ['before'] })
  await Promise.all([journal.append('a'), journal.append('b')])
  await journal.close()

  const again = await Journal.open(join(folder, 'new'))

  t.deepEqual(again.state, { services: ['before'] })
  t.deepEqual(again.records, ['a', 'b'])
  await again.close()
})

test('journal: a first start, then there is no state and no record', async t => {
  const journal = await reopened(new Disk())

  t.is(journal.state, undefined)
  t.deepEqual(journal.records, [])
})

test('journal: many appends at once, then they share few syncs and keep their order', async t => {
  const disk = new Disk()
  const journal = await reopened(disk)
  const records = Array.from({ length: 200 }, (_, i) => i)
  const before = disk.syncs

  await Promise.all(records.map(record => journal.append(record)))

  t.true(disk.syncs - before <= 2, `${disk.syncs - before} syncs`)
  t.deepEqual((await reopened(disk)).records, records)
})

test('journal: cut at every byte, then every whole record before the cut survives', async t => {
  const whole = Buffer.from((await filled()).files()['journal.0'] ?? '')
  const ends = [...whole.keys()].filter(at => whole[at] === 0x0a).map(at => at + 1)

  for (let length = 0; length <= whole.length; length++) {
    const disk = new Disk()
    disk.put('journal.0', whole.subarray(0, length))
    const journal = await reopened(disk)
    const expected = ['one', 'two', 'three'].slice(0, ends.filter(end => end <= length).length - 1)
    t.deepEqual(journal.records, length < (ends[0] ?? 0) ? [] : expected.map(add => ({ add })))

    await journal.append('after')
    t.deepEqual((await reopened(disk)).records, [...journal.records, 'after'])
  }
})

test('journal: a torn last line, then it is cut off and the log says so', async t => {
  const disk = await filled()
  const whole = disk.files()['journal.0'] ?? ''
  disk.put('journal.0', whole.slice(0, -20) + '\0'.repeat(19) + '\n')
  const lines: object[] = []

  const log = { warn: (fields: object) => lines.push(fields), error: () => undefined }
  const journal = await Journal.open('/j', { fs: disk.fs, log })

  t.deepEqual(journal.records, [{ add: 'one' }, { add: 'two' }])
  t.like(lines[0], { file: '/j/journal.0' })
})

test('journal: a changed byte in the middle, then JOURNAL_DAMAGED names file and line', async t => {
  const disk = await filled()
  disk.put('journal.0', (disk.files()['journal.0'] ?? '').replace('two', 'twa'))

  await refusedOpen(t, disk, /^\/j\/journal\.0:3: /)
})

test('journal: a changed byte in the last line, then it is damage, not a torn line', async t => {
  const disk = await filled()
  disk.put('journal.0', (disk.files()['journal.0'] ?? '').replace('three', 'threa'))

  await refusedOpen(t, disk, /^\/j\/journal\.0:4: /)
})

test('journal: a damaged, unfinished, newer or missing snapshot, then JOURNAL_DAMAGED', async t => {
  const disk = await filled()
  const journal = await reopened(disk)
  await journal.snapshot({ services: 3 })
  await journal.append('later')
  const { snapshot = '', 'journal.1': records = '' } = disk.files()
  const newer = journalLine({ version: 2, generation: 1, state: 0 })
  for (const [text, message] of [
    [snapshot.replace('3', '4'), /^\/j\/snapshot:1: this is not what was written/],
    [snapshot.slice(0, -1), /^\/j\/snapshot:1: /],
    ['', /^\/j\/snapshot:1: /],
    [newer, /^\/j\/snapshot:1: this is of format 2: expected 1/],
  ] as const) {
    const found = new Disk()
    found.put('snapshot', text)
    found.put('journal.1', records)
    await refusedOpen(t, found, message)
  }
  const without = new Disk()
  without.put('journal.1', records)
  await refusedOpen(t, without, /^\/j\/snapshot:1: this is missing/)
})

test('journal: the file that belongs to the snapshot is missing, then JOURNAL_DAMAGED', async t => {
  const disk = await filled()
  await (await reopened(disk)).snapshot('s')
  const found = new Disk()
  found.put('snapshot', disk.files()['snapshot'] ?? '')

  await refusedOpen(t, found, /^\/j\/journal\.1:1: this is missing/)
})

test('journal: a snapshot older than a journal with records, then JOURNAL_DAMAGED', async t => {
  const disk = await filled()
  const journal = await reopened(disk)
  await journal.snapshot('s')
  await journal.append('later')
  const found = new Disk()
  found.put('journal.0', (await filled()).files()['journal.0'] ?? '')
  found.put('journal.1', disk.files()['journal.1'] ?? '')

  await refusedOpen(t, found, /^\/j\/snapshot:1: this is older than journal\.1/)
})

for (const [call, code] of [
  ['write', 'ENOSPC'],
  ['sync', 'EIO'],
] as const)
  test(`journal: ${code} at ${call}, then the record is refused and leaves no trace`, async t => {
    const disk = await filled()
    const journal = await reopened(disk)
    let faults = 1
    disk.fault = name => (name === call && faults-- > 0 ? code : undefined)

    const error = await t.throwsAsync(journal.append('refused'), { instanceOf: XlvsError })
    t.is((await reopened(disk)).records.length, 3)
    await journal.append('accepted')

    t.is(error.code, 'JOURNAL_WRITE')
    t.is((error.cause as NodeJS.ErrnoException).code, code)
    const { records } = await reopened(disk)
    t.deepEqual(records.slice(3), ['accepted'])
  })

for (const call of ['stat', 'rename'])
  test(`journal: ENOSPC at ${call}, then no snapshot is made and the journal goes on`, async t => {
    const disk = await filled()
    const journal = await reopened(disk)
    disk.fault = name => (name === call ? 'ENOSPC' : undefined)

    await t.throwsAsync(journal.snapshot('refused'), { message: /no space left/ })
    disk.fault = () => undefined
    await journal.append('accepted')

    const again = await reopened(disk)
    t.is(again.state, undefined)
    t.is(again.records.at(-1), 'accepted')
  })

test('journal: a folder that cannot be made, then JOURNAL_WRITE says what to try', async t => {
  const disk = new Disk()
  disk.fault = name => (name === 'mkdir' ? 'EACCES' : undefined)

  const error = await t.throwsAsync(reopened(disk), { instanceOf: XlvsError })

  t.is(error.code, 'JOURNAL_WRITE')
  t.regex(error.hint, /--state/)
})

test('journal: closed, then an append is refused', async t => {
  const journal = await reopened(new Disk())
  await journal.close()

  await t.throwsAsync(journal.append('late'), { message: /closed/ })
})

/** One whose records need not be on disk when they are acknowledged. */
async function written(disk: Disk): Promise<Journal> {
  const log = { warn: () => undefined, error: () => undefined }
  const journal = await Journal.open('/j', { fs: disk.fs, log })
  for (const record of ['one', 'two', 'three']) await journal.write(record)
  return journal
}

test('journal: written and killed at once, then every record is there', async t => {
  const disk = new Disk()
  await written(disk)

  const { records } = await reopened(disk.afterKill(() => 0.99))

  t.deepEqual(records, ['one', 'two', 'three'])
})

test('journal: written and settled, then a power cut takes nothing', async t => {
  const disk = new Disk()
  const journal = await written(disk)
  const wasSettled = journal.isSettled

  await journal.settled()

  t.false(wasSettled)
  t.true(journal.isSettled)
  t.deepEqual((await reopened(disk.afterCut(() => 0))).records, ['one', 'two', 'three'])
})

/** Until something is so; not for ever. */
async function turns(isSo: () => boolean): Promise<void> {
  for (let turn = 0; turn < 100 && !isSo(); turn++) await new Promise(setImmediate)
}

/** A journal whose syncs begin when the test says so. */
async function delayed(): Promise<{ disk: Disk; due: (() => void)[]; journal: Journal }> {
  const disk = new Disk()
  const due: (() => void)[] = []
  const later = (act: () => void) => {
    due.push(act)
    return () => undefined
  }
  return { disk, due, journal: await Journal.open('/j', { fs: disk.fs, later }) }
}

test('journal: written one after the other, then one sync a while later is for all', async t => {
  const { disk, due, journal } = await delayed()
  const before = disk.syncs

  for (let record = 0; record < 50; record++) await journal.write(record)
  const meanwhile = disk.syncs
  due[0]?.()
  await turns(() => journal.isSettled)

  t.deepEqual([meanwhile - before, disk.syncs - before, due.length], [0, 1, 1])
  t.is((await reopened(disk.afterCut(() => 0))).records.length, 50)
})

test('journal: written while a sync is under way, then that is followed by another', async t => {
  const { disk, due, journal } = await delayed()
  await journal.write('before')
  let ends = (): void => undefined
  disk.syncing = new Promise(resolve => (ends = resolve))
  due[0]?.()
  await journal.write('meanwhile')
  ends()
  await turns(() => due.length > 1)
  due[1]?.()
  await turns(() => journal.isSettled)

  t.deepEqual((await reopened(disk.afterCut(() => 0))).records, ['before', 'meanwhile'])
})

test('journal: a write that fails brings all before it to disk, then no sync is due', async t => {
  const disk = new Disk()
  let due = 0
  const later = () => {
    due++
    return () => due--
  }
  const journal = await Journal.open('/j', { fs: disk.fs, later })
  await journal.write('before')
  const meanwhile = due
  disk.fault = call => (call === 'write' ? 'ENOSPC' : undefined)
  await t.throwsAsync(journal.write('refused'))

  t.deepEqual([meanwhile, due, journal.isSettled], [1, 0, true])
})

test('journal: the disk fails after an answer, then all is refused until it is mended', async t => {
  const disk = new Disk()
  const journal = await reopened(disk)
  await journal.append('before')
  disk.fault = call => (call === 'sync' ? 'EIO' : undefined)
  await journal.write('answered')

  await t.throwsAsync(journal.settled(), {
    message: /may undo changes that were acknowledged: EIO/,
  })
  const { failure } = journal
  await t.throwsAsync(journal.write('refused'), { message: /the change was refused: EIO/ })
  disk.fault = () => undefined
  await journal.settled()
  await journal.write('after')

  t.is(failure?.code, 'JOURNAL_WRITE')
  t.is(journal.failure, undefined)
  t.deepEqual((await reopened(disk.afterKill(() => 0))).records, ['before', 'answered', 'after'])
})

test('journal: what a failed sync has lost, then it is written again', async t => {
  const disk = new Disk()
  const journal = await reopened(disk)
  disk.fault = call => (call === 'sync' ? 'EIO' : undefined)
  await journal.write('answered')
  await t.throwsAsync(journal.settled())
  disk.fault = () => undefined

  await journal.settled()

  t.deepEqual((await reopened(disk.afterCut(() => 0))).records, ['answered'])
})

function textOf(disk: Disk): string {
  return disk.files()['journal.0'] ?? ''
}

test('journal: zeros among lines, then a later one tells whether they were on disk', async t => {
  const line = (...records: unknown[]): string => journalLine(records).toString()
  const head = journalLine({ xlvs: 'journal', version: 1 }).toString()
  const before = head + line('before')
  const lost = '\0'.repeat(30) + '\n'
  const marked = (bytes: number): string => line('later', { synced: bytes })
  const [torn, damaged, unmarked] = [before.length, before.length + 31, undefined].map(bytes => {
    const disk = new Disk()
    const later = bytes === undefined ? line('later') : marked(bytes)
    disk.put('journal.0', before + lost + marked(before.length) + later)
    return disk
  }) as [Disk, Disk, Disk]

  t.deepEqual((await reopened(torn)).records, ['before'])
  t.is(textOf(torn), before)
  await refusedOpen(t, damaged, /^\/j\/journal\.0:3: /)
  await refusedOpen(t, unmarked, /^\/j\/journal\.0:3: /)
})

interface Life {
  cutAt: number
  failAt: number
  seed: number
  groups: number[]
  /** What ends it; all that is acknowledged outlives a kill, what is on disk a power cut too. */
  isKilled: boolean
  /** What is answered before the disk goes there at once, or only with what must be there. */
  isSoon: boolean
}

function soon(act: () => void): () => void {
  const turn = setImmediate(act)
  return () => {
    clearImmediate(turn)
  }
}

/** Appends groups and snapshots until the power goes; says what was acknowledged and refused. */
async function liveUntilCut(disk: Disk, { groups, cutAt, failAt, isKilled, isSoon }: Life) {
  const acknowledged: number[] = []
  const answered: number[] = []
  const refused = new Set<number>()
  let next = 0
  const cut = new Promise<void>(resolve => (disk.onCut = resolve))
  disk.fault = () => (disk.steps === failAt ? 'EIO' : undefined)
  disk.cutAt = cutAt
  const yes = (): boolean => true
  const all = (): number[] => [...acknowledged, ...answered].sort((a, b) => a - b)
  const live = async (): Promise<void> => {
    const log = { warn: () => undefined, error: () => undefined }
    const later = isSoon ? soon : () => () => undefined
    const journal = await Journal.open('/j', { fs: disk.fs, log, later })
    for (const size of groups) {
      const isOnDisk = size % 2 === 0
      const appends = Array.from({ length: size }, () => {
        const record = next++
        return journal[isOnDisk ? 'append' : 'write'](record).then(
          () => (isOnDisk || isKilled ? acknowledged : answered).push(record),
          () => refused.add(record),
        )
      })
      await Promise.all(appends)
      const settles = size % 5 === 0 && journal.settled()
      const isSettled = settles && (await settles.then(yes, () => false))
      if (isSettled) acknowledged.push(...answered.splice(0))
      acknowledged.sort((a, b) => a - b)
      if (size % 3 === 0) await journal.snapshot(all()).catch(() => undefined)
    }
  }
  await Promise.race([live().catch(() => undefined), cut])
  return { acknowledged, refused, submitted: next }
}

test('journal: stopped at any step, then what was acknowledged is there in order', async t => {
  const life = fc.record({
    cutAt: fc.nat(120),
    failAt: fc.oneof(fc.constant(-1), fc.nat(120)),
    seed: fc.integer(),
    groups: fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 12 }),
    isKilled: fc.boolean(),
    isSoon: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(life, async given => {
      const disk = new Disk()
      const { acknowledged, refused, submitted } = await liveUntilCut(disk, given)
      const found = disk[given.isKilled ? 'afterKill' : 'afterCut'](lcg(given.seed))

      const { state, records } = await reopened(found)

      const kept = [...((state as number[] | undefined) ?? []), ...(records as number[])]
      const isKept = new Set(kept)
      t.deepEqual(
        kept,
        kept.toSorted((a, b) => a - b),
      )
      t.true(acknowledged.every(record => isKept.has(record)))
      const last = acknowledged.at(-1) ?? -1
      t.true(kept.every(record => record < submitted && !(refused.has(record) && record < last)))
    }),
    { numRuns: 2000 },
  )
})

/** Numerical Recipes' generator: the seed that fast-check prints repeats a run. */
function lcg(seed: number): () => number {
  let state = seed >>> 0
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32
}

test('journal line: any JSON in pieces of any depth, then it is that of JSON.stringify', t => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.nat(5), (value, depth) => {
      t.is([...jsonPieces(value, depth)].join(''), JSON.stringify(value))
    }),
  )
  const odd = { a: undefined, b: [undefined, null], c: {}, d: [] }
  t.is([...jsonPieces(odd, 3)].join(''), JSON.stringify(odd))
})

test('journal line: a thousand services, there are pauses and the line is read again', t => {
  const names = Array.from({ length: 1000 }, (_, i) => [`${i}`, { service: 'ü'.repeat(300) }])
  const state = { state: { services: Object.fromEntries(names) as object } }

  const pauses = [...liningUp(state)].length
  const lines = readLines(journalLine(state))

  t.true(pauses > 3)
  t.deepEqual([lines.values, lines.rest], [[state], 'nothing'])
})
