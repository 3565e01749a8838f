/** What describes a sync daemon on the command line. Read next: ../config/field.ts (the values). */
import * as Args from '@oclif/core/args'
import * as Flags from '@oclif/core/flags'
import { parseSyncGroup, parseSyncNumber, parsePort } from '../config/field.ts'
import { withoutUndefined } from '../model/service.ts'
import type { SyncWish } from '../model/sync.ts'

export const roleArg = Args.string({
  description: 'what the daemon does: master sends, backup receives',
  required: true,
  ignoreStdin: true,
})

export const interfaceArg = Args.string({
  description: 'interface by which the other directors are reached',
  required: true,
  ignoreStdin: true,
})

export const SYNC_FLAGS = {
  'sync-id': Flags.string({
    description: 'of messages, 0 to 255, at first 0; a backup with 0 takes those of every id',
    helpValue: 'NUMBER',
  }),
  'max-len': Flags.string({
    description: 'longest message in bytes, 1 to 65507; at first what fits into a packet',
    helpValue: 'BYTES',
  }),
  group: Flags.string({
    description: 'multicast address, at first 224.0.0.81',
    helpValue: 'ADDRESS',
  }),
  port: Flags.string({ description: 'UDP port, at first 8848', helpValue: 'NUMBER' }),
  ttl: Flags.string({
    description: 'TTL or hop limit of messages, 1 to 255, at first 1',
    helpValue: 'NUMBER',
  }),
}

type Given = Record<keyof typeof SYNC_FLAGS, string | undefined>

/** @throws BAD_SYNC, BAD_ADDRESS, BAD_PORT */
export function readSync(flags: Given): Omit<SyncWish, 'interface'> {
  const { 'sync-id': syncId, 'max-len': maxLen, group, port, ttl } = flags
  return withoutUndefined<Omit<SyncWish, 'interface'>>({
    syncId: read(syncId, text => parseSyncNumber('syncId', text)),
    maxLen: read(maxLen, text => parseSyncNumber('maxLen', text)),
    group: read(group, parseSyncGroup),
    port: read(port, parsePort),
    ttl: read(ttl, text => parseSyncNumber('ttl', text)),
  })
}

function read<T>(text: string | undefined, parse: (text: string) => T): T | undefined {
  return text === undefined ? undefined : parse(text)
}
