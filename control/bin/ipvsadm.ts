/**
 * ipvsadm under its own name, or that of one of its scripts, started by ipvsadm.js or a link to it.
 * Read next: ../ipvs/wrappers.ts.
 */
import { scriptName, start } from './start.ts'

start()
const { call } = await import('../ipvs/wrappers.ts')
const [, script = '', ...words] = process.argv
process.exitCode = await call(scriptName(script) ?? 'ipvsadm', words)
