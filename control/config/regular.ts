/**
 * YAML of the shape that nearly every lvs.yaml has, read line by line in a tenth of the time:
 * nested mappings and lists of plain words, comments, and lists of words in brackets. The tree is
 * the one that the yaml library makes; whatever looks any different is left to it. Pure.
 * Read next: parse.ts.
 */
import { Pair, Scalar, YAMLMap, YAMLSeq, type ParsedNode } from 'yaml'

/** Deeper than any configuration; what is deeper is not regular. */
const DEPTH_MAX = 6

const WORD = '[A-Za-z0-9](?:[A-Za-z0-9 .:/_\\[\\]-]*[A-Za-z0-9./_\\[\\]-])?'
const KEY = '[A-Za-z0-9](?:[A-Za-z0-9 .:/_\\[\\]-]{0,200}?[A-Za-z0-9./_\\[\\]-])?'
const WORDS = '\\[[A-Za-z0-9._-]+(?:, *[A-Za-z0-9._-]+)*\\]'
const END = '(?: +#.*| *)$'
const BLANK = new RegExp(`(?: *#.*| *)$`, 'my')
const ITEM = new RegExp(`( *- +)(${WORD})${END}`, 'my')
const ENTRY = new RegExp(`( *)(${KEY}):(?:( +)(?:(${WORD})|(${WORDS})))?${END}`, 'my')

type Node = Scalar | YAMLMap | YAMLSeq

interface Line {
  /** Where it begins, and where its newline is. */
  at: number
  end: number
  indent: number
  /** The key of an entry; undefined in an item of a list. */
  key: Scalar | undefined
  value: Node | undefined
}

/** The tree; undefined when the text is not as regular as that. */
export function regularTree(text: string): ParsedNode | undefined {
  const lines = linesOf(text)
  if (!lines) return undefined
  const walk = { lines, next: 0 }
  const root = readMap(walk, 0)
  return walk.next === lines.length ? (root as ParsedNode | undefined) : undefined
}

function linesOf(text: string): Line[] | undefined {
  const lines: Line[] = []
  for (let at = 0; at < text.length;) {
    const newline = text.indexOf('\n', at)
    const end = newline < 0 ? text.length : newline
    if (matchAt(BLANK, text, at, end) === undefined) {
      const line = readLine(text, at, end)
      if (!line) return undefined
      lines.push(line)
    }
    at = end + 1
  }
  return lines
}

function readLine(text: string, at: number, end: number): Line | undefined {
  const item = matchAt(ITEM, text, at, end)
  if (item) {
    const [, dash = '', word = ''] = item
    const value = scalar(word, at + dash.length)
    return value && { at, end, indent: dash.indexOf('-'), key: undefined, value }
  }
  const entry = matchAt(ENTRY, text, at, end)
  if (!entry) return undefined
  const [, blank = '', name = '', gap = '', word, words] = entry
  const key = scalar(name, at + blank.length)
  const from = at + blank.length + name.length + 1 + gap.length
  const value = words === undefined ? scalar(word ?? '', from) : bracketed(words, from)
  if (!key || !value) return undefined
  const hasValue = word !== undefined || words !== undefined
  return { at, end, indent: blank.length, key, value: hasValue ? value : undefined }
}

/** The match of a whole line. */
function matchAt(pattern: RegExp, text: string, at: number, end: number) {
  pattern.lastIndex = at
  const found = pattern.exec(text)
  return found && pattern.lastIndex === end ? found : undefined
}

function scalar(text: string, at: number): Scalar | undefined {
  if (text.includes(': ')) return undefined
  const node = new Scalar(text)
  node.type = 'PLAIN'
  node.range = [at, at + text.length, at + text.length]
  return node
}

function bracketed(text: string, at: number): YAMLSeq {
  const list = new YAMLSeq()
  list.range = [at, at + text.length, at + text.length]
  for (const { 0: word, index } of text.matchAll(/[^[\], ]+/g)) {
    const item = scalar(word, at + index)
    if (item) list.items.push(item)
  }
  return list
}

interface Walk {
  lines: readonly Line[]
  next: number
}

/** Entries of one indent; undefined when one has no value, or the first is none of a mapping. */
function readMap(walk: Walk, depth: number): YAMLMap | undefined {
  const first = walk.lines[walk.next]
  if (!first?.key || depth > DEPTH_MAX) return undefined
  const map = new YAMLMap()
  for (;;) {
    const line = walk.lines[walk.next]
    if (!line?.key || line.indent !== first.indent) break
    walk.next++
    const value: Node | undefined = line.value ?? readNested(walk, line.indent, depth)
    if (!value) return undefined
    map.items.push(new Pair(line.key, value))
  }
  map.range = rangeOf(walk, first)
  return map
}

/** What a key without a value in its line has. */
function readNested(walk: Walk, indent: number, depth: number): Node | undefined {
  const line = walk.lines[walk.next]
  if (!line) return undefined
  if (line.key) return line.indent > indent ? readMap(walk, depth + 1) : undefined
  return line.indent >= indent ? readList(walk, line) : undefined
}

function readList(walk: Walk, first: Line): YAMLSeq {
  const list = new YAMLSeq()
  for (;;) {
    const line = walk.lines[walk.next]
    if (!line || line.key || line.indent !== first.indent) break
    walk.next++
    list.items.push(line.value)
  }
  list.range = rangeOf(walk, first)
  return list
}

function rangeOf(walk: Walk, first: Line): [number, number, number] {
  const end = walk.lines[walk.next - 1]?.end ?? first.end
  return [first.at + first.indent, end, end]
}
