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

/** What is asked of a service and changes nothing that packets see, each with what to try. */
export function unheeded(service: Service): { message: string; cure: string }[] {
  const { scheduler, slowStartS = 0, persistentS, netmask, engine, protocol } = service
  const heeds = (
    what: string,
    reason: string,
    cure: string,
  ): { message: string; cure: string } => ({
    message: `the ${what} of ${serviceName(service)} is without effect: ${reason}`,
    cure,
  })
  const found = []
  if (slowStartS > 0 && !SLOW_SCHEDULERS.includes(scheduler)) {
    const those = `${SLOW_SCHEDULERS.slice(0, -1).join(', ')} and ${SLOW_SCHEDULERS.at(-1) ?? ''}`
    const cure = `another scheduler, or xlvs service set ${serviceName(service)} --slow-start 0`
    found.push(heeds('slow start', `${scheduler} does not heed it, ${those} do`, cure))
  }
  if (persistentS === undefined) {
    const cure = `xlvs service set ${serviceName(service)} --persistent SECONDS`
    if (netmask !== undefined) found.push(heeds('netmask', 'the service is not persistent', cure))
    if (engine !== undefined) found.push(heeds('engine', 'the service is not persistent', cure))
  }
  if (engine !== undefined && protocol !== 'udp' && protocol !== 'fwmark')
    found.push(heeds('engine', `${engine} reads datagrams of UDP only`, 'a service of udp'))
  return found
}
