/**
 * The schedulers that the data plane has: a file each, and a line in the list below. Pure. Read
 * next: scheduler.ts (what each says), bpf/sched.h (who picks by it), word.ts (who publishes it).
 */
import { SCHEDULER } from '../../abi/maps.gen.ts'
import type { Scheduler } from '../../model/service.ts'
import { dh } from './dh.ts'
import { fo } from './fo.ts'
import { lblc } from './lblc.ts'
import { lblcr } from './lblcr.ts'
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

const PLANS: Record<Scheduler, SchedulePlan | TablePlan> = {
  none: { rows: () => [] },
  rr,
  wrr,
  wlc,
  lc,
  fo,
  ovf,
  sed,
  nq,
  twos,
  lblc,
  lblcr,
  dh,
  sh,
  mh,
  maglev,
}

export function planOf(name: Scheduler): SchedulePlan | TablePlan {
  return PLANS[name]
}

/** The number of a scheduler in the data plane. */
export function schedulerNumber(name: Scheduler): number {
  return SCHEDULER[keyOf(name)]
}

/** The name that the data plane has for it, which the compiler knows to be there. */
function keyOf<Name extends Scheduler>(name: Name): `SCHED_${Uppercase<Name>}` {
  return `SCHED_${name.toUpperCase() as Uppercase<Name>}`
}
