// The daemon of the plug-in: everything in a folder of its own, the tables small. It also runs
// ipvsadm and sysctl for bin/, in this process and warm: in the guest a Node of its own takes a
// quarter of a second of the clock that the connections' time left is compared by.
import { createServer } from 'node:net'
import { text } from 'node:stream/consumers'
import { connectDirector } from './control/daemon/client.js'
import { runDaemon } from './control/daemon/main.js'
import { main } from './control/ipvs/main.js'
import { importMarks } from './control/ipvs/marks/import.js'
import { main as sysctlMain } from './control/ipvs/sysctl.js'
import { sysctlSystem } from './control/ipvs/sysctl_system.js'
import { SYSTEM } from './control/ipvs/system.js'

const { XLVS_RUN: run, XLVS_PINS: bpffs, IFACES: interfaces } = process.env
const socket = `${run}/xlvs.sock`

async function ipvsadm(words, input) {
  let [said, complained] = ['', '']
  const status = await main(
    words,
    'ipvsadm',
    {
      ...SYSTEM,
      readInput: () => Promise.resolve(input),
      print: text => (said += text),
      complain: text => (complained += text),
    },
    socket,
  )
  return `${status} ${complained.split('\n').length - 1}\n${complained}${said}`
}

async function sysctl(words) {
  let said = ''
  const say = more => {
    said += more
  }
  return `${await sysctlMain(words, sysctlSystem(say, say), socket)}\n${said}`
}

/** A request is the number of words, the words and the standard input, parted by NULs. */
function wordsOf(request) {
  const [count, ...rest] = request.split('\0')
  return [rest.slice(0, Number(count)), rest.slice(Number(count)).join('\0')]
}

for (const [name, answer] of Object.entries({ ipvsadm, sysctl }))
  createServer({ allowHalfOpen: true }, async connection => {
    connection.end(await answer(...wordsOf(await text(connection))))
  }).listen(`${run}/${name}.sock`)

/** What iptables-save says comes in, as xlvs mark import takes it; what is left out goes back. */
createServer({ allowHalfOpen: true }, async connection => {
  const { rules, left } = importMarks(await text(connection))
  const director = connectDirector(socket)
  if (rules.length > 0) await director.addMarks(rules)
  director.close()
  connection.end(left.map(({ place, reason }) => `${place}: ${reason}\n`).join(''))
}).listen(`${run}/marks.sock`)

await runDaemon({
  socket,
  bpffs,
  state: `${run}/state`,
  connections: 4096,
  connections6: 4096,
  logLevel: 'info',
  interfaces: interfaces.split(' '),
})
