/** What `make help` says, and that what it names is there to make. */
import test from 'ava'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '../..')

test('make: help, then a line for each rule that people call', t => {
  const makefile = readFileSync(join(ROOT, 'Makefile'), 'utf8').replaceAll('\\\n', ' ')
  const rules = /^\.PHONY: (.*)$/m.exec(makefile)?.[1]?.split(/\s+/) ?? []

  // Under make -C, as in .ci/chroot, it would say which folder it enters.
  const env = { ...process.env, MAKEFLAGS: '' }
  const help = execFileSync('make', ['--silent', 'help'], { cwd: ROOT, env, encoding: 'utf8' })

  const lines = [...help.matchAll(/^([a-z-]+) {2,}(\S.*)$/gm)].map(([, rule]) => rule)
  t.deepEqual(lines.toSorted(), rules.toSorted())
  t.is(help.split('\n').length, lines.length + 1)
})
