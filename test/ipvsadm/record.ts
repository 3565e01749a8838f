/**
 * Records the scenarios again with the real ipvsadm on a real kernel, in the oracle's guest:
 * `make record`, or for some files only `make record FILES=services.txt`. Needs the oracle's folder
 * as the first argument; the files are rewritten in place. With `--options` behind it ipvsadm has
 * no netlink, and what the commands of those files do then goes to recorded_options/.
 * Read next: transcript.ts, guest.sh.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fuzzAgainScenarios, fuzzRestoreScenarios, fuzzScenarios, orderScenarios } from './fuzz.ts'
import { matrixScenarios } from './matrix.ts'
import { parseTranscript, printTranscript, quoted, type Scenario, stepOf } from './transcript.ts'

const HERE = import.meta.dirname
const RECORDED = join(HERE, 'recorded')
/** Files that are written from scratch. */
const MADE: Record<string, () => Scenario[]> = {
  'matrix.txt': matrixScenarios,
  'fuzz.txt': () => fuzzScenarios(),
  'fuzz_again.txt': fuzzAgainScenarios,
  'fuzz_restore.txt': fuzzRestoreScenarios,
  'order.txt': orderScenarios,
}
/** Looked at after each scenario. */
const AFTER = [
  'ipvsadm -Ln',
  'ipvsadm -Sn',
  'ipvsadm -L --timeout',
  'ipvsadm -L --daemon',
  'cat /proc/net/ip_vs',
]

const isByOptions = process.argv.includes('--options')
const [oracle = '', ...asked] = process.argv.slice(2).filter(word => word !== '--options')
const INTO = isByOptions ? join(HERE, 'recorded_options') : RECORDED
const names =
  asked.length > 0 ? asked : [...new Set([...Object.keys(MADE), ...readdirSync(RECORDED)])]
const files = new Map(names.map(name => [name, read(name).map(withEnd)]))
record(oracle, [...files.values()].flat())
for (const [name, scenarios] of files) writeFileSync(join(INTO, name), printTranscript(scenarios))

function read(name: string): Scenario[] {
  return MADE[name]?.() ?? parseTranscript(readFileSync(join(RECORDED, name), 'utf8'))
}

function withEnd(scenario: Scenario): Scenario {
  if (!scenario.steps.some(({ words }) => words[0]?.startsWith('ipvsadm'))) return scenario
  const own = scenario.steps.filter(
    (step, i, all) => !(all.length - i <= AFTER.length && AFTER.includes(step.command)),
  )
  return { ...scenario, steps: [...own, ...AFTER.map(command => stepOf(command))] }
}

/** Runs all in one guest, and puts what it did into the steps. */
function record(oracle: string, scenarios: readonly Scenario[]): void {
  const folder = mkdtempSync(join(tmpdir(), 'ipvsadm-'))
  try {
    const steps = scenarios.flatMap(scenario => scenario.steps)
    mkdirSync(join(folder, 'inputs'))
    writeFileSync(join(folder, 'plan.sh'), plan(scenarios))
    steps.forEach(({ input }, i) => {
      if (input !== '') writeFileSync(join(folder, 'inputs', `${i}.in`), input)
    })
    const mine = ['guest.sh', 'steps.sh', 'hosts'].map(name => join(HERE, name))
    const theirs = [join(folder, 'plan.sh'), join(folder, 'inputs')]
    if (isByOptions) theirs.push(withoutNetlink(folder))
    const args = ['run', '-o', join(folder, 'out'), ...mine, ...theirs]
    execFileSync(join(oracle, 'ipvs-guest'), args, { stdio: 'inherit' })
    const result = (name: string): string => readFileSync(join(folder, 'out', name), 'utf8')
    steps.forEach((step, i) => {
      const status = Number(result(`${i}.status`))
      step.recorded = { status, out: result(`${i}.out`), err: result(`${i}.err`) }
    })
    if (!isByOptions) writeFileSync(join(HERE, 'services'), result('services'))
    console.log(`recorded ${steps.length} commands in ${scenarios.length} scenarios`)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The library that the guest's ipvsadm is started with. */
function withoutNetlink(folder: string): string {
  const library = join(folder, 'no_netlink.so')
  const options = ['-O2', '-shared', '-fPIC', '-o', library]
  execFileSync('gcc', [...options, join(HERE, 'no_netlink.c')], { stdio: 'inherit' })
  return library
}

/** A bash script; commands are numbered through. */
function plan(scenarios: readonly Scenario[]): string {
  let number = 0
  const lines = scenarios.flatMap(({ name, steps }) => [
    `fresh ${quoted(name)}`,
    ...steps.map(({ words }) => `run ${number++} ${words.map(quoted).join(' ')}`),
  ])
  return ['. /in/steps.sh', ...lines, ''].join('\n')
}
