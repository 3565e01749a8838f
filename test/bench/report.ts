/**
 * What the bench found: a table for people, build/bench.json for machines, and the gates. Pure.
 * Read next: run.ts.
 */
import type { ProgramInfo } from '../../addon/index.ts'
import type { Result, SweepResult } from './measure.ts'

/** One core may spend so long on a table of 4 Mi slots. */
const SWEEP_MS_MAX = 100

export interface Machine {
  kernel: string
  cpu: string
  /** Of the program measured. */
  tag: string
  /** Of the one attached; 'none attached'. */
  attachedTag: string
}

export interface Report {
  machine: Machine
  rows: ReportRow[]
  programs: Size[]
  gates: Gate[]
}

/** What the verifier and the compiler of the kernel made of a program. */
export type Size = Pick<
  ProgramInfo,
  'name' | 'tag' | 'verifiedInsns' | 'xlatedBytes' | 'jitedBytes'
>

interface ReportRow {
  name: string
  /** Minimum. */
  ns: number
  medianNs: number
  /** Minimum against the floor's minimum; null where there is nothing to hold it against. */
  floorRatio: number | null
  medianFloorRatio: number | null
}

interface Gate {
  name: string
  value: number
  max: number
  unit: 'x' | 'ms'
  passed: boolean
}

export function reportOf(
  machine: Machine,
  programs: Size[],
  results: Result[],
  sweeps: SweepResult,
): Report {
  const rows = results.map(result => reportRow(result, results))
  const swept = { ns: minimum(sweeps.samples) * 1e6, medianNs: median(sweeps.samples) * 1e6 }
  const none = { floorRatio: null, medianFloorRatio: null }
  const gates = results.flatMap(({ row }): Gate[] => {
    const value = rows.find(r => r.name === row.name)?.floorRatio ?? NaN
    const max = row.ratioMax
    return max === undefined ? [] : [gate(row.name, value, max, 'x')]
  })
  return {
    machine,
    programs,
    rows: [...rows, { name: 'sweep.4m', ...swept, ...none }],
    gates: [...gates, gate('sweep.4m', swept.ns / 1e6, SWEEP_MS_MAX, 'ms')],
  }
}

function gate(name: string, value: number, max: number, unit: Gate['unit']): Gate {
  return { name, value, max, unit, passed: value <= max }
}

function reportRow({ row, samples }: Result, all: Result[]): ReportRow {
  const floor = all.find(other => other.row.name === row.floor)?.samples
  const ns = minimum(samples)
  const medianNs = median(samples)
  return {
    name: row.name,
    ns,
    medianNs,
    floorRatio: floor ? ns / minimum(floor) : null,
    medianFloorRatio: floor ? medianNs / median(floor) : null,
  }
}

/** The report as people read it. */
export function textOf(report: Report): string {
  const { machine, rows, programs, gates } = report
  const empty = rows.find(r => r.name === 'empty')?.ns ?? 0
  const packets = rows.filter(r => r.name !== 'sweep.4m')
  const swept = rows.find(r => r.name === 'sweep.4m')
  const line = (cells: (string | number | null)[]) =>
    cells.map((c, i) => (i === 0 ? cell(c).padEnd(20) : cell(c).padStart(10))).join('')
  return [
    `kernel ${machine.kernel}, ${machine.cpu}`,
    `program measured ${machine.tag}, program attached ${machine.attachedTag}`,
    '',
    line(['row', 'min ns', 'median ns', 'net ns', 'x floor', 'median x']),
    ...packets.map(r =>
      line([r.name, r.ns, r.medianNs, r.ns - empty, r.floorRatio, r.medianFloorRatio]),
    ),
    '',
    `sweep.4m: ${cell((swept?.ns ?? 0) / 1e6)} ms of one core, median ` +
      `${cell((swept?.medianNs ?? 0) / 1e6)} ms`,
    '',
    line(['program', 'verified', 'xlated B', 'jited B', 'tag']),
    ...programs.map(
      p => line([p.name, `${p.verifiedInsns}`, `${p.xlatedBytes}`, `${p.jitedBytes}`, '']) + p.tag,
    ),
    '',
    ...gates.map(
      g =>
        `gate ${g.name.padEnd(24)}${cell(g.value).padStart(8)} ${g.unit}, at most ${g.max} ` +
        `${g.unit}: ${g.passed ? 'pass' : 'FAIL'}`,
    ),
  ].join('\n')
}

function cell(value: string | number | null): string {
  return typeof value === 'number' ? value.toFixed(2) : (value ?? '')
}

/** Of ascending samples. */
function minimum(samples: number[]): number {
  return samples[0] ?? NaN
}

/** Of ascending samples. */
function median(samples: number[]): number {
  return samples[samples.length >> 1] ?? NaN
}
