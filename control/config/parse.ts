/**
 * YAML to a tree whose every node knows its place, and the errors found in it. Anchors, aliases and
 * tags are refused, so a small text cannot stand for a large one. Every value stays text here.
 * Pure. Read next: check.ts.
 */
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type ParsedNode,
  type Scalar,
  type YAMLError,
} from 'yaml'
import { type ErrorCode, type Fault, XlvsError } from '../errors.ts'
import { nearest } from './nearest.ts'
import { regularTree } from './regular.ts'
import { shown } from './refusal.ts'
import { FAULTS_MAX } from './schema.ts'

export type YamlNode = ParsedNode | null

/** A key of a mapping, and what it has. */
export interface Entry {
  key: string
  keyNode: Scalar.Parsed
  value: YamlNode
}

/** A text, its tree, and what is wrong with it. */
export class Source {
  readonly root: YamlNode
  readonly #text: string
  readonly #lines = new LineCounter()
  readonly #faults: Fault[] = []

  constructor(text: string) {
    this.#text = text
    const regular = regularTree(text)
    this.root = regular ?? this.#otherTree(text)
    if (regular)
      for (let at = 0; at >= 0 && at <= text.length; at = text.indexOf('\n', at) + 1 || -1)
        this.#lines.addNewLine(at)
  }

