/**
 * Services of the sip engine: who has the same Call-ID goes to the same dest. What is expected of
 * messages in a row is recorded of the kernel (test/oracle/cases/15*); here are messages that
 * nobody thought of, against the kernel's rules written again, and what a kernel does not have.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import test, { type ExecutionContext } from 'ava'
import { store32 } from '../../addon/index.ts'
import { SETTINGS } from '../../control/abi/maps.gen.ts'
import type { CallMaps } from '../../control/dataplane/calls.ts'
import { repair, sweep } from '../../control/dataplane/sweep.ts'
import type { ConnView } from '../../control/model/service.ts'
import { kernelCallId } from '../support/call_id.ts'
import { director, type DirectorOptions, type PacketDirector } from '../support/director.ts'
import { FAMILIES, type Family } from '../support/families.ts'
import { at, tcp, udp } from '../support/frames.ts'
import { freshSeed, oneOf, randomFrom, type Random } from '../support/random.ts'
import { stashed } from './table.ts'

const PERSISTENT_S = 100
const UDP_S = 300
/** The smallest table, and one for many calls. */
const SLOTS = 1024
const MANY_SLOTS = 16384
const MESSAGES = 400
/** More calls than there are slots for. */
const CROWD = 2400
const GONE_S = 10

async function sip(
  t: ExecutionContext,
  f: Family,
  options: DirectorOptions = {},
): Promise<PacketDirector> {
  const dests = [2, 3].map(n => `-> ${at(f.dest(n), 5060)} nat weight 1\n`).join('')
  const text = `udp ${at(f.vip, 5060)} rr\n${dests}tcp ${at(f.vip, 5060)} rr\n${dests}`
  const lvs = await director(t, text, { slots: SLOTS, slots6: SLOTS, ...options })
  for (const { service } of lvs.intents)
    Object.assign(service, { persistentS: PERSISTENT_S, engine: 'sip' })
  lvs.publish()
  return lvs
}

const path = (f: Family, cport: number): string => `${at(f.client, cport)} > ${at(f.vip, 5060)}`

const invite = (call: string): string => `INVITE sip:b SIP/2.0\r\nCall-ID: ${call}\r\n\r\n`

/** A datagram of a message whose characters are bytes. */
function says(f: Family, cport: number, message: string): Uint8Array {
  return udp(path(f, cport), { data: Buffer.from(message, 'latin1') })
}

const templates = (lvs: PacketDirector): ConnView[] => lvs.conns().filter(c => c.isTemplate)

/** Who goes where: a call and its dest. */
function calls(lvs: PacketDirector): string[] {
  return templates(lvs)
    .map(({ engine, dest }) => `${engine?.data ?? ''} ${dest.address}`)
    .sort()
}

/** How many calls each of the two maps has. */
function kept({ kernel: { maps } }: PacketDirector): number[] {
  return [maps.calls, maps.call_ids].map(map => map.lookupBatch().count)
}

/** xlvsd says that it is alive. */
function beat(lvs: PacketDirector): void {
  store32(lvs.kernel.maps.settings.mmap(), SETTINGS.heartbeat / 4, lvs.kernel.clock())
}

/** Maps of calls before or after whose n-th look or change something happens. */
function interrupted(maps: CallMaps, when: string, turn: number, then: () => unknown): CallMaps {
  let left = turn
  const around = <T>(act: () => T): T => {
    const isNow = --left === 0
    if (isNow && when === 'before') then()
    const result = act()
    if (isNow && when === 'after') then()
    return result
  }
  const { calls, call_ids } = maps
  return {
    calls: {
      lookup: key => around(() => calls.lookup(key)),
      take: key => around(() => calls.take(key)),
      update: (key, value, flags) => {
        around(() => {
          calls.update(key, value, flags)
        })
      },
    },
    call_ids,
  }
}

const PIECES = [
  ...['\r', '\n', '\r\n', '\r\n', '\r\n', ' ', '\t', ':', ':', '@', 'i', 'I', 'Call-ID', 'call-id'],
  ...['CALL-ID', 'Call-ID: ', '\r\nCall-ID: ', '\r\ni:', 'abc', 'a@b', ',', ';', 'x'.repeat(7)],
  ...[
    'y'.repeat(100),
    'Via: SIP/2.0',
    '\r\n ',
    '\xe9',
    '\xb5',
    '\xd7',
    '\r\ni\xd7:',
    '\0',
    'Call-I',
    'd',
    '\r\nCall-ID',
  ],
]

