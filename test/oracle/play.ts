/**
 * `node test/oracle/play.ts [-v] [--list REASON] [CASE...]`: plays cases without the oracle's guest
 * and prints how much of each is the same, with -v in words what is not. --list puts what differs
 * into differs.json for that reason, where it is not listed yet, and takes out what does not
 * differ. Needs root and a build. Read next: compare.ts.
 */
import { parseArgs } from 'node:util'
import {
  caseNames,
  knownDifferences,
  playCase,
  writeDifferences,
  type Difference,
} from './compare.ts'

const { values, positionals } = parseArgs({
  options: { verbose: { type: 'boolean', short: 'v' }, list: { type: 'string' } },
  allowPositionals: true,
})
const names = positionals.length > 0 ? positionals : caseNames()
let known = knownDifferences()

for (const name of names) {
  const { problems, total } = await playCase(name)
  const listed = known.filter(d => d.case === name)
  const news = [...problems.keys()].filter(step => !listed.some(d => d.step === step))
  const gone = listed.filter(d => !problems.has(d.step))
  const same = total - problems.size
  const kept = listed.length - gone.length
  console.log(`${name} ${same}/${total}, ${kept} listed, ${news.length} new, ${gone.length} gone`)
  if (values.verbose)
    for (const [step, problem] of problems) console.log(`  ${step}: ${indented(problem)}`)
  if (values.list !== undefined) known = relisted(name, [...problems.keys()], values.list)
}
if (values.list !== undefined) writeDifferences(known)

function relisted(name: string, steps: (number | string)[], reason: string): Difference[] {
  const reasons = new Map(known.filter(d => d.case === name).map(d => [d.step, d.reason]))
  const rows = steps.map(step => ({ case: name, step, reason: reasons.get(step) ?? reason }))
  return [...known.filter(d => d.case !== name), ...rows]
}

function indented(text: string): string {
  return text.trimEnd().replace(/\n/g, '\n    ')
}
