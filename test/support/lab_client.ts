/**
 * A client of the lab, run in the client's namespace: `node lab_client.ts JSON`, the JSON being a
 * NumberedLoad of traffic.ts. Prints a Progress as one line of JSON every PROGRESS_MS, the last
 * when all is done. On its standard input, a number says how many it may do, and the end
 * stops it early, between requests. Nothing is tried twice: what was not answered is lost, and says
 * why. Read next: traffic.ts.
 */
import { createSocket, type RemoteInfo } from 'node:dgram'
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { isIPv6 } from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'

import type { NumberedLoad, Progress } from './traffic.ts'

const PROGRESS_MS = 50
/** Reasons shown; more of them say nothing more. */
const REASONS_MAX = 5

const load = JSON.parse(process.argv[2] ?? '{}') as NumberedLoad
/** Longest wait for one answer; a lost first packet of TCP is sent again after a second. */
const patienceMs = load.patienceMs ?? 10_000
const progress: Progress = {
  done: 0,
  lost: 0,
  total: load.count,
  answers: {},
  mixed: 0,
  reasons: [],
}
const ask = { short: askHttp, kept: askKept, udp: askUdp }[load.kind]

let taken = 0
let allowed = load.hold ?? load.count
createInterface({ input: process.stdin }).on('line', line => (allowed = Number(line)))
let stopped = false
process.stdin.once('end', () => (stopped = true))
let ports = 0
const ticker = setInterval(report, PROGRESS_MS)
await Promise.all(Array.from({ length: load.parallel }, () => work()))
clearInterval(ticker)
report()
process.stdin.destroy()

/** One of the parallel clients; takes requests until all are taken. */
async function work(): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1, localPort: nextPort() })
  const seen = new Set<string>()
  while (await takeOne()) {
    try {
      const name = await ask(agent)
      progress.answers[name] = (progress.answers[name] ?? 0) + 1
      seen.add(name)
    } catch (cause) {
      progress.lost++
      if (progress.reasons.length < REASONS_MAX) progress.reasons.push(String(cause))
    }
    progress.done++
    if (load.restMs) await setTimeout(load.restMs)
  }
  agent.destroy()
  // One connection is one dest's for life.
  if (load.kind === 'kept' && seen.size > 1) progress.mixed++
}

/** false: all are taken, or it was stopped. Waits while the rest is held back. */
async function takeOne(): Promise<boolean> {
  while (taken >= allowed && !stopped && taken < load.count) await setTimeout(PROGRESS_MS)
  if (stopped || taken >= load.count) return false
  taken++
  return true
}

function askHttp(): Promise<string> {
  return get(new Agent({ localPort: nextPort() }))
}

function askKept(agent: Agent): Promise<string> {
  return get(agent)
}

/** A port of its own, so a connection of its own: the kernel would give some out twice. */
function nextPort(): number {
  return load.firstPort + ports++
}

async function get(agent: Agent): Promise<string> {
  const { address: host, port } = load
  // A signal, because the timeout of a request does not count the time to connect.
  const signal = AbortSignal.timeout(patienceMs)
  const asked = request({ host, port, agent, signal })
  asked.end()
  const [response] = (await once(asked, 'response')) as [AsyncIterable<Buffer>]
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

async function askUdp(): Promise<string> {
  const socket = createSocket(isIPv6(load.address) ? 'udp6' : 'udp4')
  try {
    const port = nextPort()
    socket.bind(port)
    await once(socket, 'listening')
    const sent = `datagram ${port}`
    socket.send(sent, load.port, load.address)
    const signal = AbortSignal.timeout(patienceMs)
    const [data, peer] = (await once(socket, 'message', { signal })) as [Buffer, RemoteInfo]
    const [name = '', ...echoed] = data.toString().split(' ')
    if (echoed.join(' ') !== sent) throw new Error(`sent "${sent}", got "${data.toString()}"`)
    if (peer.address !== load.address) throw new Error(`the answer came from ${peer.address}`)
    return name
  } finally {
    socket.close()
  }
}

function report(): void {
  console.log(JSON.stringify(progress))
}
