/** Rates kept by counters in memory that stand for the maps, on a clock that the test moves. */
import test from 'ava'
import {
  DEST,
  DEST_FLAGS,
  DEST_TRAFFIC,
  writeDest,
  writeDestTraffic,
} from '../../../control/abi/maps.gen.ts'
import { Rates, SLICE_MS } from '../../../control/dataplane/rates.ts'

const CPUS = 2
const DESTS = 40
const ROUND_MS = 2000

interface Maps {
  traffic: DataView
  dests: DataView
  rates: Rates
  /** Counts on one CPU: connections, and packets and bytes of them both ways. */
  count: (dest: number, times: number, cpu?: number) => void
  /** Lets rounds pass, in ticks as the daemon's. */
  pass: (rounds: number) => void
}

function maps(dests: Record<number, number>, counted: Record<number, number> = {}): Maps {
  const traffic = new DataView(new ArrayBuffer(CPUS * DESTS * DEST_TRAFFIC.size))
  const rows = new DataView(new ArrayBuffer(DESTS * DEST.size))
  const totals = new Map<string, bigint>()
  const count = (dest: number, times: number, cpu = 0): void => {
    const n = (totals.get(`${cpu} ${dest}`) ?? 0n) + BigInt(times)
    totals.set(`${cpu} ${dest}`, n)
    const row = { conns: n, inpkts: 2n * n, inbytes: 80n * n, outpkts: 3n * n, outbytes: 90n * n }
    writeDestTraffic(traffic, (cpu * DESTS + dest) * DEST_TRAFFIC.size, row)
  }
  for (const [id, service] of Object.entries(dests)) known(rows, Number(id), service)
  for (const [id, times] of Object.entries(counted)) count(Number(id), times)
  const rates = new Rates({
    traffic: traffic.buffer,
    dests: rows.buffer,
    cpus: CPUS,
    destsMax: DESTS,
    servicesMax: 4,
  })
  let nowMs = 1e6
  rates.tick(nowMs)
  const pass = (rounds: number): void => {
    for (const end = nowMs + rounds * ROUND_MS; nowMs < end;) rates.tick((nowMs += SLICE_MS))
  }
  return { traffic, dests: rows, rates, count, pass }
}

function known(rows: DataView, id: number, service: number): void {
  writeDest(rows, id * DEST.size, {
    ...{ daddr: 0, vaddr: 0, dport: 0, vport: 0, nexthop: 0, fwd: 0, ip_delta: 0, l4_delta: 0 },
    flags: DEST_FLAGS.DEST_KNOWN,
    service,
    ...{ protocol: 6, gone: 0, drain_s: 0 },
  })
}

test('rates: dests on two CPUs count, then dests, services and the total have a quarter', t => {
  const { rates, count, pass } = maps({ 1: 1, 2: 1, 39: 2 })

  count(1, 400, 0)
  count(1, 400, 1)
  count(2, 80)
  count(39, 8)
  pass(1)

  const quarter = (n: number) => ({
    conns: n,
    inPackets: 2 * n,
    outPackets: 3 * n,
    inBytes: 80 * n,
    outBytes: 90 * n,
  })
  t.deepEqual(rates.dest(1), quarter(100))
  t.deepEqual(rates.dest(2), quarter(10))
  t.deepEqual(rates.dest(39), quarter(1))
  t.deepEqual(rates.service(1), quarter(110))
  t.deepEqual(rates.service(2), quarter(1))
  t.deepEqual(rates.total(), quarter(111))
})

test('rates: amid a round, then a service has what its dests have, none a tick ahead', t => {
  const { rates, count, pass } = maps({ 1: 1, 20: 1, 39: 1 })
  const shown = () => [1, 20, 39].map(id => rates.dest(id).conns)
  for (const id of [1, 20, 39]) count(id, 800)
  pass(1)
  for (const id of [1, 20, 39]) count(id, 1600)

  for (let slice = 0; slice < 20; slice++) {
    t.deepEqual(shown(), [100, 100, 100], `after ${slice} slices`)
    t.is(rates.service(1).conns, 300)
    pass(1 / 20)
  }

  t.deepEqual(shown(), [275, 275, 275])
  t.is(rates.service(1).conns, 825)
})

