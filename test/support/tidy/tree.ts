/**
 * The checkout as the tidy rules see it: paths and texts, nothing else, so that a rule can be tried
 * on three lines of a tree that does not exist. Read next: ../../tidy.test.ts.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** Path from the top of the checkout, with its text. */
export type Tree = Map<string, string>

export interface Finding {
  path: string
  /** 0: the file as a whole. */
  line: number
  /** What is wrong, and what to write instead. */
  say: string
}

export type Rule = (tree: Tree) => Finding[]

/** Recorded data, not code: judged by the tests that use it. */
const DATA = /^test\/(oracle\/(cases|samples)|ipvsadm\/recorded)\//
const TEXT = /\.(ts|js|json|c|h|cc|sh|md|txt|yaml)$|(^|\/)[A-Za-z.-]+$/

/** Every text file of the checkout, also those not yet committed. */
export function readTree(top: string): Tree {
  const tree: Tree = new Map()
  for (const path of paths(top)) {
    if (DATA.test(path) || !TEXT.test(path)) continue
    const full = join(top, path)
    if (existsSync(full) && statSync(full).isFile()) tree.set(path, readFileSync(full, 'utf8'))
  }
  return tree
}

/** What git knows or would take in; without git, what is not made by make. */
export function paths(top: string): string[] {
  if (!existsSync(join(top, '.git'))) return [...walk(top, '')]
  const args = ['-C', top, 'ls-files', '-z', '--cached', '--others', '--exclude-standard']
  return execFileSync('git', args, { encoding: 'utf8' })
    .split('\0')
    .filter(path => path !== '' && existsSync(join(top, path)))
}

function* walk(top: string, under: string): Generator<string> {
  for (const entry of readdirSync(join(top, under), { withFileTypes: true })) {
    const path = under === '' ? entry.name : `${under}/${entry.name}`
    if (['node_modules', 'build', 'addon/build', '.git'].includes(path)) continue
    if (entry.isDirectory()) yield* walk(top, path)
    else yield path
  }
}

/** The files of a tree whose path matches, with their lines. */
export function* linesOf(tree: Tree, which: RegExp): Generator<[path: string, lines: string[]]> {
  for (const [path, text] of tree) if (which.test(path)) yield [path, text.split('\n')]
}

/** Written by a program; its shape is that program's business. */
export function isGenerated(path: string): boolean {
  return /\.gen\.ts$|package-lock\.json$/.test(path)
}
