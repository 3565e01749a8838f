/**
 * The xlvs command, started by xlvs.js. Anything in the spelling of ipvsadm or sysctl is dispatched
 * before oclif is there: oclif would refuse a leading -A, and costs time. Read next: run.ts,
 * ../ipvs/main.ts, ../ipvs/sysctl.ts.
 */
import { scriptName, start } from './start.ts'

start()
const [, script, ...given] = process.argv
const name = scriptName(script ?? '')
// xlvs help COMMAND is xlvs COMMAND --help, whatever the spelling.
const words = name === undefined && given[0] === 'help' ? [...given.slice(1), '--help'] : given
if (name !== undefined) await ipvsadm(words, name)
else if (words[0] === 'ipvsadm') await ipvsadm(words.slice(1), 'xlvs ipvsadm')
else if (words[0] === 'sysctl') await sysctl(words.slice(1))
else await (await import('./run.ts')).run(words)

async function ipvsadm(args: string[], program: string): Promise<void> {
  const { call } = await import('../ipvs/wrappers.ts')
  process.exitCode = await call(program, args)
}

async function sysctl(args: string[]): Promise<void> {
  const { main } = await import('../ipvs/sysctl.ts')
  process.exitCode = await main(args)
}
