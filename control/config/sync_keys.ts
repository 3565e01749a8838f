/**
 * What lvs.yaml says of sync daemons. Pure. Read next: check.ts.
 */
import { isMap } from 'yaml'
import { XlvsError } from '../errors.ts'
import { withoutUndefined } from '../model/service.ts'
import { SYNC_ROLES, type SyncWish, type SyncWishes } from '../model/sync.ts'
import { parsePort, parseSyncGroup, parseSyncNumber } from './field.ts'
import { parseInterface } from './name.ts'
import type { Entry, Source, YamlNode } from './parse.ts'
import { SYNC_KEYS } from './schema.ts'

/** Undefined: none is wanted. What is wrong is noted in the source. */
export function readSync(source: Source, node: YamlNode): SyncWishes | undefined {
  const entries = source.mapping(node, 'sync', SYNC_ROLES.join(', '), 'master: {interface: eth0}')
  const roles = source.known(entries, 'sync', SYNC_ROLES)
  const wishes = SYNC_ROLES.flatMap(role => {
    const entry = roles.get(role)
    const wish = entry && readDaemon(source, entry)
    return wish ? [[role, wish] as const] : []
  })
  return wishes.length > 0 ? Object.fromEntries(wishes) : undefined
}

function readDaemon(source: Source, { key, keyNode, value }: Entry): SyncWish | undefined {
  const entries = source.mapping(value, key, SYNC_KEYS.join(', '), 'interface: eth0')
  const keys = source.known(entries, key, SYNC_KEYS)
  const one = <T>(key: (typeof SYNC_KEYS)[number], example: string, parse: (text: string) => T) => {
    const node = keys.get(key)?.value
    if (node === undefined) return undefined
    const text = source.text(node, key, `${key}: ${example}`)
    return text === undefined ? undefined : source.attempt(node, () => parse(text))
  }
  const name = one('interface', 'eth0', parseInterface)
  const settings = withoutUndefined<Omit<SyncWish, 'interface'>>({
    syncId: one('sync_id', '1', text => parseSyncNumber('syncId', text)),
    maxLen: one('max_len', '1400', text => parseSyncNumber('maxLen', text)),
    group: one('group', '224.0.0.81', parseSyncGroup),
    port: one('port', '8848', parsePort),
    ttl: one('ttl', '1', text => parseSyncNumber('ttl', text)),
  })
  if (name !== undefined) return { interface: name, ...settings }
  if (keys.has('interface') || !isMap(value)) return undefined
  source.faultAt(
    keyNode,
    new XlvsError(
      'BAD_TYPE',
      `${key} lacks its interface: expected the one by which the other directors are reached`,
      'for example: interface: eth0',
    ),
  )
  return undefined
}
