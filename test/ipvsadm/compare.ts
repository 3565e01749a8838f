/**
 * What differs from the recorded ipvsadm: `node test/ipvsadm/compare.ts`, for some scenarios only
 * with words of their file's or their own name behind it. Prints each command that differs, with -
 * what was recorded and + what xlvs says. `-q`: the counts alone. `-w`: writes differs.txt too.
 * `--netlink`, `--options`: with Debian's own ipvsadm, by that way; without sysctl's.
 * Read next: world.ts, differs.ts.
 */
import { writeDiffers } from './differs.ts'
import { differing, scenarios } from './recorded.ts'
import { createNamespace } from '../support/namespace.ts'
import type { Ran, Scenario, Step } from './transcript.ts'
import { runUnmodified } from './unmodified.ts'
import { replay } from './world.ts'

const options = process.argv.slice(2).filter(word => word.startsWith('-'))
const asked = process.argv.slice(2).filter(word => !word.startsWith('-'))
const found = new Map<string, number[]>()
const unmodified = (['netlink', 'options'] as const).find(way => options.includes(`--${way}`))
const namespace = unmodified ? await createNamespace('ipvsadm') : undefined
let same = 0
let total = 0
const recording = unmodified === 'options' ? 'recorded_options' : 'recorded'
for (const [name, scenario] of await scenarios(recording)) {
  if (!asked.every(word => name.includes(word))) continue
  if (unmodified && name.startsWith('sysctl')) continue
  const ran =
    unmodified && namespace
      ? await runUnmodified(scenario, namespace, unmodified)
      : await replay(scenario)
  const numbers = show(name, scenario, ran)
  if (numbers.length > 0) found.set(name, numbers)
  same += scenario.steps.length - numbers.length
  total += scenario.steps.length
}
await namespace?.close()
console.log(`same ${same} of ${total}`)
if (options.includes('-w') && asked.length === 0) await writeDiffers(found)

function show(name: string, { steps }: Scenario, ran: readonly Ran[]): number[] {
  const numbers = differing(steps, ran)
  if (numbers.length > 0)
    console.log(`== ${name}: same ${steps.length - numbers.length} of ${steps.length}`)
  for (const number of options.includes('-q') ? [] : numbers) {
    const [step, did] = [steps[number - 1], ran[number - 1]]
    if (step && did) console.log(difference(number, step, did))
  }
  return numbers
}

function difference(number: number, { command, recorded, input }: Step, did: Ran): string {
  const given = input.split('\n').slice(0, -1)
  return [
    `[${number}] $ ${command}`,
    ...given.map(line => `    < ${line}`),
    ...lines('out', recorded.out, did.out),
    ...lines('err', recorded.err, did.err),
    ...lines('status', `${recorded.status}\n`, `${did.status}\n`),
    '',
  ].join('\n')
}

/** Lines that are in one of them only; all of both when it is their order. */
function lines(kind: string, recorded: string, did: string): string[] {
  if (recorded === did) return []
  const [old, now] = [recorded.split('\n'), did.split('\n')]
  const onlyOld = old.filter(line => !now.includes(line))
  const onlyNow = now.filter(line => !old.includes(line))
  const [minus, plus] = onlyOld.length + onlyNow.length > 0 ? [onlyOld, onlyNow] : [old, now]
  return [`  ${kind}:`, ...minus.map(line => `    - ${line}`), ...plus.map(line => `    + ${line}`)]
}
