/**
 * Set-up of the addon's tests: tiny.bpf.c compiled, errors caught, and a network namespace with one
 * veth pair. ava gives each test file a process of its own, so entering a namespace stays there.
 * Read next: tiny.bpf.c, then object.test.ts.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, openSync, renameSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import type { ExecutionContext } from 'ava'

import {
  BpfError,
  BpfMap,
  BpfObject,
  enterNetwork,
  interfaceIndex,
  unshareNetwork,
} from '../../addon/index.ts'
import { privileged as privilegedAsync } from '../support/privileged.ts'

const SOURCES = fileURLToPath(new URL('.', import.meta.url))
const BUILT = fileURLToPath(new URL('../../build/test/', import.meta.url))
const FLAGS = ['-g', '-O2', '-mcpu=v3', '-Wall', '-Wextra', '-Werror']

export const MAP_HASH = 1
export const MAP_ARRAY = 2
export const MAP_PROG_ARRAY = 3
export const MAP_PERCPU_HASH = 5
export const MAP_PERCPU_ARRAY = 6
export const MAP_LRU_HASH = 9
export const MAP_LPM_TRIE = 11
export const MAP_ARRAY_OF_MAPS = 12
export const MAP_HASH_OF_MAPS = 13
export const MAP_QUEUE = 22
export const MAP_RINGBUF = 27
export const F_MMAPABLE = 1 << 10

/** The path of the compiled tiny.bpf.c. */
export const TINY = compile('tiny.bpf.c')

/** Compiles a source of this folder; returns the object's path. */
export function compile(source: string): string {
  const out = `${BUILT}${source.replace(/c$/, 'o')}`
  const mine = `${out}.${String(process.pid)}`
  const multiarch = execFileSync('gcc', ['-print-multiarch'], { encoding: 'utf8' }).trim()
  const include = `-I/usr/include/${multiarch}`

  mkdirSync(BUILT, { recursive: true })
  execFileSync('clang-19', [
    '-target',
    'bpf',
    ...FLAGS,
    include,
    '-c',
    SOURCES + source,
    '-o',
    mine,
  ])
  // Other test files compile it at the same time: each sees a whole file.
  renameSync(mine, out)
  return out
}

/** A test that needs root; most here call the kernel and wait for nothing. */
export function privileged(title: string, body: (t: ExecutionContext) => Promise<void> | void) {
  privilegedAsync(title, async t => {
    await body(t)
  })
}

/** The object, loaded; closed with the test. */
export function loadTiny(t: ExecutionContext, answer?: number): BpfObject {
  const object = BpfObject.open(TINY)
  t.teardown(() => {
    object.close()
  })
  if (answer !== undefined) object.setInitialValue('.rodata', u32(answer))
  object.load()
  return object
}

/** A map of 4-byte keys and 8-byte values unless told otherwise. */
export function makeMap(
  t: ExecutionContext,
  options: Partial<Parameters<typeof BpfMap.create>[0]> = {},
): BpfMap {
  const map = BpfMap.create({
    type: MAP_HASH,
    keySize: 4,
    valueSize: 8,
    maxEntries: 8,
    ...options,
  })
  t.teardown(() => {
    map.close()
  })
  return map
}

/** The BpfError that `act` throws; the test fails when it throws none, or another code. */
export function refused(t: ExecutionContext, code: string, act: () => unknown): BpfError {
  const error = t.throws(act, { instanceOf: BpfError }, `expected ${code} of ${String(act)}`)
  t.is(error.code, code, error.message)
  t.true(error.errno > 0)
  return error
}

export function u32(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer)
}

export function u64(value: bigint): Uint8Array {
  return new Uint8Array(BigUint64Array.of(value).buffer)
}

/** A new namespace for this process's main thread, with two interfaces joined, both up. */
export function enterLab(): { near: number; far: number } {
  unshareNetwork()
  ip('link add near type veth peer name far')
  ip('link set lo up')
  ip('link set near up')
  ip('link set far up')
  return { near: interfaceIndex('near'), far: interfaceIndex('far') }
}

/** A second namespace, and a way to act in it; the process is back where it was afterwards. */
export function secondNetwork(): { path: string; inside: (act: () => void) => void } {
  const home = openSync('/proc/self/ns/net', 'r')
  unshareNetwork()
  const away = openSync('/proc/self/ns/net', 'r')
  enterNetwork(`/proc/self/fd/${String(home)}`)

  const path = `/proc/${String(process.pid)}/fd/${String(away)}`
  const inside = (act: () => void) => {
    enterNetwork(path)
    try {
      act()
    } finally {
      enterNetwork(`/proc/self/fd/${String(home)}`)
    }
  }
  return { path, inside }
}

/** Many commands for one `ip`, which reads them from its input. */
export function ipBatch(lines: string[]): void {
  execFileSync('ip', ['-batch', '-'], { input: lines.join('\n') })
}

/** What is awaited, with the process kept alive: the addon's threads do not do that. */
export async function arrival<T>(promise: Promise<T>): Promise<T> {
  const alive = setInterval(() => undefined, 1000)
  try {
    return await promise
  } finally {
    clearInterval(alive)
  }
}

/** The `ip` command, in the namespace of this thread. */
export function ip(words: string): void {
  execFileSync('ip', words.split(' '), { stdio: ['ignore', 'ignore', 'inherit'] })
}

/** A folder of the BPF file system, gone with the test. */
export function pinFolder(t: ExecutionContext): string {
  const folder = `/sys/fs/bpf/libbpf-ts-${String(process.pid)}-${String(folders++)}`
  mkdirSync(folder)
  t.teardown(() => {
    rmSync(folder, { recursive: true, force: true })
  })
  return folder
}
let folders = 0
