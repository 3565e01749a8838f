/** A service as tables have it: with the name that people call it by, where it has one. Pure. */
import { serviceName, type ServiceId } from '../model/service.ts'

export function calledText(service: ServiceId & { name?: string }): string {
  const { name } = service
  return name === undefined ? serviceName(service) : `${serviceName(service)} (${name})`
}
