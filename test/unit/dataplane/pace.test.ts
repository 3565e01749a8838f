/** How often the network is read and the tables are swept, by how long that took the last time. */
import test from 'ava'
import { settleMs, sweepPauseMs } from '../../../control/dataplane/pace.ts'

for (const [given, tookMs, sinceMs, ms] of [
  ['the first', 0, 0, 5],
  ['the last took a moment', 1, 0, 5],
  ['the last took a second', 1000, 0, 4000],
  ['the last took a second, some time ago', 1000, 1500, 2500],
  ['the last took a second, long ago', 1000, 60_000, 5],
] as const)
  test(`watch: a change of the network, ${given}, it is carried out after ${ms} ms`, t => {
    t.is(settleMs(tookMs, sinceMs), ms)
  })

for (const [given, workedMs, isFirst, ms] of [
  ['of a small table', 2, false, 500],
  ['that takes a twentieth of the time', 25, false, 500],
  ['of a large table', 100, false, 2000],
  ['of a large table, the first one', 100, true, 500],
] as const)
  test(`sweep: after one ${given}, the next is ${ms} ms later`, t => {
    t.is(sweepPauseMs(workedMs, isFirst), ms)
  })
