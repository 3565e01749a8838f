/**
 * ipvsadm under its own name, started by ipvsadm.js. Read next: ../ipvs/main.ts.
 */
import { start } from './start.ts'

start()
const { main } = await import('../ipvs/main.ts')
process.exitCode = await main(process.argv.slice(2), 'ipvsadm')
