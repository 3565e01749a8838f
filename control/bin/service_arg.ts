/**
 * The services that a command is about, as it is told them: by protocol, address and port, or by
 * the name that somebody gave them. Read next: command.ts.
 */
import * as Args from '@oclif/core/args'
import { parseLabel, parseServiceName } from '../config/name.ts'
import { nearest } from '../config/nearest.ts'
import type { DirectorClient } from '../daemon/client.ts'
import { XlvsError } from '../errors.ts'
import {
  serviceIdOf,
  serviceName,
  type ServiceId,
  type ServiceSettings,
  type ServiceView,
} from '../model/service.ts'

/** A service that is there. */
export const serviceArg = Args.string({
  description:
    'service as protocol:address:port, for example tcp:192.0.2.1:80, fwmark:77, or its name',
  required: true,
  ignoreStdin: true,
})

/** One that is to be made. */
export const newServiceArg = Args.string({
  description: 'service as protocol:address:port, for example tcp:192.0.2.1:80, or as fwmark:77',
  required: true,
  ignoreStdin: true,
})

/**
 * The service that a word means. The director is asked only for names: all others are in the word.
 * @throws SERVICE_MISSING when no service has that name, and what parseServiceName() throws
 */
export async function findService(director: DirectorClient, word: string): Promise<ServiceId> {
  return isName(word) ? serviceNamed(await director.services(), word) : parseServiceName(word)
}

/**
 * Those of `services` that the words mean, each once, in the order of the words.
 * @throws SERVICE_MISSING when one is not there, and what parseServiceName() throws
 */
export function pickServices(
  services: readonly ServiceView[],
  words: readonly string[],
): ServiceView[] {
  const picked = words.map(word => {
    const id = isName(word) ? serviceNamed(services, word) : parseServiceName(word)
    const name = serviceName(id)
    const found = services.find(service => serviceName(service) === name)
    if (found) return found
    throw new XlvsError('SERVICE_MISSING', `there is no service ${name}`, SEE_NAMES)
  })
  return [...new Set(picked)]
}

const SEE_NAMES = 'see the services and their names with xlvs show'

function serviceNamed(services: readonly ServiceView[], word: string): ServiceId {
  const found = services.find(({ name }) => name === word)
  if (found) return serviceIdOf(found)
  const guess = nearest(
    word,
    services.flatMap(({ name }) => name ?? []),
  )
  throw new XlvsError(
    'SERVICE_MISSING',
    `there is no service with the name ${word}`,
    guess === undefined ? SEE_NAMES : `did you mean ${guess}?`,
  )
}

/** The settings that a service has; those of a new one, when there is none. */
export async function settingsNow(
  director: DirectorClient,
  id: ServiceId,
): Promise<ServiceSettings> {
  const name = serviceName(id)
  const found = (await director.services()).find(known => serviceName(known) === name)
  return found ?? { scheduler: 'wlc' }
}

function isName(word: string): boolean {
  if (word.includes(':')) return false
  try {
    return parseLabel(word) !== ''
  } catch {
    return false
  }
}
