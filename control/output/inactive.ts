/**
 * In a sentence what of a service the data plane does not do yet, and what packets see of that; for
 * `xlvs show`, and for whoever asks for such a service. Pure.
 */
import { serviceName, SLOW_SCHEDULERS, type Service, type ServiceId } from '../model/service.ts'

/** @param notActive what it is without, one thing at least */
export function inactiveText(service: ServiceId, notActive: readonly string[]): string {
  const what = `${serviceName(service)} is not active yet (${notActive.join(', ')})`
  return `${what}: its packets pass to the host`
}

/** That a scheduler does not heed the slow start of its service; undefined: it does. */
export function unheededText(service: Service): string | undefined {
  const { scheduler, slowStartS = 0 } = service
  if (slowStartS === 0 || SLOW_SCHEDULERS.includes(scheduler)) return undefined
  const heed = `${SLOW_SCHEDULERS.slice(0, -1).join(', ')} and ${SLOW_SCHEDULERS.at(-1) ?? ''}`
  return (
    `the slow start of ${serviceName(service)} is without effect: ${scheduler} does not heed it, ` +
    `${heed} do`
  )
}
