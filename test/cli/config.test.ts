/** `xlvs check` as a process: what it prints about files that are good, bad, or none. */
import test, { type ExecutionContext } from 'ava'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { xlvs } from '../support/run.ts'

const GOOD = `services:
  tcp 192.0.2.1:80:
    name: web
    dests:
      - nat 10.0.0.2:8080
      - nat 10.0.0.3:8080
`
const BAD = GOOD.replace('nat 10.0.0.3:8080', 'nat 10.0.0.3:8080 weight 70000').replace(
  'name',
  'nam',
)

async function folderWith(t: ExecutionContext, text: string | Buffer): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'xlvs-config-'))
  t.teardown(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, 'lvs.yaml'), text)
  return folder
}

test('check: a good file and no daemon, then it says what is in it', async t => {
  const cwd = await folderWith(t, GOOD)

  const people = await xlvs(['check', 'lvs.yaml'], { cwd })
  const machines = await xlvs(['check', 'lvs.yaml', '--json'], { cwd })

  t.deepEqual(people, { status: 0, out: 'lvs.yaml is good: 1 service, 2 dests\n', err: '' })
  t.deepEqual(JSON.parse(machines.out), {
    file: 'lvs.yaml',
    services: 1,
    dests: 2,
    interfaces: 0,
    settings: 0,
  })
})

test('check: the file comes by standard input, then it is read like any', async t => {
  const { status, out } = await xlvs(['check', '-'], { input: GOOD })

  t.is(status, 0)
  t.is(out, '- is good: 1 service, 2 dests\n')
})

test('check: a bad file, then every error with its place, line and underline', async t => {
  const cwd = await folderWith(t, BAD)

  const { status, out, err } = await xlvs(['check', 'lvs.yaml'], { cwd })

  t.is(status, 2)
  t.is(out, '')
  t.is(
    err,
    `lvs.yaml:3:5: nam is not known in tcp 192.0.2.1:80: \
expected name, scheduler, dests (UNKNOWN_KEY)
    nam: web
    ^~~ did you mean name?
lvs.yaml:6:34: weight 70000 is out of range: expected 0 to 65535 (BAD_WEIGHT)
      - nat 10.0.0.3:8080 weight 70000
                                 ^~~~~ give a whole number; 0 means no new connections
error: lvs.yaml has 2 errors: nothing is changed (BAD_CONFIG)
    mend them and try again
`,
  )
})

test('check: a bad file and --json, then the errors are in error.faults', async t => {
  const cwd = await folderWith(t, BAD)

  const { status, out } = await xlvs(['check', 'lvs.yaml', '--json'], { cwd })

  t.is(status, 2)
  const { error } = JSON.parse(out) as { error: { code: string; faults: object[] } }
  t.is(error.code, 'BAD_CONFIG')
  t.like(error.faults, [
    { file: 'lvs.yaml', line: 3, column: 5, length: 3, code: 'UNKNOWN_KEY' },
    { file: 'lvs.yaml', line: 6, column: 34, length: 5, code: 'BAD_WEIGHT' },
  ])
})

const unreadable: [file: string, text: string | Buffer, code: string, says: RegExp][] = [
  ['none.yaml', '', 'CONFIG_UNREADABLE', /there is no such file/],
  ['.', '', 'CONFIG_UNREADABLE', /it is a folder/],
  ['lvs.yaml', Buffer.from([0x61, 0xff]), 'CONFIG_UNREADABLE', /it is not UTF-8/],
  ['/dev/zero', '', 'CONFIG_TOO_LARGE', /expected at most 16 MiB/],
]

for (const [file, text, code, says] of unreadable)
  test(`check: ${file} that cannot be read, then ${says.source}`, async t => {
    const cwd = await folderWith(t, text)

    const { status, out } = await xlvs(['check', file, '--json'], { cwd })

    t.is(status, 2)
    const { error } = JSON.parse(out) as { error: { code: string; message: string } }
    t.is(error.code, code)
    t.regex(error.message, says)
  })

test('check: the example of the manual, then it is good', async t => {
  const manual = readFileSync(join(import.meta.dirname, '../../MANUAL.md'), 'utf8')
  const example = /```yaml\n(.*?)```/s.exec(manual)?.[1] ?? ''

  const { status, out } = await xlvs(['check', '-'], { input: example })

  t.is(status, 0)
  t.is(out, '- is good: 2 services, 3 dests, 2 interfaces, 1 setting\n')
})
