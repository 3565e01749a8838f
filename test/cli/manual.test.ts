/** MANUAL.md has every command, flag, error code, scheduler and forwarding method. */
import test from 'ava'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from '@oclif/core/command'
import { XlvsCommand } from '../../control/bin/command.ts'
import { CONFIG_KEYS } from '../../control/config/schema.ts'
import { EventSchema } from '../../control/daemon/schemas.ts'
import { ERROR_CODES } from '../../control/errors.ts'
import { reasonViews } from '../../control/output/reasons.ts'
import { FORWARDING_METHODS, SCHEDULERS } from '../../control/model/service.ts'
import { INT_MAX, ruleOf, SETTING_NAMES } from '../../control/model/settings.ts'

const ROOT = join(import.meta.dirname, '../..')
const manual = readFileSync(join(ROOT, 'MANUAL.md'), 'utf8')

/** The text from a heading to the next heading of its kind. */
function chapter(heading: RegExp): string {
  const from = manual.search(heading)
  const rest = manual.slice(from).split('\n')
  const level = (rest[0] ?? '').split(' ')[0] ?? ''
  const end = rest.findIndex((line, i) => i > 0 && line.startsWith(`${level} `))
  return from < 0 ? '' : rest.slice(0, end < 0 ? undefined : end).join('\n')
}

test('manual: every error code, then a row with what happened and what to do, and no other', t => {
  const rows = [...chapter(/^## Errors$/m).matchAll(/^\| ([A-Z_]+) \| (.+) \| (.+) \|$/gm)]

  t.deepEqual(rows.map(([, code]) => code).toSorted(), Object.keys(ERROR_CODES).toSorted())
})

test('manual: every scheduler and forwarding method, then a row', t => {
  const words = chapter(/^## Words$/m)

  for (const word of [...SCHEDULERS, ...FORWARDING_METHODS])
    t.true(words.includes(`\n| \`${word}\` |`), word)
})

test('manual: every key of lvs.yaml, then a row with its syntax and default, and no other', t => {
  const cell = '([^|]|\\\\\\|)*'
  const row = new RegExp(`^\\| \`([^\`]+)\` \\|${cell}\\| ([^|]+) \\|(${cell}\\|){3}$`, 'gm')
  const rows = [...chapter(/^## Configuration$/m).matchAll(row)]

  const told = Object.fromEntries(rows.map(([, key = '', , value = '']) => [key, value]))

  t.deepEqual(told, CONFIG_KEYS)
})

test('manual: every setting, then its row says what it does not do', t => {
  const row = /^\| `settings\.(\w+)` \|.*\| ([^|]+) \|$/gm
  const told = [...chapter(/^### Settings$/m).matchAll(row)].map(([, name, why]) => [name, why])

  const is = SETTING_NAMES.map(name => {
    const { notActive } = ruleOf(name)
    return [name, notActive === undefined ? 'yes' : `none: ${notActive}`]
  })
  t.deepEqual(told, is)
})

test('manual: every setting, then its row has its bounds', t => {
  const rows = [...chapter(/^### Settings$/m).matchAll(/^\| `settings\.(\w+)` \| ([^|]+) \|/gm)]
  const told = new Map(rows.map(([, name = '', syntax = '']) => [name, syntax]))

  for (const name of SETTING_NAMES) {
    const rule = ruleOf(name)
    if (!('min' in rule)) continue
    const isAny = rule.min === -INT_MAX - 1 && rule.max === INT_MAX
    const expected = isAny ? 'whole number' : `${rule.min} to ${rule.max}`
    t.true(told.get(name)?.includes(expected), `${name}: ${expected}`)
  }
})

const commands = globSync('**/*.ts', { cwd: join(ROOT, 'control/commands') })
for (const path of commands)
  test(`manual: control/commands/${path}, then its name and flags are explained`, async t => {
    const loaded = (await import(join(ROOT, 'control/commands', path))) as {
      default: { flags?: typeof Command.flags }
    }
    const [topic = '', verb = ''] = path.replace(/\.ts$/, '').split('/')
    const text = chapter(new RegExp(`^### .*xlvs ${topic}\\b.*${verb}`, 'm'))

    t.true(text.includes(`xlvs ${topic} ${verb}`.trim()))
    for (const [name, flag] of Object.entries(loaded.default.flags ?? {})) {
      const row = text.split('\n').find(line => line.startsWith('|') && line.includes(`--${name}`))
      t.truthy(row, `--${name}`)
      const { default: value } = flag as { default?: unknown }
      if (typeof value === 'string') t.true(row?.includes(value), `--${name}: ${value}`)
    }
  })

test('manual: every kind of event, then a row', t => {
  const kinds = EventSchema.anyOf.flatMap(({ properties }) => properties.kind.enum)

  for (const kind of kinds) t.regex(chapter(/^## API$/m), new RegExp(`^\\|.*\`${kind}\`.*\\|`, 'm'))
  t.true(kinds.length > 10)
})

/** Rows to paste into MANUAL.md when this fails. */
test('manual: every reason, then its row says what control/output/reasons.ts says', t => {
  const rows = reasonViews(() => 0).map(
    ({ reason, becomes, means, look }) => `| \`${reason}\` | ${becomes} | ${means} | ${look} |`,
  )

  const written = chapter(/^## Reasons$/m).match(/^\| `.*$/gm) ?? []

  t.deepEqual([...written], rows)
})

test('manual: the global flags, then they are explained with their defaults', t => {
  const text = chapter(/^## Commands$/m)

  for (const [name, flag] of Object.entries(XlvsCommand.baseFlags)) {
    t.true(text.includes(`\`--${name}`), name)
    if (typeof flag.default === 'string') t.true(text.includes(flag.default))
  }
})
