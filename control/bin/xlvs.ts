/**
 * The xlvs command, started by xlvs.js. Anything in the spelling of ipvsadm or sysctl is dispatched
 * before oclif is there: oclif would refuse a leading -A, and costs time. Read next: run.ts,
 * ../ipvs/main.ts, ../ipvs/sysctl.ts.
 */
import { basename } from 'node:path'
import { start } from './start.ts'

start()
const [, script, ...words] = process.argv
if (basename(script ?? '') === 'ipvsadm') await ipvsadm(words, 'ipvsadm')
else if (words[0] === 'ipvsadm') await ipvsadm(words.slice(1), 'xlvs ipvsadm')
else if (words[0] === 'sysctl') await sysctl(words.slice(1))
else await (await import('./run.ts')).run(words)

async function ipvsadm(args: string[], program: string): Promise<void> {
  const { main } = await import('../ipvs/main.ts')
  process.exitCode = await main(args, program)
}

async function sysctl(args: string[]): Promise<void> {
  const { main } = await import('../ipvs/sysctl.ts')
  process.exitCode = await main(args)
}
