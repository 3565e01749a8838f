/**
 * What dests of the sip engine send first: connections that begin there. What is expected of many
 * packets in a row is recorded of the kernel (test/oracle/cases/152-sip-replies); here is what
 * shows one thing at a time, and what a kernel does not have.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import test, { type ExecutionContext } from 'ava'
import type { ServiceSettings } from '../../control/model/service.ts'
import { director, XDP, type DirectorOptions, type PacketDirector } from '../support/director.ts'
import { FAMILIES, type Family } from '../support/families.ts'
import { at, sameFrame, udp, type FrameOptions } from '../support/frames.ts'

const PERSISTENT_S = 100
const UDP_S = 300
const CLIENT = 6000

async function telling(
  t: ExecutionContext,
  f: Family,
  settings: Partial<ServiceSettings> = {},
  options: DirectorOptions = {},
): Promise<PacketDirector> {
  const dests = [2, 3].map(n => `-> ${at(f.dest(n), 5062)} nat weight 1\n`).join('')
  const lvs = await director(t, `udp ${at(f.vip, 5060)} rr\n${dests}`, options)
  for (const { service } of lvs.intents)
    Object.assign(service, { persistentS: PERSISTENT_S, engine: 'sip', ...settings })
  lvs.publish()
  return lvs
}

const message = (call: string): string => `OPTIONS sip:b SIP/2.0\r\nCall-ID: ${call}\r\n\r\n`

/** What a dest sends to the client, and the same from the virtual address. */
function told(f: Family, n: number, call: string, o: FrameOptions = {}, sport = 5062) {
  const data = call === '' ? 'nothing' : message(call)
  const to = at(f.client, CLIENT)
  return {
    frame: udp(`${at(f.dest(n), sport)} > ${to}`, { data, ...o }),
    out: udp(`${at(f.vip, 5060)} > ${to}`, { data, ttl: 63, df: o.df ?? true }),
  }
}

function asked(f: Family, call: string, cport = CLIENT): Uint8Array {
  return udp(`${at(f.client, cport)} > ${at(f.vip, 5060)}`, { data: message(call) })
}

/** Connections and templates by call, client's port, dest and state. */
function listed(lvs: PacketDirector): string[] {
  return lvs
    .conns()
    .map(c => `${c.engine?.data ?? '-'} ${c.client.port} ${c.dest.address} ${c.state}`)
    .sort()
}

/** The dest that the client's next datagram goes to. */
function goes(lvs: PacketDirector, f: Family, call: string): string {
  const before = [2, 3].map(n => trafficOf(lvs, f, n))
  lvs.run(asked(f, call))
  const after = [2, 3].map(n => trafficOf(lvs, f, n))
  return [2, 3].filter((_, i) => after[i] !== before[i]).join()
}

function trafficOf(lvs: PacketDirector, f: Family, n: number): number {
  const [{ service } = { service: undefined }] = lvs.intents
  const { tables } = lvs.dataplane
  const id = service && tables.destId(service, { address: f.dest(n), port: 5062 })
  return id === undefined ? NaN : tables.traffic(id).inPackets
}

