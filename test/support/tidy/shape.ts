/**
 * Rules on size and shape: lines, functions, files, the comment a file opens with, and what C and
 * pure TypeScript must do without. Read next: imports.ts, words.ts, papers.ts.
 */
import ts from 'typescript'

import { type Finding, isGenerated, linesOf, type Rule } from './tree.ts'

const LINE_MAX = 100
const FUNCTION_MAX = 70
const FILE_MAX = 500
/** Columns of a tab in C, as clang-format counts them. */
const TAB = 8
const CODE = /\.(ts|js|c|h|cc|sh)$|^Makefile$|^\.ci\//
/** Quotes what the rules forbid, to see that they do. */
const EXAMPLES = 'test/tidy.test.ts'
const C = /\.(c|h|cc)$/

export const lineLength: Rule = tree => {
  const found: Finding[] = []
  for (const [path, lines] of linesOf(tree, CODE)) {
    if (isGenerated(path)) continue
    lines.forEach((text, i) => {
      // Words that people read are not cut in two.
      if (/^\s*(['"`]).*\1,?$/.test(text)) return
      const columns = text.replace(/\t/g, ' '.repeat(TAB)).length
      if (columns <= LINE_MAX) return
      const say = `line of ${columns} columns: break it, at most ${LINE_MAX}`
      found.push({ path, line: i + 1, say })
    })
  }
  return found
}

export const fileLength: Rule = tree => {
  const found: Finding[] = []
  for (const [path, lines] of linesOf(tree, CODE)) {
    if (isGenerated(path) || lines.length - 1 <= FILE_MAX) continue
    const say = `file of ${lines.length - 1} lines: more than one idea, at most ${FILE_MAX}`
    found.push({ path, line: 0, say })
  }
  return found
}

export const functionLength: Rule = tree => {
  const found: Finding[] = []
  const tooLong = (path: string, line: number, lines: number) => {
    if (lines <= FUNCTION_MAX) return
    const say = `function of ${lines} lines: let helpers compute, at most ${FUNCTION_MAX}`
    found.push({ path, line, say })
  }
  for (const [path, lines] of linesOf(tree, C)) {
    // clang-format puts a function's braces, and only those, alone into the first column.
    let start = 0
    lines.forEach((text, i) => {
      if (text === '{') start = i
      if (text === '}') tooLong(path, start + 1, i - start + 1)
    })
  }
  for (const [path, text] of tree) {
    if (!path.endsWith('.ts') || isGenerated(path)) continue
    const source = ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, true)
    visitFunctions(source, (first, last) => {
      tooLong(path, first, last - first + 1)
    })
  }
  return found
}

function visitFunctions(source: ts.SourceFile, see: (first: number, last: number) => void): void {
  const lineAt = (offset: number) => source.getLineAndCharacterOfPosition(offset).line + 1
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && 'body' in node && node.body !== undefined)
      see(lineAt(node.getStart(source)), lineAt(node.end))
    ts.forEachChild(node, visit)
  }
  visit(source)
}

/** A file opens with its purpose; a file of bpf/ with its licence before that. */
export const opening: Rule = tree => {
  const found: Finding[] = []
  for (const [path, lines] of linesOf(tree, CODE)) {
    if (isGenerated(path)) continue
    const rest = lines.filter(line => !line.startsWith('#!') && line.trim() !== '')
    const licensed = rest[0]?.includes('SPDX-License-Identifier') === true
    if (path.startsWith('bpf/') && C.test(path) && !licensed)
      found.push({
        path,
        line: 1,
        say: 'open with an SPDX-License-Identifier line, as bpf/types.h does',
      })
    const first = rest[licensed ? 1 : 0] ?? ''
    const comment = CODE_COMMENT.test(first)
    if (!comment)
      found.push({
        path,
        line: 1,
        say: 'open with a comment: purpose, what it assumes, what to read next',
      })
  }
  return found
}
const CODE_COMMENT = /^(\/\*|\/\/|# )/

/** bpf/ has no conditional compilation and no typedefs: features are load-time constants. */
export const plainC: Rule = tree => {
  const found: Finding[] = []
  for (const [path, lines] of linesOf(tree, /^bpf\/.*\.[ch]$/)) {
    lines.forEach((text, i) => {
      const line = i + 1
      if (/^\s*#\s*(ifdef|if|elif)\b/.test(text))
        found.push({
          path,
          line,
          say: 'no conditional compilation: make it a constant in config.h',
        })
      if (/^\s*typedef\b/.test(text))
        found.push({ path, line, say: 'no typedef: write the struct or enum out' })
    })
  }
  return found
}

/** The pure rooms are handed the time, chance and the outside; they do not fetch them. */
export const purity: Rule = tree => {
  const found: Finding[] = []
  for (const [path, lines] of linesOf(tree, /^control\/(model|config|plan|output)\/.*\.ts$/)) {
    lines.forEach((text, i) => {
      const word = /\b(Date\.now|new Date\(\)|Math\.random|setTimeout|setInterval|process\.)/.exec(
        text,
      )
      if (word)
        found.push({ path, line: i + 1, say: `${word[0]} in a pure room: take it as a parameter` })
    })
  }
  return found
}

/** Names that say nothing about what is inside. */
export const names: Rule = tree => {
  const found: Finding[] = []
  for (const [path, lines] of linesOf(tree, /\.ts$/)) {
    if (isGenerated(path) || path === EXAMPLES) continue
    if (/(^|\/)(utils?|helpers?|misc|common)\.ts$/.test(path))
      found.push({ path, line: 0, say: 'name the file after the one idea it holds' })
    lines.forEach((text, i) => {
      const name = /\b(?:class|interface|type) (\w*(?:Manager|Impl|Utils?))\b/.exec(text)
      if (name)
        found.push({ path, line: i + 1, say: `${name[1] ?? ''}: name it after what it does` })
    })
  }
  return found
}

/** The first argument of test() or privileged(), when it is a literal. */
const TITLE = /\b(?:test|privileged)(?:\.\w+)*\(\s*(['`])((?:\\.|(?!\1)[^\\])*)\1/g

/** `subject: given, then`, in the present tense; and no test waits for time to pass. */
export const testTitles: Rule = tree => {
  const found: Finding[] = []
  for (const [path, text] of tree) {
    if (!path.endsWith('.test.ts') || path === EXAMPLES) continue
    const lineAt = (offset: number) => text.slice(0, offset).split('\n').length
    for (const m of text.matchAll(TITLE)) {
      const title = m[2] ?? ''
      const line = lineAt(m.index)
      if (!/^[^:]+: \S+ \S+ .+/s.test(title))
        found.push({ path, line, say: `title "${title}": write "subject: given, then"` })
      if (/\bshould\b/.test(title))
        found.push({ path, line, say: `title "${title}": say what happens, without "should"` })
    }
    for (const m of text.matchAll(/\bsetTimeout\(|node:timers\/promises/g))
      found.push({
        path,
        line: lineAt(m.index),
        say: 'no sleeping: move the clock, or wait for a condition',
      })
  }
  return found
}