test('rates: what was counted before the start, it is not in the rates', t => {
  const { rates, count, pass } = maps({ 1: 1 }, { 1: 1e6 })

  count(1, 800)
  pass(1)

  t.is(rates.dest(1).conns, 100)
})

test('rates: a dest made later, all its counts are in the rates', t => {
  const { rates, dests, count, pass } = maps({})
  pass(1)

  known(dests, 7, 3)
  count(7, 800)
  pass(1)

  t.is(rates.dest(7).conns, 100)
  t.is(rates.service(3).conns, 100)
})

test('rates: an id freed and taken anew, then the new dest has only its own', t => {
  const { rates, traffic, count, pass } = maps({ 1: 1 })
  count(1, 8000)
  pass(1)
  const before = rates.total().conns

  writeDestTraffic(traffic, DEST_TRAFFIC.size, {
    ...{ conns: 800n, inpkts: 0n, inbytes: 0n, outpkts: 0n, outbytes: 0n },
  })
  pass(1)

  t.is(before, 1000)
  t.is(rates.total().conns, 850)
})

test('rates: an id freed, its rate is 0', t => {
  const { rates, dests, count, pass } = maps({ 1: 1 })
  count(1, 8000)
  pass(1)

  new Uint8Array(dests.buffer).fill(0)
  pass(1)

  t.is(rates.dest(1).conns, 0)
  t.is(rates.total().conns, 750)
})

test('rates: counters beyond 32 bits and 2^31 in one round, then all of it', t => {
  const { rates, count, pass } = maps({ 1: 1 }, { 1: 2 ** 33 - 1 })

  count(1, 2 ** 35)
  pass(1)

  t.is(rates.dest(1).conns, 2 ** 32)
  t.is(rates.dest(1).inBytes, 80 * 2 ** 32)
})

test('rates: a service zeroed, then it and its dests begin at 0, and the rest goes on', t => {
  const { rates, count, pass } = maps({ 1: 1, 2: 2 })
  count(1, 800)
  count(2, 800)
  pass(1)
  count(1, 800)

  rates.zero(1, [1])
  pass(1)

  t.deepEqual([rates.dest(1).conns, rates.service(1).conns], [0, 0])
  t.deepEqual([rates.dest(2).conns, rates.service(2).conns, rates.total().conns], [75, 75, 250])
})

test('rates: all zeroed, then everything begins at 0', t => {
  const { rates, count, pass } = maps({ 1: 1, 2: 2 })
  count(1, 800)
  pass(1)
  count(2, 800)

  rates.zeroAll()
  pass(1)

  t.deepEqual([rates.dest(2).conns, rates.service(1).conns, rates.total().conns], [0, 0, 0])
})

test('rates: a pause of a minute, then one sample covers it', t => {
  const { rates, count, pass } = maps({ 1: 1 })
  pass(1)

  count(1, 800)
  rates.tick(1e6 + 60_000)

  t.is(rates.dest(1).conns, 100)
})

test('rates: stopped for some rounds, they stay, and the next sample covers the pause', t => {
  const { rates, count, pass } = maps({ 1: 1 })
  count(1, 80)
  pass(1)
  const before = rates.dest(1)

  rates.isRunning = false
  count(1, 164)
  pass(3)
  const stopped = rates.dest(1)
  rates.isRunning = true
  pass(1)

  t.is(before.conns, 10)
  t.deepEqual(stopped, before)
  // A quarter of 82 in a second, and three of the 10 before.
  t.is(rates.dest(1).conns, 28)
  t.is(rates.total().conns, 28)
})