for (const f of FAMILIES) {
  test(`tell: ${f.name}, a dest begins, its client answers and stays with it`, async t => {
    const lvs = await telling(t, f)
    const { frame, out } = told(f, 2, 'a@b')

    const first = lvs.run(frame)
    const dest = goes(lvs, f, 'a@b')

    t.is(first.reason, 'nat reply')
    sameFrame(t, first.frame, out)
    t.is(dest, '2')
    t.deepEqual(listed(lvs), [`- ${CLIENT} ${f.dest(2)} UDP`, `a@b 0 ${f.dest(2)} ASSURED`])
    t.like(lvs.traffic(), { conns: 1, inPackets: 1, outPackets: 1 })
    t.deepEqual(lvs.counts(f.dest(2)), { active: 0, inactive: 1 })
  })

  test(`tell: ${f.name}, without a checksum it gets one`, async t => {
    const lvs = await telling(t, f)
    const { frame, out } = told(f, 2, 'a@b', { noChecksum: true })

    const first = lvs.run(frame)

    t.is(first.reason, 'nat reply')
    sameFrame(t, first.frame, out)
  })

  for (const [what, make] of [
    ['no call', () => told(f, 2, '')],
    ['another port', () => told(f, 2, 'a@b', {}, 5063)],
    ['one hop left', () => told(f, 2, 'a@b', { ttl: 1 })],
  ] as const)
    test(`tell: ${f.name}, ${what}, it is the host's and begins nothing`, async t => {
      const lvs = await telling(t, f)
      const { frame } = make()

      const { reason, verdict } = lvs.run(frame)

      t.deepEqual([reason, verdict], ['no service', XDP.pass])
      t.deepEqual(lvs.conns(), [])
    })

  test(`tell: ${f.name}, a call of another dest, it is this dest's from then on`, async t => {
    const lvs = await telling(t, f)
    lvs.run(asked(f, 'a@b', 7000))

    lvs.run(told(f, 2, 'a@b').frame)
    lvs.run(asked(f, 'a@b', 7001))

    const conns = lvs.conns().filter(c => !c.isTemplate)
    const dests = conns.map(c => `${c.client.port} ${c.dest.address}`).sort()
    t.deepEqual(dests, [`6000 ${f.dest(2)}`, `7000 ${f.dest(3)}`, `7001 ${f.dest(2)}`])
  })

  test(`tell: ${f.name}, two dests to one port, the newest has it until it is gone`, async t => {
    const lvs = await telling(t, f)
    lvs.run(told(f, 2, 'a').frame)
    lvs.advance(10)
    lvs.run(told(f, 3, 'b').frame)
    lvs.advance(10)
    const second = goes(lvs, f, 'a')
    const both = [2, 3].map(n => lvs.run(told(f, n, '').frame).reason)
    lvs.advance(UDP_S - 5)
    lvs.run(told(f, 2, '').frame)
    const before = goes(lvs, f, 'a')
    t.is(before, '3')
    lvs.advance(UDP_S - 5)
    lvs.run(told(f, 2, '').frame)
    lvs.advance(10)

    lvs.sweep()

    t.deepEqual([second, both], ['3', ['nat reply', 'nat reply']])
    t.deepEqual(
      lvs
        .conns()
        .filter(c => !c.isTemplate)
        .map(c => c.dest.address),
      [f.dest(2)],
    )
    t.is(goes(lvs, f, 'a'), '2')
  })

  test(`tell: ${f.name} one-packet, each is translated and leaves nothing`, async t => {
    const lvs = await telling(t, f, { onePacket: true })
    const { frame, out } = told(f, 2, 'a@b')
    const bare = told(f, 2, 'a@b', { noChecksum: true })

    const sent = [lvs.run(frame), lvs.run(bare.frame)]
    const other = lvs.run(told(f, 2, '').frame)

    for (const one of sent) {
      t.is(one.reason, 'nat reply')
      sameFrame(t, one.frame, out)
    }
    t.is(other.reason, 'no service')
    t.deepEqual(listed(lvs), [`a@b 0 ${f.dest(2)} ASSURED`])
    t.like(lvs.traffic(), { conns: 2, outPackets: 2 })
    t.deepEqual(lvs.counts(f.dest(2)), { active: 0, inactive: 0 })
    lvs.advance(PERSISTENT_S + 1)
    lvs.sweep()
    t.deepEqual([lvs.conns(), lvs.kernel.maps.calls.lookupBatch().count], [[], 0])
  })

  test(`tell: ${f.name} without persistence, no call is needed and no template made`, async t => {
    const lvs = await telling(t, f)
    for (const { service } of lvs.intents) delete service.persistentS
    lvs.publish()
    const { frame, out } = told(f, 2, '')

    const first = lvs.run(frame)

    sameFrame(t, first.frame, out)
    t.deepEqual(listed(lvs), [`- ${CLIENT} ${f.dest(2)} UDP`])
  })

  test(`tell: ${f.name}, engine, method and dest taken away, nothing begins`, async t => {
    const lvs = await telling(t, f)
    const reason = (n: number): string => lvs.run(told(f, n, `c${n}`).frame).reason
    const [{ service, dests } = { service: {} as never, dests: [] }] = lvs.intents
    const [third, second] = dests

    const there = reason(2)
    if (third) third.fwd = 'dr'
    lvs.publish()
    const direct = reason(3)
    if (third) third.fwd = 'nat'
    delete (service as ServiceSettings).engine
    lvs.publish()
    lvs.advance(UDP_S + 5)
    lvs.sweep()
    const plain = [reason(2), reason(3)]
    Object.assign(service, { engine: 'sip' })
    lvs.publish()
    const again = reason(2)
    dests.pop()
    lvs.publish()
    lvs.dataplane.tables.withdrawDests(service, dests)
    lvs.publish()
    lvs.advance(UDP_S + 5)
    lvs.sweep()

    t.truthy(second)
    t.deepEqual([there, direct, plain], ['nat reply', 'no service', ['no service', 'no service']])
    t.deepEqual([again, reason(2), reason(3)], ['nat reply', 'no service', 'nat reply'])
  })

  test(`tell: ${f.name}, xlvsd starts anew, what was known is known, what left goes`, async t => {
    const bpffs = mkdtempSync('/sys/fs/bpf/xlvs-test-')
    t.teardown(() => {
      rmSync(bpffs, { recursive: true, force: true })
    })
    await telling(t, f, {}, { bpffs })
    const second = await director(t, '', { bpffs })
    const before = second.kernel.maps.telling.lookupBatch().count

    second.dataplane.begin()

    t.deepEqual([before, second.kernel.maps.telling.lookupBatch().count], [2, 0])
  })
}
