/**
 * What of a service and of a dest the data plane does today. Everything can be asked for, is kept
 * and listed; what it does not do yet is told in words. Pure. Read next: ../dataplane/dataplane.ts.
 */
import { addressBytes, isMapped } from '../model/address.ts'
import { isMark, type Dest, type Service } from '../model/service.ts'

/**
 * The service as the tables can hold it; undefined when they cannot: its packets pass to the host,
 * as packets of no service do.
 */
export function published(service: Service): Service | undefined {
  return neededBy(service).length > 0 ? undefined : service
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
    ['IPv4 addresses written as IPv6', !isMark(service) && isMappedText(service.address)],
    ['sctp', service.protocol === 'sctp'],
  ]
  return needs.filter(([, isNeeded]) => isNeeded).map(([what]) => what)
}

function isMappedText(address: string): boolean {
  return address.startsWith('::ffff:') && isMapped(addressBytes(address))
}

/** What of a service does not work yet, in words; empty when all does. */
export function serviceNotActive(service: Service): string[] {
  return neededBy(service)
}

/** What of a dest does not work yet, in words. */
export function destNotActive({ tunnel }: Dest): string[] {
  return tunnel === undefined ? [] : [`${tunnel.type} tunnels`]
}
