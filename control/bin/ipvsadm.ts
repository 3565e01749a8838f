#!/usr/bin/env node
/**
 * ipvsadm, for scripts that call it by that name. Read next: ../ipvs/main.ts.
 */
import { start } from './start.ts'

start()
const { main } = await import('../ipvs/main.ts')
process.exitCode = await main(process.argv.slice(2), 'ipvsadm')