  /** What is not as regular as most: the yaml library reads it, and knows what is wrong. */
  #otherTree(text: string): YamlNode {
    const document = parseDocument(text, {
      schema: 'failsafe',
      lineCounter: this.#lines,
      prettyErrors: false, // they take time quadratic in the errors
      uniqueKeys: false,
    })
    const lines = new Set<number>()
    for (const error of document.errors) this.#yamlFault(error, lines)
    if (document.contents === null && document.errors.length === 0)
      this.#faults.push({
        ...{ line: 1, column: 1, length: 0 }, // there is nothing to underline
        error: typeFault(
          'the file is empty: expected settings, interfaces or services',
          'services: {}',
        ),
      })
    return document.contents
  }

  /** In the order of the text, and not more than people would read. */
  faults(): Fault[] {
    const sorted = this.#faults.toSorted((a, b) => a.line - b.line || a.column - b.column)
    return sorted.slice(0, FAULTS_MAX)
  }

  get isFaulty(): boolean {
    return this.#faults.length > 0
  }

  /** Notes an error about the characters from one offset to another. */
  fault(error: XlvsError, from: number, to: number): void {
    const { line, col } = this.#lines.linePos(from)
    const newline = this.#text.indexOf('\n', from)
    const end = Math.min(to, newline < 0 ? this.#text.length : newline)
    const length = Math.max(1, end - from)
    this.#faults.push({ line: Math.max(1, line), column: Math.max(1, col), length, error })
  }

  /** Notes an error about a node; `part` is the piece of its text that is wrong. */
  faultAt(node: YamlNode, error: XlvsError, part?: { at: number; length: number }): void {
    const [from, to] = node?.range ?? [0, 0]
    if (!part || !isScalar(node)) {
      this.fault(error, from, to)
      return
    }
    const written = this.#text.slice(from, to)
    const skip = written === node.value ? 0 : written.slice(1, -1) === node.value ? 1 : undefined
    if (skip === undefined) this.fault(error, from, to)
    else this.fault(error, from + skip + part.at, from + skip + part.at + part.length)
  }

  /** What `read` gives; its XlvsError becomes a fault of the node, or of a part of its text. */
  attempt<T>(
    node: YamlNode,
    read: () => T,
    part?: (code: ErrorCode) => { at: number; length: number } | undefined,
  ): T | undefined {
    try {
      return read()
    } catch (error) {
      if (!(error instanceof XlvsError)) throw error
      this.faultAt(node, error, part?.(error.code))
      return undefined
    }
  }

  lineOf(node: YamlNode): number {
    return this.#lines.linePos(node?.range[0] ?? 0).line
  }

  /** The entries of a mapping; none, with a fault, when it is something else. */
  mapping(node: YamlNode, what: string, expected: string, example = expected): Entry[] {
    if (this.#isEmpty(node) || !this.#isPlainYaml(node)) return []
    if (!isMap(node)) {
      this.faultAt(
        node,
        typeFault(
          `${what} is ${kindOf(node)}: expected a mapping of ${expected}`,
          withColon(node, expected) ?? example,
        ),
      )
      return []
    }
    return node.items.flatMap(({ key, value }) => {
      if (!isScalar(key)) {
        const text = 'write it without leading brackets, or in quotes'
        this.faultAt(key, typeFault(`a key of ${what} is ${kindOf(key)}: expected a word`, text))
        return []
      }
      if (!this.#isPlainYaml(key)) return []
      return [{ key: String(key.value), keyNode: key, value }]
    })
  }

  /** The items of a list that are text; those that are not are faults. */
  list(node: YamlNode, what: string, example: string): { text: string; node: Scalar.Parsed }[] {
    if (this.#isEmpty(node) || !this.#isPlainYaml(node)) return []
    if (!isSeq(node)) {
      this.faultAt(node, typeFault(`${what} is ${kindOf(node)}: expected a list`, `- ${example}`))
      return []
    }
    return node.items.flatMap(item => {
      const text = this.text(item, `an item of ${what}`, example)
      return text === undefined || !isScalar(item) ? [] : [{ text, node: item }]
    })
  }

  /** A node's text; undefined, with a fault, when it is not text. */
  text(node: YamlNode, what: string, example: string): string | undefined {
    if (node !== null && !this.#isPlainYaml(node)) return undefined
    if (isScalar(node)) return String(node.value)
    this.faultAt(node, typeFault(`${what} is ${kindOf(node)}: expected one value`, example))
    return undefined
  }

  /** Entries whose keys are known and there once, with a value; the others are faults. */
  known(entries: Entry[], what: string, keys: readonly string[]): Map<string, Entry> {
    const found = new Map<string, Entry>()
    for (const entry of entries) {
      if (!keys.includes(entry.key)) this.faultAt(entry.keyNode, unknownKey(what, entry.key, keys))
      else if (this.isFirst(found, entry.key, entry.keyNode, `${what} ${entry.key}`))
        found.set(entry.key, entry)
    }
    for (const [key, { value }] of found) if (this.#isEmpty(value)) found.delete(key)
    return found
  }

  /** Whether `name` is not in `seen` yet; notes a fault when it is. */
  isFirst(
    seen: ReadonlyMap<string, { keyNode: YamlNode }>,
    name: string,
    node: YamlNode,
    what: string,
  ): boolean {
    const before = seen.get(name)
    if (!before) return true
    const line = this.lineOf(before.keyNode)
    const sentence = `${what} is there twice: first in line ${line}, expected once`
    this.faultAt(node, new XlvsError('DUPLICATE', sentence, 'remove one of them'))
    return false
  }

  /** A key without a value is as good as one that is not there. */
  #isEmpty(node: YamlNode): boolean {
    return node === null || (isScalar(node) && node.value === '' && node.type === 'PLAIN')
  }

  #isPlainYaml(node: YamlNode): boolean {
    const what = isAlias(node)
      ? 'an alias'
      : node?.anchor !== undefined
        ? 'an anchor'
        : node?.tag !== undefined
          ? 'a tag'
          : undefined
    if (what === undefined) return true
    const sentence = `${what} of YAML is not understood here: expected plain values`
    this.faultAt(node, new XlvsError('BAD_YAML', sentence, 'write the value out'))
    return false
  }

  /** One error a line: others in the same line mostly come from the first. */
  #yamlFault(error: YAMLError, lines: Set<number>): void {
    const { line } = this.#lines.linePos(error.pos[0])
    if (lines.has(line)) return
    lines.add(line)
    const deep = error.code === 'RESOURCE_EXHAUSTION'
    const own = deep ? 'it is nested too deeply' : (error.message.split('\n')[0] ?? '')
    const why = error.code === NO_COLON ? 'this key has no colon at its end' : own
    this.fault(
      new XlvsError('BAD_YAML', `this is not YAML: ${why}`, YAML_HINTS[error.code] ?? YAML_HINT),
      error.pos[0],
      error.pos[1],
    )
  }
}

const YAML_HINT = 'indent with spaces, and put text with ": " or " #" in it into quotes'
/** Also what else would make a key go over several lines, which is rarer by far. */
const NO_COLON = 'MULTILINE_IMPLICIT_KEY'
const YAML_HINTS: Partial<Record<YAMLError['code'], string>> = {
  [NO_COLON]: 'write a colon behind it, as in tcp 192.0.2.1:80:',
  TAB_AS_INDENT: 'indent with spaces',
  MULTIPLE_DOCS: 'one file has one configuration: remove the line ---',
  RESOURCE_EXHAUSTION: 'this file has at most four levels',
  DUPLICATE_KEY: 'remove one of them',
}

function typeFault(sentence: string, example: string): XlvsError {
  return new XlvsError('BAD_TYPE', sentence, `for example: ${example}`)
}

/** Words that are named in a sentence; of more it says who lists them, which are settings. */
const LISTED_MAX = 12

/** What a text would be with the colon that it lacks; undefined when that is not what is wrong. */
function withColon(node: YamlNode, expected: string): string | undefined {
  const text = isScalar(node) ? String(node.value) : ''
  const [, key = '', value = ''] = /^(\S+)(?: +(.*))?$/.exec(text) ?? []
  if (expected.split(', ').includes(key)) return `${key}: ${value}`.trimEnd()
  return /^[a-z]+6?[ :]\S+$/.test(text) && text.includes(' ') ? `${text}:` : undefined
}

export function unknownKey(what: string, key: string, known: readonly string[]): XlvsError {
  const guess = nearest(key, known)
  const all = known.length > LISTED_MAX ? 'what xlvs get lists' : known.join(', ')
  return new XlvsError(
    'UNKNOWN_KEY',
    `${shown(key)} is not known in ${what}: expected ${all}`,
    guess === undefined ? `use ${all}` : `did you mean ${guess}?`,
  )
}

function kindOf(node: YamlNode): string {
  if (isMap(node)) return 'a mapping'
  if (isSeq(node)) return 'a list'
  if (isScalar(node) && node.value !== '') return shown(node.value)
  return 'empty'
}
