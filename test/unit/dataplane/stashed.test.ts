/**
 * The stash's hash while packets change it between any two steps of the sweep: a fake hash does at
 * a step what a packet would. Slots: S is freed, N and T are newer connections of its key, X is an
 * older one.
 */
import test from 'ava'
import {
  COLD,
  CONN4,
  DEST_CONNS,
  FAMILY,
  LIFE,
  LIMIT,
  SLOT_WORD,
  writeConn4,
} from '../../../control/abi/maps.gen.ts'
import type { CallMaps } from '../../../control/dataplane/calls.ts'
import { readSlot } from '../../../control/dataplane/slots.ts'
import { unstash } from '../../../control/dataplane/stashed.ts'
import { sweep, type SweepTables } from '../../../control/dataplane/sweep.ts'

const [X, S, N, T] = [0, 4, 5, 6]
const SLOTS = 8
const SHADOWED = BigInt(SLOT_WORD.CONN_SHADOWED) << BigInt(SLOT_WORD.WORD_FLAGS_SHIFT)
const NOW = 1000

type Step = 'looked up' | 'taken' | 'waited'

interface World {
  tables: SweepTables
  /** Has a packet come after a step; once. */
  after: (step: Step, packet: () => unknown) => void
  /** What a packet does that gives the key to a slot. */
  claim: (slot: number) => unknown
  /** Gives the key to nobody. */
  release: () => void
  leads: () => number | undefined
  put: (slot: number, word?: bigint, cport?: number, deadline?: number) => unknown
  isShadowed: (slot: number) => boolean
}

/** Slots from `stashFirst` on are behind the table; the key leads to S. */
function world(stashFirst = S): World {
  const packets: { step: Step; packet: () => unknown }[] = []
  const done = (step: Step): void => {
    if (packets[0]?.step === step) packets.shift()?.packet()
  }
  let leads: number | undefined = S
  const value = (): Uint8Array | undefined =>
    leads === undefined ? undefined : new Uint8Array(Uint32Array.of(leads).buffer)
  const stash = {
    lookup: () => {
      const found = value()
      done('looked up')
      return found
    },
    take: () => {
      const found = value()
      leads = undefined
      done('taken')
      return found
    },
    update: (_: Uint8Array, given: Uint8Array) => {
      if (leads !== undefined) throw Object.assign(new Error('there'), { code: 'EEXIST' })
      leads = new DataView(given.buffer).getUint32(0, true)
    },
  } as unknown as SweepTables['stash']
  const conns = new ArrayBuffer(SLOTS * CONN4.size)
  const tables = {
    ...{ family: FAMILY.FAMILY_IPV4, conns, cold: new ArrayBuffer(SLOTS * COLD.size) },
    ...{ destConns: new ArrayBuffer(DEST_CONNS.size), second: 1, stash, stashFirst },
    ...{ calls: {} as CallMaps, gracePeriod: done.bind(undefined, 'waited') },
  }
  const put: World['put'] = (slot, word = BigInt(LIFE.LIFE_VALID), cport = 1, deadline = NOW) => {
    const ends = { caddr: 1, oaddr: 2, cport, oport: 80, protocol: 17 }
    const rest = { state: 0, nexthop: 0, deadline, partner: LIMIT.NONE }
    writeConn4(new DataView(conns), slot * CONN4.size, { ...ends, ...rest, word })
  }
  put(S)
  return {
    ...{ tables, put },
    after: (step, packet) => packets.push({ step, packet }),
    claim: slot => (leads = slot),
    release: () => (leads = undefined),
    leads: () => leads,
    isShadowed: slot => (readSlot(tables, slot).word & SHADOWED) !== 0n,
  }
}

test('unstash: a key that is its own still, it leads nowhere', t => {
  const { tables, leads } = world()

  unstash(tables, [S])

  t.is(leads(), undefined)
})

test('unstash: a newer one takes the key before it is taken out, the key leads there', t => {
  const { tables, after, claim, put, leads, isShadowed } = world()
  put(N)
  after('looked up', () => claim(N))

  unstash(tables, [S])

  t.deepEqual([leads(), isShadowed(N)], [N, false])
})

