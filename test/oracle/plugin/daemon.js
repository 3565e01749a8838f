// The daemon of the plug-in: everything in a folder of its own, the tables small. It also runs
// ipvsadm for bin/ipvsadm, in this process and warm: in the guest a Node of its own takes a quarter
// of a second of the clock that the connections' time left is compared by.
import { createServer } from 'node:net'
import { text } from 'node:stream/consumers'
import { runDaemon } from './control/daemon/main.js'
import { main } from './control/ipvs/main.js'

const { XLVS_RUN: run, XLVS_PINS: bpffs, IFACES: interfaces } = process.env
const socket = `${run}/xlvs.sock`

/** A request is ipvsadm's words, a line each, an empty line, then its standard input. */
async function ipvsadm(request) {
  const [head, ...rest] = request.split('\n\n')
  const words = head.split('\n').filter(word => word !== '')
  let said = ''
  const say = more => {
    said += more
  }
  const system = {
    readInput: () => Promise.resolve(rest.join('\n\n')),
    print: say,
    complain: say,
    services: () => '',
    hostOf: () => Promise.resolve(undefined),
  }
  return `${await main(words, 'ipvsadm', system, socket)}\n${said}`
}

createServer({ allowHalfOpen: true }, async connection => {
  connection.end(await ipvsadm(await text(connection)))
}).listen(`${run}/ipvsadm.sock`)

await runDaemon({
  socket,
  bpffs,
  state: `${run}/state`,
  connections: 4096,
  connections6: 4096,
  logLevel: 'info',
  interfaces: interfaces.split(' '),
})
