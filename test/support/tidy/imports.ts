/**
 * Who may import whom (the table of CONTRIBUTING.md), and that nothing lies about unused.
 * Read next: ../../tidy.test.ts.
 */
import { dirname, join } from 'node:path'

import ts from 'typescript'

import { type Finding, isGenerated, linesOf, type Rule, type Tree } from './tree.ts'

interface Import {
  line: number
  /** A path of the tree, or the name of a package. */
  what: string
  local: boolean
  typeOnly: boolean
  names: string[]
}

/** What a room may import besides itself; `types of X` is an `import type`, which does not run. */
const ROOMS: Record<string, string[]> = {
  model: [],
  abi: [],
  errors: [],
  config: ['model', 'abi', 'errors'],
  plan: ['model', 'abi', 'errors'],
  output: ['model', 'abi', 'errors', 'types of daemon'],
  health: ['model', 'abi', 'errors'],
  dataplane: ['model', 'abi', 'errors', 'addon', 'plan'],
  daemon: [
    'model',
    'abi',
    'errors',
    'config',
    'plan',
    'output',
    'health',
    'dataplane',
    'addon',
    'ipvs',
  ],
  ipvs: [
    ...['model', 'errors', 'config', 'output', 'bin'],
    ...['daemon/client', 'daemon/options', 'types of daemon'],
  ],
  commands: [
    ...['model', 'errors', 'config', 'output', 'ipvs', 'bin'],
    ...['daemon/client', 'daemon/options', 'types of daemon'],
  ],
  bin: [
    ...['errors', 'model', 'config', 'output', 'ipvs'],
    ...['daemon/client', 'daemon/options', 'types of daemon'],
  ],
  addon: [],
  bpf: ['addon'],
}
/** The command that becomes the daemon has to import it. */
const DAEMON_COMMAND = /^control\/(commands|bin)\/(daemon|xlvsd)\.ts$/
/** The one command that runs where no daemon does. */
const SERVER_COMMAND = 'control/commands/decap.ts'
const PURE = new Set(['model', 'abi', 'errors', 'config', 'plan', 'output', 'health'])
/** Modules of Node that only compute. */
const PURE_MODULES = new Set(['node:util', 'node:assert', 'node:path', 'node:buffer', 'node:net'])

export const importDirection: Rule = tree => {
  const found: Finding[] = []
  for (const [path, text] of tree) {
    const from = roomOf(path)
    if (!path.endsWith('.ts') || from === 'test') continue
    for (const i of importsOf(path, text)) {
      const say = i.local ? localFault(path, from, i) : packageFault(from, i)
      if (say !== '') found.push({ path, line: i.line, say })
    }
  }
  for (const [path, lines] of linesOf(tree, /^(bpf|addon)\/.*\.(c|h|cc)$/)) {
    lines.forEach((text, i) => {
      const include = /^#include "(.*)"/.exec(text)?.[1]
      if (include?.includes('/') === true)
        found.push({ path, line: i + 1, say: `"${include}": include only files of this folder` })
    })
  }
  return found
}

