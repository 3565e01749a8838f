// The daemon of the plug-in: everything in a folder of its own, the tables small.
import { runDaemon } from './control/daemon/main.js'

const { XLVS_RUN: run, XLVS_PINS: bpffs, IFACES: interfaces } = process.env

await runDaemon({
  socket: `${run}/xlvs.sock`,
  bpffs,
  state: `${run}/state`,
  connections: 4096,
  logLevel: 'info',
  interfaces: interfaces.split(' '),
})
