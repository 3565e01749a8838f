// The daemon of the plug-in: everything in a folder of its own, the tables small. It also runs
// ipvsadm and sysctl for bin/, in this process and warm: in the guest a Node of its own takes a
// quarter of a second of the clock that the connections' time left is compared by.
import { createServer } from 'node:net'
import { text } from 'node:stream/consumers'
import { runDaemon } from './control/daemon/main.js'
import { main } from './control/ipvs/main.js'
import { main as sysctlMain } from './control/ipvs/sysctl.js'
import { sysctlSystem } from './control/ipvs/sysctl_system.js'

const { XLVS_RUN: run, XLVS_PINS: bpffs, IFACES: interfaces } = process.env
const socket = `${run}/xlvs.sock`

async function ipvsadm(words, input) {
  let said = ''
  const say = more => {
    said += more
  }
  const system = {
    readInput: () => Promise.resolve(input),
    print: say,
    complain: say,
    services: () => '',
    hostOf: () => Promise.resolve(undefined),
    addressOf: () => Promise.resolve(undefined),
  }
  return `${await main(words, 'ipvsadm', system, socket)}\n${said}`
}

async function sysctl(words) {
  let said = ''
  const say = more => {
    said += more
  }
  return `${await sysctlMain(words, sysctlSystem(say, say), socket)}\n${said}`
}

/** A request is the words, a line each, an empty line, then the standard input. */
for (const [name, answer] of Object.entries({ ipvsadm, sysctl }))
  createServer({ allowHalfOpen: true }, async connection => {
    const [head, ...rest] = (await text(connection)).split('\n\n')
    const words = head.split('\n').filter(word => word !== '')
    connection.end(await answer(words, rest.join('\n\n')))
  }).listen(`${run}/${name}.sock`)

await runDaemon({
  socket,
  bpffs,
  state: `${run}/state`,
  connections: 4096,
  connections6: 4096,
  logLevel: 'info',
  interfaces: interfaces.split(' '),
})
