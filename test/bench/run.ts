/**
 * `make bench`: what a packet costs in the program that is shipped, beside the least it could cost.
 * Options: --no-gate exits 0 whatever the gates say; --rounds N; --cpu N; --objects FOLDER measures
 * another xlvs.bpf.o of the same ABI; --rows a,b only those and their floors. Needs root, and makes
 * tables of some 1.5 GB. Read next: rows.ts, then measure.ts.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { cpus, release, setPriority } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

import { BpfProgram } from '../../addon/index.ts'
import { WALK } from '../../control/abi/maps.gen.ts'
import { key32, view } from '../../control/dataplane/bytes.ts'
import type { Kernel } from '../../control/dataplane/kernel.ts'
import { Generator } from './generator.ts'
import { freshSlots, measure, tryRow } from './measure.ts'
import { reportOf, textOf, type Machine, type Size } from './report.ts'
import { setUp, type Row } from './rows.ts'

const BUILD = fileURLToPath(new URL('../../build/', import.meta.url))
const ATTACHED = '/sys/fs/bpf/xlvs/prog'
/** About 50 s on the machine of 2026: enough for the minimum to stand still. */
const ROUNDS = 25

const { values: options } = parseArgs({
  options: {
    'no-gate': { type: 'boolean', default: false },
    rounds: { type: 'string', default: String(ROUNDS) },
    cpu: { type: 'string', default: String(cpus().length - 1) },
    objects: { type: 'string', default: BUILD },
    rows: { type: 'string', default: '' },
  },
})

try {
  process.exitCode = main()
} catch (cause) {
  progress('')
  console.error(`bench: ${(cause as Error).message}`)
  process.exitCode = 1
}

function main(): number {
  if (process.getuid?.() !== 0) throw new Error('it loads XDP programs: run it as root')
  const rounds = Number(options.rounds)
  pin(options.cpu)
  const generator = new Generator()
  const bench = setUp(generator, options.objects, freshSlots(rounds), progress)
  const rows = chosen(bench.rows, options.rows)
  for (const row of rows) {
    progress(`trying ${row.name}`)
    tryRow(generator, row)
  }
  const { results, sweeps } = measure(generator, rows, bench.nat, rounds, progress)
  progress('')
  const { kernel } = bench.nat
  const report = reportOf(machineOf(kernel), programsOf(kernel), results, sweeps)
  writeFileSync(`${BUILD}bench.json`, `${JSON.stringify(report, null, 2)}\n`)
  console.log(textOf(report))
  return report.gates.every(g => g.passed) || options['no-gate'] ? 0 : 1
}

/**
 * Only this thread, which runs the packets; the engine's own threads may go elsewhere. Before all
 * other work of its CPU, or every window would have some of that in it.
 */
function pin(cpu: string): void {
  const thread = String(process.pid)
  execFileSync('taskset', ['--cpu-list', '--pid', cpu, thread], { stdio: 'ignore' })
  try {
    execFileSync('chrt', ['--fifo', '--pid', '1', thread], { stdio: 'ignore' })
  } catch {
    // A container may forbid it; the minimum still stands, the median is then worth less.
    setPriority(-20)
  }
}

function chosen(rows: Row[], names: string): Row[] {
  if (names === '') return rows
  const wanted = new Set(['empty', ...names.split(',')])
  for (const row of rows) if (wanted.has(row.name) && row.floor !== undefined) wanted.add(row.floor)
  return rows.filter(row => wanted.has(row.name))
}

function machineOf(kernel: Kernel): Machine {
  return {
    kernel: release(),
    cpu: cpus()[0]?.model ?? 'unknown CPU',
    tag: kernel.program.info.tag,
    attachedTag: existsSync(ATTACHED) ? BpfProgram.fromPin(ATTACHED).info.tag : 'none attached',
  }
}

/** The entry and the walks it tail-calls. */
function programsOf(kernel: Kernel): Size[] {
  const walks = Array.from({ length: WALK.WALKS }, (_, i) => {
    const id = kernel.maps.walks.lookup(key32(i))
    return id ? [BpfProgram.fromId(view(id).getUint32(0, true))] : []
  })
  return [kernel.program, ...walks.flat()].map(program => {
    const { name, tag, verifiedInsns, xlatedBytes, jitedBytes } = program.info
    return { name, tag, verifiedInsns, xlatedBytes, jitedBytes }
  })
}

function progress(what: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${what}`)
}
