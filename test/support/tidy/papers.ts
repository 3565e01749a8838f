/**
 * Rules between the code and its papers: the top level, divergences from LVS, dependencies with
 * their reasons, commit subjects. Read next: ../../tidy.test.ts.
 */
import { type Finding, linesOf, type Rule } from './tree.ts'

const TOP = [
  ...['package.json', 'package-lock.json', 'tsconfig.json', 'control', 'bpf', 'addon', 'test'],
  ...['Makefile', 'README.md', 'ARCHITECTURE.md', 'MANUAL.md', 'CONTRIBUTING.md', 'CHANGELOG.md'],
  'LICENSE',
]

/** The top level is exactly this list, and dotfiles. */
export const topLevel: Rule = tree => {
  const there = new Set([...tree.keys()].map(path => path.split('/')[0] ?? ''))
  const extra = [...there]
    .filter(name => !TOP.includes(name) && !name.startsWith('.'))
    .map(path => ({ path, line: 0, say: `the top level is ${TOP.join(' ')}: find it a room` }))
  const missing = TOP.filter(name => !there.has(name)).map(path => ({
    path,
    line: 0,
    say: 'is missing from the top level',
  }))
  return [...extra, ...missing]
}

/** Each divergence marked in code stands, word for word up to its full stop, in MANUAL.md. */
export const divergences: Rule = tree => {
  const manual = squeeze(tree.get('MANUAL.md') ?? '')
  const found: Finding[] = []
  for (const [path, lines] of linesOf(tree, /^(bpf|control)\/.*\.(ts|c|h)$/)) {
    lines.forEach((text, i) => {
      if (!text.includes('Differs from LVS:')) return
      const comment = lines
        .slice(i, i + 12)
        .map(uncomment)
        .join(' ')
      const sentence = /Differs from LVS: (.*?)(\.(\s|$)|\*\/|$)/.exec(squeeze(comment))?.[1] ?? ''
      if (sentence === '' || !manual.includes(`Differs from LVS: ${sentence}`))
        found.push({ path, line: i + 1, say: `MANUAL.md lacks "Differs from LVS: ${sentence}."` })
    })
  }
  return found
}

function uncomment(line: string): string {
  return line.replace(/^\s*(\/\*\*?|\*\/?|\/\/)/, '')
}

function squeeze(text: string): string {
  return text.replace(/[`*_]{1,2}(?=Differs|LVS:)|(?<=LVS:)[*_]{1,2}/g, '').replace(/\s+/g, ' ')
}

interface Manifest {
  dependencies?: Record<string, string>
  devDependencies?: Record<string, string>
  optionalDependencies?: Record<string, string>
}

/** Each dependency is pinned, and named in ARCHITECTURE.md with its reason. */
export const dependencies: Rule = tree => {
  const manifest = JSON.parse(tree.get('package.json') ?? '{}') as Manifest
  const paper = tree.get('ARCHITECTURE.md') ?? ''
  const all = {
    ...manifest.dependencies,
    ...manifest.devDependencies,
    ...manifest.optionalDependencies,
  }
  return Object.entries(all).flatMap(([name, version]) => {
    const found: Finding[] = []
    const word = new RegExp(`(?<![\\w@/-])${name}(?![\\w/-])`)
    if (!word.test(paper))
      found.push({ path: 'ARCHITECTURE.md', line: 0, say: `name ${name} and why it is needed` })
    if (!/^\d/.test(version))
      found.push({ path: 'package.json', line: 0, say: `pin ${name}: npm i -E writes "1.2.3"` })
    return found
  })
}

/** Each error code has an entry in MANUAL.md. */
export const errorEntries: Rule = tree => {
  const codes = [...(tree.get('control/errors.ts') ?? '').matchAll(/^ {2}([A-Z_]+): \[/gm)]
  const manual = tree.get('MANUAL.md') ?? ''
  return codes
    .map(m => m[1] ?? '')
    .filter(code => !new RegExp(`\\b${code}\\b`).test(manual))
    .map(code => ({
      path: 'MANUAL.md',
      line: 0,
      say: `explain ${code}: what happened, what to do`,
    }))
}

const SUBJECT_MAX = 72
/** Past and progressive forms; the words in front only look like them. */
const NOT_IMPERATIVE = /^(?!embed|feed|speed|shed|need|bring|string)\w+(ed|ing)\b/

/** Subjects are `area: imperative summary`, the area a word of the tree that is or once was. */
export function commitFaults(subjects: string[], known: Iterable<string>): string[] {
  const areas = new Set(['cli', 'ci', 'make', 'tree'])
  for (const path of known) for (const word of areaWords(path)) areas.add(word)
  return subjects.flatMap(subject => {
    const found: string[] = []
    const [, area, summary = ''] = /^([\w./-]+(?:, [\w./-]+)*): (.+)$/.exec(subject) ?? []
    if (subject.length > SUBJECT_MAX)
      found.push(`${subject.length} characters, at most ${SUBJECT_MAX}`)
    if (area === undefined) found.push('write "area: imperative summary"')
    else if (!area.split(', ').every(word => areas.has(word.toLowerCase())))
      found.push(`${area} is no word of the tree`)
    if (NOT_IMPERATIVE.test(summary)) found.push('use the imperative')
    if (/\.$/.test(summary)) found.push('no full stop')
    return found.map(say => `commit "${subject}": ${say}`)
  })
}

function areaWords(path: string): string[] {
  return path
    .toLowerCase()
    .split('/')
    .flatMap(part => [part, ...part.split('.').filter(Boolean), part.replace(/\.[^.]*$/, '')])
    .concat(path.toLowerCase(), path.toLowerCase().replace(/\/[^/]*$/, ''))
}

/** All findings of one kind in one text, as people read compilers. */
export function report(found: Finding[]): string {
  return found.map(f => `${f.path}${f.line > 0 ? `:${f.line}` : ''}: ${f.say}`).join('\n')
}
