/**
 * The socket options of the kernel's IPVS, over a director: IPv4 only and without what came later,
 * as the kernel's. A number and a structure in, an errno or a structure out.
 * Read next: kernel_nouns.ts.
 * Source: net/netfilter/ipvs/ip_vs_ctl.c do_ip_vs_set_ctl(), do_ip_vs_get_ctl() (v6.12).
 */
import type { BatchChange, DirectorApi } from '../daemon/contract.ts'
import { familyOf } from '../model/address.ts'
import {
  familyOfService,
  PROTOCOL_NUMBER,
  type ServiceId,
  type ServiceView,
} from '../model/service.ts'
import { SYNC_ROLES } from '../model/sync.ts'
import {
  AF_INET,
  DAEMON,
  DEST,
  INFO,
  INFO_ANSWER,
  SERVICE,
  SIZE,
  TIMEOUTS,
  VERSION_TEXT,
  type ServiceWords,
} from './abi.ts'
import { changeIpvs, find, setTimeouts, startSync, stopSync, timeoutsOf } from './change.ts'
import { readStruct, writeStruct } from './codec.ts'
import { daemonWords, destWords, serviceIdFrom, serviceWords } from './kernel_nouns.ts'
import { inKernelOrder } from './order.ts'
import { refusedWith } from './refused.ts'

const SET = {
  ...{ ADD: 1154, EDIT: 1155, DEL: 1156, FLUSH: 1157, ADD_DEST: 1159, DEL_DEST: 1160 },
  ...{ EDIT_DEST: 1161, TIMEOUT: 1162, START_DAEMON: 1163, STOP_DAEMON: 1164, ZERO: 1167 },
} as const

/** Exactly so many bytes; options without an entry are not there. */
const SET_LENGTH: Partial<Record<number, number>> = {
  [SET.ADD]: SIZE.service,
  [SET.EDIT]: SIZE.service,
  [SET.DEL]: SIZE.service,
  [SET.FLUSH]: 0,
  [SET.ADD_DEST]: SIZE.service + SIZE.dest,
  [SET.DEL_DEST]: SIZE.service + SIZE.dest,
  [SET.EDIT_DEST]: SIZE.service + SIZE.dest,
  [SET.TIMEOUT]: SIZE.timeouts,
  [SET.START_DAEMON]: SIZE.daemon,
  [SET.STOP_DAEMON]: SIZE.daemon,
  [SET.ZERO]: SIZE.service,
}

const CHANGES: Partial<Record<number, BatchChange['op']>> = {
  [SET.ADD]: 'addService',
  [SET.EDIT]: 'setService',
  [SET.DEL]: 'removeService',
  [SET.ADD_DEST]: 'addDest',
  [SET.EDIT_DEST]: 'setDest',
  [SET.DEL_DEST]: 'removeDest',
}

/**
 * setsockopt().
 * @param length that the program gave; of a longer value not all bytes are here
 * @throws KernelError, XlvsError
 */
export async function setOption(
  director: DirectorApi,
  number: number,
  length: number,
  bytes: Buffer,
): Promise<void> {
  if (length !== SET_LENGTH[number] || bytes.length !== length) throw refusedWith('EINVAL')
  switch (number) {
    case SET.FLUSH:
      return director.clear()
    case SET.TIMEOUT:
      return setTimeouts(director, readStruct(TIMEOUTS, bytes))
    case SET.START_DAEMON:
      return startSync(director, readStruct(DAEMON, bytes))
    case SET.STOP_DAEMON:
      return stopSync(director, readStruct(DAEMON, bytes))
  }
  const words = readService(bytes, number === SET.ADD || number === SET.EDIT)
  if (number === SET.ZERO && isNothing(words)) return director.zero()
  if (!Object.values(PROTOCOL_NUMBER).some(known => known === words.protocol))
    throw refusedWith('EFAULT')
  if (number === SET.ZERO) return director.zero(idOf(words))
  const op = CHANGES[number]
  if (!op) throw refusedWith('EINVAL')
  const dest = readStruct(DEST, bytes.subarray(SIZE.service))
  await changeIpvs(director, op, { service: withId(words), dest })
}

/** @throws EINVAL when the name of the scheduler has no end, and it is looked at */
function readService(bytes: Buffer, isWhole: boolean): Partial<ServiceWords> {
  const service = bytes.subarray(0, SIZE.service)
  return readStruct(
    SERVICE.filter(({ name }) => isWhole || name !== 'scheduler'),
    service,
  )
}

function isNothing({ mark, address, port }: Partial<ServiceWords>): boolean {
  return !mark && !port && !address?.some(byte => byte !== 0)
}

