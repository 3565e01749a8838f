/**
 * Clients of the lab that hold connections and say what becomes of each: a line of standard input
 * is a HolderCommand in JSON, one of standard output its answer. A connection of UDP is a socket
 * that asks again until it is answered. Read next: holder.ts.
 */
import { createSocket } from 'node:dgram'
import { connect, isIPv6 } from 'node:net'
import { createInterface } from 'node:readline'

import type { Fates, Group, HolderCommand } from './holder.ts'

/** Longest wait for the first answers of a group, on a machine that is very busy. */
const OPEN_MS = 60_000
/** A datagram may be lost on a busy machine. */
const AGAIN_MS = 500

interface Held {
  /** Asks once more. */
  ask(): void
  /** Whose answer came, or how the connection ended; undefined while it hangs. */
  fate: string | undefined
  askedMs: number
  tookMs: number
  /** Tells of each change of fate. */
  changed: () => void
}

const groups = new Map<string, Held[]>()

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line) as HolderCommand
  if ('open' in command) await open(command.open)
  if ('ask' in command) for (const name of command.ask) groups.get(name)?.forEach(ask)
  console.log(JSON.stringify('look' in command ? fatesOf(command.look) : {}))
}

/** Opens a group's connections, each of which is answered once. */
async function open({ name, protocol, address, port, count }: Group): Promise<void> {
  const make = protocol === 'udp' ? holdUdp : holdTcp
  const all = Array.from({ length: count }, () => make(address, port))
  groups.set(name, all)
  const answered = all.map(
    held =>
      new Promise<void>((resolve, reject) => {
        held.changed = () => {
          if (isAnswered(held)) resolve()
          else reject(new Error(`${name}: ${held.fate ?? ''}`))
        }
        setTimeout(() => {
          reject(new Error(`${name}: no answer`))
        }, OPEN_MS).unref()
      }),
  )
  all.forEach(ask)
  await Promise.all(answered)
  for (const held of all) held.changed = () => undefined
}

function ask(held: Held): void {
  held.fate = undefined
  held.askedMs = performance.now()
  held.ask()
}

function become(held: Held, fate: string): void {
  if (held.fate !== undefined) return
  held.fate = fate
  held.tookMs = performance.now() - held.askedMs
  held.changed()
}

/** Servers have names in small letters, the kernel's errors are in capital ones. */
function isAnswered({ fate = '' }: Held): boolean {
  return /^server/.test(fate)
}

function holdTcp(address: string, port: number): Held {
  const socket = connect(port, address)
  const held: Held = {
    ask: () => socket.write('GET / HTTP/1.1\r\nHost: lab\r\n\r\n'),
    ...{ fate: undefined, askedMs: 0, tookMs: 0, changed: () => undefined },
  }
  socket.on('data', data => {
    become(held, data.toString('latin1').split('\r\n\r\n')[1] ?? '')
  })
  socket.on('error', (cause: NodeJS.ErrnoException) => {
    become(held, cause.code ?? String(cause))
  })
  socket.on('close', () => {
    become(held, 'closed')
  })
  return held
}

function holdUdp(address: string, port: number): Held {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4')
  const send = (): void => {
    socket.send('hello', port, address)
  }
  const held: Held = {
    ask: () => {
      send()
      const again = setInterval(() => {
        if (held.fate === undefined) send()
        else clearInterval(again)
      }, AGAIN_MS)
    },
    ...{ fate: undefined, askedMs: 0, tookMs: 0, changed: () => undefined },
  }
  socket.on('message', data => {
    become(held, data.toString('latin1').split(' ')[0] ?? '')
  })
  // That nobody is to be reached for the moment ends no socket of UDP.
  socket.on('error', () => undefined)
  return held
}

function fatesOf(names: readonly string[]): Record<string, Fates> {
  return Object.fromEntries(
    names.map(name => {
      const fates: Fates = {}
      for (const { fate = 'hangs', askedMs, tookMs } of groups.get(name) ?? []) {
        const ms = fate === 'hangs' ? performance.now() - askedMs : tookMs
        ;(fates[fate] ??= []).push(Math.round(ms))
      }
      return [name, fates]
    }),
  )
}
