/**
 * Holds the tree to what of its style a program can see. Each rule is tried twice: on the checkout,
 * and on a few lines that break it, so that no rule has gone blind. A finding says what to write
 * instead. Read next: support/tidy/ (the rules).
 */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import test from 'ava'

import { deadFiles, importDirection } from './support/tidy/imports.ts'
import {
  commitFaults,
  dependencies,
  divergences,
  errorEntries,
  report,
  topLevel,
} from './support/tidy/papers.ts'
import {
  fileLength,
  functionLength,
  lineLength,
  names,
  opening,
  plainC,
  purity,
  testTitles,
} from './support/tidy/shape.ts'
import { readTree, type Rule } from './support/tidy/tree.ts'
import { addonWords, vocabulary } from './support/tidy/words.ts'

const TOP = fileURLToPath(new URL('..', import.meta.url))
const checkout = readTree(TOP)

const OPEN = '/** Purpose. */\n'
/** A rule, a tree that breaks it, and how often: once for each line of the tree that says so. */
const RULES: [name: string, rule: Rule, broken: Record<string, string>, faults: number][] = [
  ['line length', lineLength, { 'bpf/a.h': `${'\t'.repeat(12)}12345`, 'x.ts': 'x'.repeat(101) }, 2],
  ['file length', fileLength, { 'control/a.ts': 'x\n'.repeat(501) }, 1],
  [
    'function length',
    functionLength,
    {
      'control/a.ts': `export const f = () => {\n${'  x()\n'.repeat(69)}}\n`,
      'bpf/a.h': `static int f(void)\n{\n${'\tx();\n'.repeat(69)}}\n`,
    },
    2,
  ],
  [
    'opening comment',
    opening,
    { 'control/a.ts': 'let a', 'bpf/a.h': '/* Why. */', '.ci/a': '#!/x' },
    3,
  ],
  ['plain C', plainC, { 'bpf/a.h': '#ifdef X\ntypedef int y;\n#ifndef XLVS_A_H' }, 2],
  [
    'purity',
    purity,
    { 'control/plan/a.ts': 'Date.now()\nMath.random()', 'control/daemon/a.ts': 'Date.now()' },
    2,
  ],
  ['names', names, { 'control/utils.ts': 'class ConnManager {}\ninterface Conn {}' }, 2],
  [
    'test titles',
    testTitles,
    {
      'test/a.test.ts':
        "test('works')\ntest.serial('a: b, should c')\ntest('a: b c, d')\nsetTimeout(f)",
    },
    3,
  ],
  [
    'import direction',
    importDirection,
    {
      'control/model/a.ts': "import { x } from '../errors.ts'",
      'control/plan/a.ts': "import { x } from 'node:fs'\nimport { isIPv4 } from 'node:net'",
      'control/commands/a.ts':
        "import { x } from '../daemon/director.ts'\nimport '../daemon/client.ts'",
      'control/daemon/a.ts': "import { x } from '../../test/support/lab.ts'",
      'control/output/a.ts':
        "import type { X } from '../daemon/a.ts'\nawait import('../plan/a.ts')",
      'bpf/a.c': '#include "../addon/a.h"\n#include <linux/bpf.h>\n#include "types.h"',
    },
    6,
  ],
  [
    'dead files',
    deadFiles,
    {
      'control/a.ts': OPEN,
      'control/bin/b.ts': "import '../used.ts'\nnew Worker(new URL('../worker.ts', x))",
      'control/used.ts': OPEN,
      'control/worker.ts': OPEN,
      'bpf/a.h': '',
    },
    2,
  ],
  [
    'vocabulary',
    vocabulary,
    {
      'control/a.ts': 'const backendList = 1\nconst conn_src = 1\nfib.ipv4_src\n// make target',
      'MANUAL.md': 'the scheduling algorithm\nforwarding mode\nsticky',
      'control/ipvs/a.ts': 'masquerading backend',
    },
    5,
  ],
  ['words of addon', addonWords, { 'addon/a.cc': '// the VIP\n// ipvs\n// a map' }, 2],
  [
    'top level',
    topLevel,
    { 'docs/a.md': '', ...Object.fromEntries(papers().map(p => [p, ''])) },
    1,
  ],
  [
    'divergences',
    divergences,
    {
      'bpf/a.h': '/* Differs from LVS: a one\n * that is told. */\n/* Differs from LVS: untold. */',
      'MANUAL.md': '- **Differs from LVS:** a one that is told. And why.',
    },
    1,
  ],
  [
    'dependencies',
    dependencies,
    {
      'package.json':
        '{"dependencies": {"a": "1.0.0", "b": "^1.0.0"}, "devDependencies": {"c": "1.0.0"}}',
      'ARCHITECTURE.md': '- `a`: for x\n- b: for y\n- c-more, @z/c',
    },
    2,
  ],
  [
    'error entries',
    errorEntries,
    { 'control/errors.ts': '  NO_ROOT: [1, 403],\n  B: [1, 1],', 'MANUAL.md': 'NO_ROOT' },
    1,
  ],
]

for (const [name, rule, broken, faults] of RULES) {
  test(`tidy: ${name}, the checkout keeps to it`, t => {
    const found = rule(checkout)

    t.is(report(found), '')
  })

  test(`tidy: ${name}, what breaks it is found`, t => {
    const found = rule(new Map(Object.entries(broken)))

    t.is(found.length, faults, report(found))
  })
}

test('tidy: commit subjects, what breaks the form is found', t => {
  const known = ['bpf/xmit_nat.h', 'control/plan/diff.ts', '.ci/run', 'Makefile']

  const good = commitFaults(['xmit_nat: keep the TTL', 'plan, ci: feed less', 'makefile: x'], known)
  const bad = commitFaults(
    ['added things', 'plan: added x', 'nowhere: do x', 'plan: stop.', `plan: ${'x'.repeat(67)}`],
    known,
  )

  t.deepEqual(good, [])
  t.is(bad.length, 5, bad.join('\n'))
})

test('tidy: commit subjects, those not yet published keep to the form', t => {
  if (!existsSync(`${TOP}/.git`)) {
    t.pass('an exported tree has no commits')
    return
  }
  const git = (...args: string[]) => execFileSync('git', ['-C', TOP, ...args], { encoding: 'utf8' })
  const remote = git('remote').trim().split('\n')[0] ?? ''
  const mine = remote === '' ? ['HEAD'] : ['HEAD', '--not', `--remotes=${remote}`]

  const subjects = git('log', '--no-merges', '--format=%s', ...mine)
    .split('\n')
    .filter(Boolean)
  const known = git('log', '--name-only', '--format=', 'HEAD').split('\n').filter(Boolean)

  t.deepEqual(commitFaults(subjects, [...known, ...checkout.keys()]), [])
})

function papers(): string[] {
  const files = [
    'Makefile',
    'README.md',
    'ARCHITECTURE.md',
    'MANUAL.md',
    'CONTRIBUTING.md',
    'LICENSE',
  ]
  const folders = ['control', 'bpf', 'addon', 'test'].map(folder => `${folder}/a`)
  const manifests = ['package.json', 'package-lock.json', 'tsconfig.json', 'CHANGELOG.md']
  return [...files, ...folders, ...manifests]
}
