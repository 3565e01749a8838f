/**
 * `node listed.ts FILE CASE...`: holds what differed in the oracle's guest, a line `CASE STEP` each
 * in FILE, against differs.json. Prints what is listed, by reason, and what is not as it is listed;
 * exit status 1 when there is such. Read next: run.sh.
 */
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { knownDifferences } from './compare.ts'

const [file = '', ...cases] = process.argv.slice(2)
const names = cases.map(path => basename(path))
const differing = new Set(
  readFileSync(file, 'utf8')
    .split('\n')
    .filter(line => line !== ''),
)
const known = knownDifferences().filter(d => names.includes(d.case))
const key = (d: { case: string; step: number | string }) => `${d.case} ${d.step}`

const reasons = new Map<string, number>()
for (const d of known.filter(d => differing.has(key(d)))) {
  const line = `${d.case}: ${d.reason}`
  reasons.set(line, (reasons.get(line) ?? 0) + 1)
}
const listed = new Set(known.map(key))
const faults = [
  ...[...differing].filter(step => !listed.has(step)).map(step => `${step} differs, not listed`),
  ...known.filter(d => !differing.has(key(d))).map(d => `${key(d)} is listed, does not differ`),
]

if (reasons.size > 0) console.log('differing as test/oracle/differs.json lists it:')
for (const [line, count] of reasons) console.log(`  ${count} of ${line}`)
for (const fault of faults) console.log(fault)
process.exit(faults.length > 0 ? 1 : 0)