function madeUp(random: Random): string {
  return Array.from({ length: random(24) }, () => oneOf(random, PIECES)).join('')
}

for (const f of FAMILIES) {
  test(`sip: ${f.name} messages that are made up, read as the kernel does`, async t => {
    const seed = freshSeed()
    const random = randomFrom(seed)
    const lvs = await sip(t, f, { slots: MANY_SLOTS, slots6: MANY_SLOTS })
    const messages = Array.from({ length: MESSAGES }, () => madeUp(random))

    const took = messages.map((message, i) => lvs.run(says(f, 1000 + i, message)).reason)

    const wanted = messages.map(message => kernelCallId(message))
    const where = `XLVS_SEED=${seed}`
    const reasons = wanted.map(call => (call === undefined ? 'no call id' : 'nat request'))
    const wrong = messages.filter((_, i) => took[i] !== reasons[i])
    t.deepEqual(wrong, [], where)
    const ids = new Set(wanted.filter(call => call !== undefined))
    t.deepEqual(
      templates(lvs)
        .map(({ engine }) => engine?.data)
        .sort(),
      [...ids].sort(),
      where,
    )
    t.true(ids.size > MESSAGES / 40, where)
  })

  test(`sip: ${f.name}, of one call from many ports, one dest; another call, the next`, async t => {
    const lvs = await sip(t, f)

    for (const [i, call] of ['a@b', 'c@d', 'a@b', 'c@d', 'a@b'].entries())
      lvs.run(says(f, 1000 + i, invite(call)))

    t.deepEqual(calls(lvs), [`a@b ${f.dest(3)}`, `c@d ${f.dest(2)}`])
    const dests = lvs.conns().filter(c => !c.isTemplate && c.dest.address === f.dest(3))
    t.deepEqual(dests.map(c => c.client.port).sort(), [1000, 1002, 1004])
    t.deepEqual(templates(lvs)[0]?.client, { ...templates(lvs)[0]?.client, port: 0 } as never)
  })

  test(`sip: ${f.name}, their time is over, calls are forgotten with their templates`, async t => {
    const lvs = await sip(t, f)
    for (let i = 0; i < 5; i++) lvs.run(says(f, 1000 + i, invite(`call-${i}`)))
    const before = kept(lvs)
    lvs.advance(UDP_S + 10)
    lvs.sweep()
    lvs.advance(PERSISTENT_S)

    lvs.sweep()

    t.deepEqual([before, kept(lvs), lvs.conns()], [[5, 5], [0, 0], []])
  })

  test(`sip: ${f.name}, nobody has swept, a call over its time is scheduled anew`, async t => {
    const lvs = await sip(t, f)
    lvs.run(says(f, 1000, invite('a')))
    lvs.advance(UDP_S + 1)
    const controls = lvs.tables[f.name === 'IPv4' ? 0 : 1]
    t.truthy(controls)
    lvs.sweep()
    lvs.advance(PERSISTENT_S)

    lvs.run(says(f, 1001, invite('a')))
    const anew = calls(lvs)
    lvs.sweep()
    lvs.run(says(f, 1002, invite('a')))

    t.deepEqual([anew, calls(lvs)], [[`a ${f.dest(2)}`], [`a ${f.dest(2)}`]])
    t.deepEqual(kept(lvs), [1, 1])
  })

  test(`sip: ${f.name}, its dest is gone, a call gets another and keeps it`, async t => {
    const lvs = await sip(t, f)
    lvs.run(says(f, 1000, invite('a')))
    for (const { dests } of lvs.intents) dests.shift()
    for (const { service, dests } of lvs.intents) lvs.dataplane.tables.withdrawDests(service, dests)
    lvs.publish()

    for (const port of [1001, 1002]) lvs.run(says(f, port, invite('a')))

    t.deepEqual(calls(lvs), [`a ${f.dest(2)}`, `a ${f.dest(3)}`])
    t.deepEqual(kept(lvs), [1, 2])
    lvs.advance(UDP_S + 10)
    lvs.sweep()
    lvs.advance(PERSISTENT_S)
    lvs.sweep()
    t.deepEqual(kept(lvs), [0, 0])
  })

  for (const [when, turn] of ['before', 'after'].flatMap(w => [1, 2, 3].map(n => [w, n] as const)))
    test(`sip: ${f.name}, it goes on ${when} look ${turn} of the sweep, it is kept`, async t => {
      const lvs = await sip(t, f)
      lvs.run(says(f, 1000, invite('a')))
      lvs.advance(UDP_S + 10)
      lvs.sweep()
      lvs.advance(PERSISTENT_S)
      const table = lvs.tables[f.name === 'IPv4' ? 0 : 1]
      const go = (): unknown => lvs.run(says(f, 1001, invite('a')))

      sweep({ ...table, calls: interrupted(table.calls, when, turn, go) }, lvs.kernel.clock())
      go()
      const dests = new Set(lvs.conns().map(({ dest }) => dest.address))

      t.is(dests.size, 1)
      t.deepEqual([calls(lvs).length, kept(lvs)], [1, [1, 1]])
    })

  test(`sip: ${f.name} TCP has no call, and what is no message neither`, async t => {
    const lvs = await sip(t, f)

    const reasons = [
      lvs.run(tcp(path(f, 1000), 'S', { data: invite('a') })).reason,
      lvs.run(udp(path(f, 1000))).reason,
      lvs.run(udp(path(f, 1001), { data: '' })).reason,
    ]

    t.deepEqual(reasons, ['no call id', 'no call id', 'no call id'])
    t.deepEqual([lvs.conns(), kept(lvs)], [[], [0, 0]])
  })

  test(`sip: ${f.name}, calls of one client fill the table, all are forgotten after`, async t => {
    const lvs = await sip(t, f)

    const reasons = Array.from(
      { length: CROWD },
      (_, i) => lvs.run(says(f, 1000 + i, invite(`call-${i}`))).reason,
    )

    t.true(reasons.includes('table full') && reasons.includes('nat request'))
    t.true(stashed(lvs) > 0)
    const there = templates(lvs).length
    t.deepEqual(kept(lvs), [there, there])
    t.is(new Set(calls(lvs)).size, there)
    for (let turn = 0; turn < 3; turn++) {
      lvs.advance(UDP_S + PERSISTENT_S)
      lvs.sweep()
    }
    t.deepEqual([kept(lvs), lvs.kernel.maps.stash.lookupBatch().count], [[0, 0], 0])
  })

  test(`sip: ${f.name}, xlvsd is gone, a slot that is taken over takes its call`, async t => {
    const lvs = await sip(t, f)
    beat(lvs)
    for (let i = 0; i < CROWD; i++) lvs.run(says(f, 1000 + i, invite(`call-${i}`)))
    lvs.advance(UDP_S + PERSISTENT_S + GONE_S)

    for (let i = 0; i < CROWD; i++) lvs.run(says(f, 1000 + i, invite(`again-${i}`)))

    const now = templates(lvs)
    t.true(now.length > 0 && now.every(({ engine }) => engine?.data.startsWith('again')))
    const ids = lvs.kernel.maps.call_ids.lookupBatch()
    t.is(ids.count, lvs.kernel.maps.calls.lookupBatch().count)
    t.is(
      new Set(
        Buffer.from(ids.values)
          .toString('latin1')
          .match(/again-\d+/g),
      ).size,
      now.length,
    )
  })

  test(`sip: ${f.name}, xlvsd starts anew, calls are known and go where they went`, async t => {
    const bpffs = mkdtempSync('/sys/fs/bpf/xlvs-test-')
    t.teardown(() => {
      rmSync(bpffs, { recursive: true, force: true })
    })
    const first = await sip(t, f, { bpffs })
    first.run(says(f, 1000, invite('a@b')))
    const before = calls(first)

    const second = await sip(t, f, { bpffs })
    for (const table of second.tables) repair(table)
    second.run(says(f, 1001, invite('a@b')))

    t.true(second.kernel.adopted)
    t.deepEqual([before, calls(second)], [[`a@b ${f.dest(3)}`], [`a@b ${f.dest(3)}`]])
  })
}