function localFault(path: string, from: string, i: Import): string {
  const to = roomOf(i.what)
  if (to === from) return ''
  if (to === 'test' || to === 'commands')
    return `nothing imports ${to}: move what is shared out of it`
  if (to === 'daemon' && DAEMON_COMMAND.test(path)) return ''
  if (to === 'dataplane' && path === SERVER_COMMAND) return ''
  const may = ROOMS[from]
  if (!may) return `${from} is not a room: add it to the table of CONTRIBUTING.md and to imports.ts`
  const stem = i.what.replace(/^control\//, '').replace(/\.ts$/, '')
  const allowed =
    may.includes(to) || may.includes(stem) || (i.typeOnly && may.includes(`types of ${to}`))
  return allowed
    ? ''
    : `${from} may not import ${to}; it may import: ${may.join(', ') || 'nothing'}`
}

function packageFault(from: string, i: Import): string {
  if (!PURE.has(from) || i.typeOnly) return ''
  if (!i.what.startsWith('node:'))
    return from === 'config' ? '' : `${from} is pure: it may not import ${i.what}`
  const computes = i.what !== 'node:net' || i.names.every(name => name.startsWith('isIP'))
  if (PURE_MODULES.has(i.what) && computes) return ''
  return `${from} is pure: it may not import ${i.what}; take what it gives as a parameter`
}

function roomOf(path: string): string {
  const [top = '', room = ''] = path.split('/')
  return top === 'control' ? room.replace(/\.ts$/, '') : top
}

/** Static and dynamic imports and re-exports of a file. */
export function importsOf(path: string, text: string): Import[] {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, true)
  const found: Import[] = []
  const add = (
    node: ts.Node,
    specifier: ts.Node | undefined,
    typeOnly: boolean,
    names: string[],
  ) => {
    if (!specifier || !ts.isStringLiteral(specifier)) return
    const local = specifier.text.startsWith('.')
    const what = local ? join(dirname(path), specifier.text) : specifier.text
    const line = source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1
    found.push({ line, what: what === '#addon' ? 'addon/index.ts' : what, local, typeOnly, names })
  }
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      const clause = node.importClause
      const bindings = clause?.namedBindings
      const named = bindings && ts.isNamedImports(bindings) ? [...bindings.elements] : []
      const allTypes = named.length > 0 && !clause?.name && named.every(e => e.isTypeOnly)
      const typeOnly = clause?.phaseModifier === ts.SyntaxKind.TypeKeyword || allTypes
      add(
        node,
        node.moduleSpecifier,
        typeOnly,
        named.map(e => e.name.text),
      )
    } else if (ts.isExportDeclaration(node)) add(node, node.moduleSpecifier, node.isTypeOnly, [])
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      add(node, node.arguments[0], false, [])
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

/** Where running starts: oclif finds commands by path, ava finds tests, people find these. */
const ENTRIES = [
  /^control\/bin\//,
  /^control\/commands\//,
  /\.test\.ts$/,
  /^\.eslint\.config\.js$/,
  /^test\/(bench|demo|oracle)\/(run|main)\.ts$/,
]

export const deadFiles: Rule = tree => {
  const used = new Set<string>()
  for (const [path, text] of tree) {
    if (path.endsWith('.ts')) for (const i of importsOf(path, text)) used.add(i.what)
    if (!path.endsWith('.md')) for (const named of mentions(tree, path, text)) used.add(named)
  }
  return [...tree.keys()]
    .filter(path => /\.(ts|c|h|cc|sh)$/.test(path) && !isGenerated(path))
    .filter(path => !used.has(path) && !ENTRIES.some(entry => entry.test(path)))
    .map(path => ({
      path,
      line: 0,
      say: 'nothing imports, includes, builds or runs it: remove it',
    }))
}

/** Files that a text names in quotes, by #include or by path: workers, programs, headers. */
function* mentions(tree: Tree, path: string, text: string): Generator<string> {
  const folder = dirname(path)
  for (const m of text.matchAll(/[\w./-]+\.(?:ts|bpf\.c|c|h|cc|sh)\b/g)) {
    for (const candidate of [join(folder, m[0]), m[0]])
      if (candidate !== path && tree.has(candidate)) yield candidate
  }
  // A program of BPF is named by its object.
  for (const m of text.matchAll(/([\w-]+\.bpf)\.o\b/g))
    for (const other of tree.keys()) if (other.endsWith(`/${m[1] ?? ''}.c`)) yield other
  // The addon's sources are listed by CMake, by name or by pattern.
  if (path === 'addon/CMakeLists.txt' && /GLOB|\*\.cc/.test(text))
    for (const other of tree.keys()) if (/^addon\/[^/]*\.cc$/.test(other)) yield other
}
