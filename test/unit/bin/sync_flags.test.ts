/** Every flag of `xlvs sync start`, and what is wrong with its values. */
import test from 'ava'
import { parse } from '@oclif/core/parser'
import { readSync, SYNC_FLAGS } from '../../../control/bin/sync_flags.ts'
import { XlvsError } from '../../../control/errors.ts'
import type { SyncWish } from '../../../control/model/sync.ts'

async function wishBy(line: string) {
  const { flags } = await parse(line === '' ? [] : line.split(' '), { flags: SYNC_FLAGS })
  return readSync(flags)
}

const rows: [words: string, is: Omit<SyncWish, 'interface'>][] = [
  ['', {}],
  ['--sync-id 0 --ttl 1 --max-len 1 --port 1', { syncId: 0, ttl: 1, maxLen: 1, port: 1 }],
  ['--sync-id 255 --ttl 255 --max-len 65507', { syncId: 255, ttl: 255, maxLen: 65507 }],
  ['--port 65535 --group 239.255.255.255', { port: 65535, group: '239.255.255.255' }],
  ['--group FF02:0::81', { group: 'ff02::81' }],
]

for (const [words, is] of rows)
  test(`sync: ${words || 'no flag'}, then ${JSON.stringify(is)}`, async t => {
    t.deepEqual(await wishBy(words), is)
  })

const wrong: [words: string, code: string, says: RegExp][] = [
  ['--sync-id 256', 'BAD_SYNC', /syncId 256 of a sync daemon is wrong: expected 0 to 255/],
  ['--sync-id x', 'BAD_SYNC', /syncId x of a sync daemon is wrong/],
  ['--ttl 0', 'BAD_SYNC', /ttl 0 of a sync daemon is wrong: expected 1 to 255/],
  ['--ttl 256', 'BAD_SYNC', /ttl 256 of a sync daemon is wrong/],
  ['--max-len 0', 'BAD_SYNC', /maxLen 0 of a sync daemon is wrong: expected 1 to 65507 bytes/],
  ['--max-len 65508', 'BAD_SYNC', /maxLen 65508 of a sync daemon is wrong/],
  ['--port 0', 'BAD_PORT', /port 0 is out of range/],
  ['--port 65536', 'BAD_PORT', /port 65536 is out of range/],
  ['--group 192.0.2.1', 'BAD_SYNC', /group 192.0.2.1 .*: expected a multicast address/],
  ['--group 224.0.0', 'BAD_ADDRESS', /address 224.0.0 is not an IP address/],
]

for (const [words, code, says] of wrong)
  test(`sync: ${words}, then ${code}`, async t => {
    const error = await t.throwsAsync(wishBy(words), { instanceOf: XlvsError })

    t.is(error.code, code as never)
    t.regex(error.message, says)
    t.is(error.exitStatus, 2)
  })