/** A structure has room for a mark in every service; 0 is none. */
function withId({ mark, ...words }: Partial<ServiceWords>): Partial<ServiceWords> {
  return { ...words, family: AF_INET, ...(mark && { mark }) }
}

/** @throws ESRCH */
function idOf(words: Partial<ServiceWords>): ServiceId {
  const id = serviceIdFrom(withId(words))
  if (!id) throw refusedWith('ESRCH')
  return id
}

/**
 * getsockopt(): the value's bytes, and its length when it is not the one that was given.
 * @param length that the program has room for
 * @param bytes what is there already, as far as it matters
 * @throws KernelError
 */
export function getOption(
  director: DirectorApi,
  number: number,
  length: number,
  bytes: Buffer,
): { value: Buffer; length: number } {
  const read = GET[number]
  if (!read || length < read.least) throw refusedWith('EINVAL')
  const value = read.value(director, bytes, length)
  return { value, length: number === GET_VERSION ? value.length : length }
}

const GET_VERSION = 1152

interface Getter {
  /** Bytes that there must be room for. */
  least: number
  value(director: DirectorApi, bytes: Buffer, length: number): Buffer
}

const GET: Partial<Record<number, Getter>> = {
  [GET_VERSION]: { least: SIZE.version, value: () => Buffer.from(VERSION_TEXT) },
  1153: {
    least: SIZE.info,
    value: director =>
      writeStruct(INFO, { ...INFO_ANSWER, services: ids4(director).length }, SIZE.info),
  },
  1154: { least: SIZE.servicesHead, value: servicesValue },
  1155: {
    least: SIZE.serviceEntry,
    value: (director, bytes) => {
      const found = find(director, serviceIdFrom(withId(readService(bytes, false))))
      if (!found) throw refusedWith('ESRCH')
      return writeStruct(SERVICE, entryWords(found), SIZE.serviceEntry)
    },
  },
  1156: { least: SIZE.destsHead, value: destsValue },
  1158: {
    least: SIZE.timeouts,
    value: director => writeStruct(TIMEOUTS, timeoutsOf(director), SIZE.timeouts),
  },
  1159: { least: 2 * SIZE.daemon, value: daemonsValue },
}

function ids4(director: DirectorApi): ServiceId[] {
  return director.serviceIds().filter(id => familyOfService(id) === 4)
}

/** A service by mark has a protocol here. */
function entryWords(service: ServiceView): Partial<ServiceWords> {
  return { protocol: PROTOCOL_NUMBER.tcp, ...serviceWords(service) }
}

/** As many as there is room for; the count in the head stays, though there be fewer. */
function servicesValue(director: DirectorApi, bytes: Buffer, length: number): Buffer {
  const count = bytes.readUInt32LE(0)
  if (length !== SIZE.servicesHead + count * SIZE.serviceEntry) throw refusedWith('EINVAL')
  const found = inKernelOrder(ids4(director))
    .slice(0, count)
    .flatMap(id => director.find(id) ?? [])
  const value = Buffer.alloc(SIZE.servicesHead + found.length * SIZE.serviceEntry)
  value.writeUInt32LE(count)
  found.forEach((service, i) => {
    const at = SIZE.servicesHead + i * SIZE.serviceEntry
    writeStruct(SERVICE, entryWords(service), SIZE.serviceEntry, value, at)
  })
  return value
}

/** The head is that of a service: protocol, address, port, mark; then the count. */
function destsValue(director: DirectorApi, bytes: Buffer, length: number): Buffer {
  const head = bytes.subarray(0, SIZE.destsHead)
  const count = head.readUInt32LE(COUNT_AT)
  if (length !== SIZE.destsHead + count * SIZE.destEntry) throw refusedWith('EINVAL')
  const service = find(director, serviceIdFrom(withId(readStruct(SERVICE, head.subarray(0, 16)))))
  if (!service) throw refusedWith('ESRCH')
  const dests = service.dests.filter(({ address }) => familyOf(address) === 4).slice(0, count)
  const value = Buffer.alloc(SIZE.destsHead + dests.length * SIZE.destEntry)
  value.set(head)
  dests.forEach((dest, i) => {
    const at = SIZE.destsHead + i * SIZE.destEntry
    writeStruct(DEST, destWords(dest), SIZE.destEntry, value, at)
  })
  return value
}

const COUNT_AT = 16

/** The master first; one that does not run is all zeros. */
function daemonsValue(director: DirectorApi): Buffer {
  const value = Buffer.alloc(2 * SIZE.daemon)
  for (const daemon of director.daemons())
    writeStruct(
      DAEMON,
      daemonWords(daemon),
      SIZE.daemon,
      value,
      SYNC_ROLES.indexOf(daemon.role) * SIZE.daemon,
    )
  return value
}
