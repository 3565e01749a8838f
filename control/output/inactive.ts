/**
 * In a sentence what of a service the data plane does not do yet, and what packets see of that; for
 * `xlvs show`, and for whoever asks for such a service. Pure.
 */
import { serviceName, type ServiceId } from '../model/service.ts'

/** @param notActive what it is without, one thing at least */
export function inactiveText(service: ServiceId, notActive: readonly string[]): string {
  const what = `${serviceName(service)} is not active yet (${notActive.join(', ')})`
  return `${what}: its packets pass to the host`
}
