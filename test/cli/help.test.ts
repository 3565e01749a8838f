/** Every command's help: a summary, two examples or more that work, flags that say what for. */
import test from 'ava'
import { parse } from '@oclif/core/parser'
import { glob, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from '@oclif/core/command'
import { XlvsCommand, type Example } from '../../control/bin/command.ts'
import { parseMarkRule } from '../../control/config/mark_line.ts'
import { syncDaemon } from '../../control/model/sync.ts'
import { serveFake, serveIpvs } from '../support/fake_director.ts'
import { xlvs } from '../support/run.ts'
import { dest, service } from '../support/views.ts'

const ROOT = join(import.meta.dirname, '../../control/commands')

/** Commands that no director answers: their examples are read, and run in the lab. */
const ALONE = ['daemon', 'decap', 'watch']

/** Or only that something is not active yet. */
const NOTHING_TO_SAY = /^(warning: .*not active yet.*\n {4}.*\n)?$/

interface Found {
  name: string
  command: Omit<typeof Command, 'flags'> & { examples: Example[]; flags?: typeof Command.flags }
}

const found: Found[] = []
for await (const path of glob('**/*.ts', { cwd: ROOT })) {
  const { default: command } = (await import(join(ROOT, path))) as {
    default: Found['command']
  }
  found.push({ name: path.replace(/\.ts$/, '').replace('/', ' '), command })
}

/** What examples may speak of: a service with a dest, and eth0 and eth1 where they are detached. */
function given(name: string) {
  return {
    services: [service({ address: '192.0.2.2', name: 'web', dests: [dest()] })],
    interfaces: ['eth0', 'eth1']
      .filter(() => name === 'detach' || name === 'sync start')
      .map((name, i) => ({
        name,
        ifindex: i + 2,
        mode: 'native' as const,
        present: true,
        running: true,
        origin: 'command' as const,
      })),
    marks:
      name === 'mark remove'
        ? ['tcp to 192.0.2.1 port 80-81 mark 7', 'to 192.0.2.0/24 in eth0 mark 7'].map(
            parseMarkRule,
          )
        : [],
    daemons:
      name === 'sync stop' ? { master: syncDaemon('master', { interface: 'eth0' }, 1500) } : {},
  }
}

for (const { name, command } of found) {
  test(`help: ${name}, then a summary, two examples and described flags`, t => {
    t.regex(command.summary ?? '', /^[A-Z].*\.$/)
    t.true(command.examples.length >= 2)
    for (const [flag, { description }] of Object.entries(command.flags ?? {}))
      t.truthy(description, `--${flag}`)
    for (const { description, command: line } of command.examples) {
      t.regex(description, /\.$/)
      t.true(line.startsWith(`xlvs ${name}`), line)
    }
  })

  for (const { command: line } of command.examples)
    test(`help: the example ${line}, then it works`, async t => {
      const words = line.split(' ').slice(1)
      if (ALONE.includes(name)) {
        const flags = { ...XlvsCommand.baseFlags, ...(command.flags ?? {}) }
        const { args } = command
        await t.notThrowsAsync(parse(words.slice(1), { flags, args, strict: true }))
        return
      }
      const { socket, folder, director } = await serveFake(t, given(name))
      if (name === 'exec') await serveIpvs(t, director, socket)
      await writeFile(join(folder, 'rules.txt'), '*mangle\n-A INPUT -j MARK --set-mark 1\n')
      await writeFile(join(folder, 'lvs.yaml'), 'services:\n  tcp 192.0.2.1:80:\n')

      const { status, err } = await xlvs(words, { socket, cwd: folder })

      t.is(status, 0, err)
      t.regex(err, NOTHING_TO_SAY)
    })
}

test('help: xlvs --help, then it has ipvsadm and sysctl too', async t => {
  const { out } = await xlvs(['--help'])

  t.regex(out, /xlvs ipvsadm and xlvs sysctl take the words/)
})

test('help: a command with --help, then summary, usage, flags with defaults, examples', async t => {
  const { status, out } = await xlvs(['dest', 'add', '--help'])

  t.is(status, 0)
  t.regex(out, /^Add a dest to a service\./)
  t.regex(out, /\$ xlvs dest add SERVICE DEST/)
  t.regex(out, /--weight=NUMBER\s+share of new connections, 0 to 2147483647, at\s+first 1/)
  t.regex(out, /\$ xlvs dest add tcp:192\.0\.2\.2:80 10\.0\.0\.3:8080 --nat/)
})

const UNKNOWN: [words: string, says: RegExp][] = [
  [
    'dest edit tcp:192.0.2.1:80 10.0.0.2 -w 3',
    /^error: dest edit is not .*\n {4}xlvs dest has add, remove, set; see xlvs dest --help\n$/,
  ],
  ['shwo tcp:192.0.2.1:80', /^error: shwo is not .*\n {4}did you mean xlvs show\?\n$/],
  ['servce add tcp:192.0.2.1:80', /^error: servce add is not .*\n.*mean xlvs service add\?\n$/],
  ['paint tcp:192.0.2.1:80', /^error: paint is not .*\n {4}see the commands with xlvs --help\n$/],
]

for (const [words, says] of UNKNOWN)
  test(`help: xlvs ${words}, then the command alone is named`, async t => {
    const { err } = await xlvs(words.split(' '))

    t.regex(err, says)
  })

test('help: each topic, then what its commands do', async t => {
  const { out } = await xlvs(['--help'])

  t.regex(out, /^ {2}mark +Add, remove, list and import rules/m)
})
