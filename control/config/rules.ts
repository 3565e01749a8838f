/**
 * The rules of a configuration that no single value shows, for one that comes as values and not as
 * text: the first that is broken is thrown. check.ts tells all of them, with their places. Pure.
 */
import { XlvsError } from '../errors.ts'
import type { Configuration, ConfiguredService } from '../model/configuration.ts'
import { destName, serviceName } from '../model/service.ts'
import { checkForwarding, checkUnicast, checkVirtual, parseAddress } from './name.ts'

/**
 * The configuration with its addresses in canonical form.
 * @throws DUPLICATE, BAD_ADDRESS, DEST_NOT_UNICAST, BAD_FAMILY, BAD_PORT
 */
export function ruled({ settings, interfaces, services }: Configuration): Configuration {
  refuseTwice(
    'interface',
    interfaces.map(i => i.name),
  )
  const canonical = services.map(ruledService)
  refuseTwice('service', canonical.map(serviceName))
  refuseTwice(
    'name',
    canonical.flatMap(({ name }) => name ?? []),
  )
  return { settings, interfaces, services: canonical }
}

function ruledService(given: ConfiguredService): ConfiguredService {
  const service = { ...given, address: parseAddress(given.address) }
  checkVirtual(service.address)
  const dests = given.dests.map(dest => ({ ...dest, address: parseAddress(dest.address) }))
  for (const dest of dests) {
    checkUnicast(dest.address)
    checkForwarding(service, dest)
  }
  refuseTwice('dest', dests.map(destName))
  return { ...service, dests }
}

function refuseTwice(what: string, names: readonly string[]): void {
  if (new Set(names).size === names.length) return
  const twice = names.find((name, i) => names.indexOf(name) !== i) ?? ''
  throw new XlvsError(
    'DUPLICATE',
    `the ${what} ${twice} is there twice: expected once`,
    'remove one of them',
  )
}
