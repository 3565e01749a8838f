/**
 * What of a service and of a dest the data plane does today. Everything can be asked for, is kept
 * and listed; what it does not do yet is told in words. Pure. Read next: ../dataplane/dataplane.ts.
 */
import { addressBytes, isMapped } from '../model/address.ts'
import {
  ACTIVE_SCHEDULERS,
  isMark,
  type ActiveScheduler,
  type Dest,
  type Scheduler,
  type Service,
} from '../model/service.ts'

/**
 * The service as the tables can hold it; undefined when they cannot: its packets pass to the host,
 * as packets of no service do.
 */
export function published(service: Service): Service | undefined {
  return neededBy(service).length > 0 ? undefined : service
}

/** The scheduler when the data plane schedules by it; undefined: it schedules nothing. */
export function activeScheduler(name: Scheduler): ActiveScheduler | undefined {
  return ACTIVE_SCHEDULERS.find(active => active === name)
}

/** Whether a dest can be given connections. */
export function isSchedulable(dest: Dest): boolean {
  return dest.tunnel === undefined
}

/** The weight by which schedulers see it. */
export function scheduledWeight(dest: Dest): number {
  return isSchedulable(dest) ? dest.weight : 0
}

/** What a service is without: nothing of it is balanced until the data plane does all of these. */
function neededBy(service: Service): string[] {
  const needs: [string, boolean][] = [
    [`the ${service.engine} engine`, isEngineUsed(service)],
    ['IPv4 addresses written as IPv6', !isMark(service) && isMappedText(service.address)],
    ['sctp', service.protocol === 'sctp'],
  ]
  return needs.filter(([, isNeeded]) => isNeeded).map(([what]) => what)
}

function isEngineUsed({ engine, persistentS }: Service): boolean {
  return engine !== undefined && persistentS !== undefined
}

function isMappedText(address: string): boolean {
  return address.startsWith('::ffff:') && isMapped(addressBytes(address))
}

/** Of `none` nothing is expected, so it is as active as it will ever be. */
function isSchedulerMissing(name: Scheduler): boolean {
  return name !== 'none' && activeScheduler(name) === undefined
}

/** What of a service does not work yet, in words; empty when all does. */
export function serviceNotActive(service: Service): string[] {
  const { scheduler } = service
  return [
    ...neededBy(service),
    ...(isSchedulerMissing(scheduler) ? [`the scheduler ${scheduler}`] : []),
  ]
}

/** What of a dest does not work yet, in words. */
export function destNotActive({ tunnel }: Dest): string[] {
  return tunnel === undefined ? [] : [`${tunnel.type} tunnels`]
}