test('unstash: a third takes the key while it is out, it has it and the second waits', t => {
  const { tables, after, claim, put, leads, isShadowed } = world()
  put(N)
  put(T)
  after('looked up', () => claim(N))
  after('taken', () => claim(T))

  unstash(tables, [S])

  t.deepEqual([leads(), isShadowed(N), isShadowed(T)], [T, true, false])
})

test('unstash: a third saw the key out and takes it later, the second waits', t => {
  const { tables, after, claim, put, leads, isShadowed } = world()
  put(N)
  put(T)
  after('looked up', () => claim(N))
  after('waited', () => claim(T))

  unstash(tables, [S])

  t.deepEqual([leads(), isShadowed(N)], [T, true])
})

test('unstash: a third takes the key and gives it up, it leads to the second again', t => {
  const { tables, after, claim, release, put, leads, isShadowed } = world()
  put(N)
  after('looked up', () => claim(N))
  after('taken', () => claim(T))
  after('waited', release)

  unstash(tables, [S])

  t.deepEqual([leads(), isShadowed(N)], [N, false])
})

test('unstash: the second is being made, it is waited for', t => {
  const { tables, after, claim, put, leads, isShadowed } = world()
  put(N, BigInt(LIFE.LIFE_BUSY), 7)
  after('looked up', () => claim(N))
  after('taken', () => claim(T))
  after('waited', () => undefined)
  after('waited', () => put(N))

  unstash(tables, [S])

  t.deepEqual([leads(), isShadowed(N)], [T, true])
})

for (const [what, word, cport] of [
  ['is empty', BigInt(LIFE.LIFE_EMPTY), 1],
  ["is another key's", BigInt(LIFE.LIFE_VALID), 7],
] as const)
  test(`unstash: the second gave up and its slot ${what}, the key leads nowhere`, t => {
    const { tables, after, claim, put, leads } = world()
    after('looked up', () => claim(N))
    after('taken', () => put(N, word, cport))

    unstash(tables, [S])

    t.deepEqual([leads(), readSlot(tables, N).word], [undefined, word])
  })

for (const [what, giveBack] of [
  ['gives it back', ({ claim }: World) => claim(N)],
  [
    'leaves it to nobody',
    ({ release }: World) => {
      release()
    },
  ],
] as const)
  for (const step of ['looked up', 'waited'] as const)
    test(`unstash: who has taken the key ${what} (${step}), the second is found`, t => {
      const made = world()
      const { tables, after, claim, put, leads, isShadowed } = made
      put(N)
      after('looked up', () => claim(N))
      after('waited', () => claim(T))
      after(step, () => giveBack(made))

      unstash(tables, [S])

      t.deepEqual([leads(), isShadowed(N)], [N, false])
    })

/** S is overdue and X stands behind it. */
function behind(stashFirst?: number): World {
  const made = world(stashFirst)
  made.put(S, BigInt(LIFE.LIFE_VALID), 1, NOW - 9)
  made.put(X, BigInt(LIFE.LIFE_VALID) | SHADOWED)
  return made
}

test('sweep: the key of the dead leaves the stash, the older one is found by then', t => {
  const { tables, after, leads, isShadowed } = behind()
  const seen: unknown[] = []
  after('waited', () => undefined)
  after('looked up', () => seen.push(isShadowed(X)))

  sweep(tables, NOW)

  t.deepEqual([seen, isShadowed(X), leads()], [[false], false, undefined])
})

test('sweep: the older one is behind the table, its key leads to it', t => {
  const { tables, leads, isShadowed } = behind(X)

  sweep(tables, NOW)

  t.deepEqual([leads(), isShadowed(X)], [X, false])
})

test('sweep: a newer one has shadowed the dead meanwhile, the older one stays behind', t => {
  const { tables, after, put, isShadowed } = behind(X)
  after('taken', () => put(S, readSlot(tables, S).word | SHADOWED))

  sweep(tables, NOW)

  t.true(isShadowed(X))
})

test('sweep: a newer one saw the key out and takes it later, the older one stays behind', t => {
  const { tables, after, claim, put, leads, isShadowed } = behind(X)
  put(T)
  after('waited', () => undefined)
  after('waited', () => claim(T))

  sweep(tables, NOW)

  t.deepEqual([leads(), isShadowed(X), isShadowed(T)], [T, true, false])
})
