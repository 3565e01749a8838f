/**
 * In a sentence what of a service the data plane does not do yet, and what packets see of that; for
 * `xlvs show`, and for whoever asks for such a service. Pure.
 */
import {
  destName,
  isMark,
  serviceName,
  SLOW_SCHEDULERS,
  type Dest,
  type Service,
  type ServiceId,
  type ServiceView,
} from '../model/service.ts'
import type { Warning } from '../model/warning.ts'

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

/** What xlvs show has of a service, for people and in JSON, besides what its view says itself. */
export function serviceWarnings(service: ServiceView): Warning[] {
  const found = unheeded(service).map(what => ({ kind: 'no-effect', ...what }))
  return service.notActive.length > 0 ? found : [...found, ...caveats(service, service.dests)]
}

/** What some of a service's dests do with packets that whoever asks for them may not expect. */
export function caveats(service: Service, dests: readonly Dest[]): Warning[] {
  const nats = dests.filter(({ fwd }) => fwd === 'nat')
  return [
    ...(nats.length > 0 && leavesAnswers(service) ? [untranslated(service)] : []),
    ...nats.filter(({ address }) => isLoopback(address)).map(dest => unreached(service, dest)),
  ]
}

/** One-packet scheduling leaves no connection, by which answers would be known; sip has another. */
function leavesAnswers(service: Service): boolean {
  const { onePacket, persistentS, engine } = service
  if (!onePacket) return false
  const isSip = engine !== undefined && persistentS !== undefined
  return !isSip || isMark(service) || service.port === 0
}

function untranslated(service: Service): Warning {
  const name = serviceName(service)
  return {
    kind: 'one-packet-nat',
    message:
      `answers of nat dests of ${name} are not translated, as one-packet scheduling makes no ` +
      `connection to know them by: clients see the dest's own address, as with IPVS`,
    cure: `dests by dr or tun, or xlvs service set ${name} --no-one-packet`,
  }
}

/** Of addresses in canonical text. */
function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.')
}

function unreached(service: ServiceId, dest: Dest): Warning {
  return {
    kind: 'loopback-dest',
    message:
      `dest ${destName(dest)} of ${serviceName(service)} is a loopback address by nat: what ` +
      `clients send it is dropped (loopback dest), and only this host itself is served`,
    cure: 'another address of this host, or dr, by which packets are delivered here as they came',
  }
}
