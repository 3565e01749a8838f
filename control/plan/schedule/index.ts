/**
 * The schedulers that the data plane has: a file each, and a line in the list below. Pure. Read
 * next: scheduler.ts (what each says), bpf/sched.h (who picks by it), word.ts (who publishes it).
 */
import { SCHEDULER } from '../../abi/maps.gen.ts'
import type { ActiveScheduler, Scheduler } from '../../model/service.ts'
import { activeScheduler } from '../active.ts'
import { dh } from './dh.ts'
import { fo } from './fo.ts'
import { lc } from './lc.ts'
import { maglev } from './maglev.ts'
import { mh } from './mh.ts'
import { nq } from './nq.ts'
import { ovf } from './ovf.ts'
import { rr } from './rr.ts'
import type { SchedulePlan, TablePlan } from './scheduler.ts'
import { sed } from './sed.ts'
import { sh } from './sh.ts'
import { twos } from './twos.ts'
import { wlc } from './wlc.ts'
import { wrr } from './wrr.ts'

const PLANS: Record<ActiveScheduler, SchedulePlan | TablePlan> = {
  rr,
  wrr,
  wlc,
  lc,
  fo,
  ovf,
  sed,
  nq,
  twos,
  dh,
  sh,
  mh,
  maglev,
}

/** One that the data plane does not have schedules nothing. */
const NOTHING: SchedulePlan = { rows: () => [] }

export function planOf(name: Scheduler): SchedulePlan | TablePlan {
  const active = activeScheduler(name)
  return active === undefined ? NOTHING : PLANS[active]
}

/** The number of a scheduler; of one that the data plane does not have, that of none. */
export function schedulerNumber(name: Scheduler): number {
  const active = activeScheduler(name)
  return active === undefined ? SCHEDULER.SCHED_NONE : SCHEDULER[keyOf(active)]
}

/** The name that the data plane has for it, which the compiler knows to be there. */
function keyOf<Name extends ActiveScheduler>(name: Name): `SCHED_${Uppercase<Name>}` {
  return `SCHED_${name.toUpperCase() as Uppercase<Name>}`
}
