/**
 * What Linux 6.1 was seen to take when texts were written to its settings, each from its default,
 * and what it had then (sysctl_writes.jsonl; a refused one has null): the same here.
 */
import test from 'ava'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseSetting } from '../../../control/config/setting.ts'
import { kernelText, pathOf } from '../../../control/ipvs/sysctl.ts'
import { syncQueue } from '../../../control/ipvs/sysctl_system.ts'
import { ruleOf, type SettingName } from '../../../control/model/settings.ts'

interface Write {
  name: SettingName
  write: string
  reads: string | null
}

const writes = readFileSync(join(import.meta.dirname, 'sysctl_writes.jsonl'), 'utf8')
  .trimEnd()
  .split('\n')
  .map(line => JSON.parse(line) as Write)

/** As the kernel would print it after the write; null when it is refused. */
function written(name: SettingName, text: string): string | null {
  const plain = kernelText(name, text)
  if (plain === undefined) return null
  try {
    const value = parseSetting(name, plain)
    return ruleOf(name).kind === 'pair' ? String(value).replace(' ', '\t') : String(value)
  } catch {
    return null
  }
}

for (const name of new Set(writes.map(({ name }) => name)))
  test(`sysctl: ${name} written as recorded, then it takes and refuses what the kernel does`, t => {
    // Nothing at all is no write.
    const mine = writes.filter(write => write.name === name && write.write !== '')

    for (const { write, reads } of mine) t.is(written(name, write), reads, JSON.stringify(write))
    t.true(mine.length > 60)
  })

test('sysctl: names with both separators, then the first one separates', t => {
  t.is(pathOf('net.ipv4.conf.eth0/5.x'), 'net/ipv4/conf/eth0.5/x')
  t.is(pathOf('net/ipv4/conf/eth0.5/x'), 'net/ipv4/conf/eth0.5/x')
  t.is(pathOf('kernel'), 'kernel')
})

test('sysctl: zones of a host, then the queue of synchronisation is what its kernel says', t => {
  const zone = (name: string, high: number, managed: number) =>
    `Node 0, zone ${name.padStart(8)}\n  pages free     1\n        high     ${high}\n` +
    `        managed  ${managed}\n    cpu: 0\n              high:  53\n`
  const guest = zone('DMA', 127, 3840) + zone('DMA32', 16766, 502657) + zone('Normal', 0, 0)

  t.is(syncQueue(guest), '15300')
  t.is(syncQueue(guest + zone('Movable', 0, 320_000)), '15300')
  t.is(syncQueue(''), '0')
})
