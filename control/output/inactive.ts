/**
 * In a sentence what of a service the data plane does not do yet, and what packets see of that; for
 * `xlvs show`, and for whoever asks for such a service. Pure.
 */
import { ACTIVE_SCHEDULERS, serviceName, type Scheduler, type ServiceId } from '../model/service.ts'

/** @param notActive what it is without, one thing at least */
export function inactiveText(
  service: ServiceId & { scheduler: Scheduler },
  notActive: readonly string[],
): string {
  const passes = passesToHost(service, notActive)
  const then = passes ? 'its packets pass to the host' : 'new connections are refused'
  return `${serviceName(service)} is not active yet (${notActive.join(', ')}): ${then}`
}

/** Whether its packets are the host's, for what it is without; a scheduler alone refuses. */
export function passesToHost(
  { scheduler }: { scheduler: Scheduler },
  notActive: readonly string[],
): boolean {
  return notActive.length > 1 || (notActive.length === 1 && isActive(scheduler))
}

/** Of none nothing more is expected. */
function isActive(name: Scheduler): boolean {
  return name === 'none' || ACTIVE_SCHEDULERS.some(active => active === name)
}
