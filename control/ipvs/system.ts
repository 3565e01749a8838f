/**
 * What ipvsadm takes from the process and the machine it runs on; tests bring their own.
 */
import { readFileSync } from 'node:fs'
import type { WriteStream } from 'node:tty'
import type { HostOf } from './names.ts'

export interface System {
  readInput(): Promise<string>
  print(text: string): void
  complain(text: string): void
  /** Where the progress of what takes long is shown, if it is a terminal. */
  terminal: Pick<WriteStream, 'isTTY' | 'write'>
  /** The text of /etc/services; empty where there is none. */
  services(): string
  hostOf: HostOf
  /** The IPv4 address of a host, undefined when it has none. */
  addressOf(host: string): Promise<string | undefined>
}

/** The process's own. */
export const SYSTEM: System = {
  readInput: async () => {
    const chunks: Buffer[] = []
    for await (const chunk of process.stdin) chunks.push(chunk as Buffer)
    return Buffer.concat(chunks).toString()
  },
  print: text => void process.stdout.write(text),
  complain: text => void process.stderr.write(text),
  terminal: process.stderr,
  services: () => {
    try {
      return readFileSync('/etc/services', 'utf8')
    } catch {
      return ''
    }
  },
  hostOf: async address => {
    const { lookupService } = process.getBuiltinModule('node:dns/promises')
    const found = await lookupService(address, 0).catch(() => undefined)
    return found?.hostname
  },
  addressOf: async host => {
    const { lookup } = process.getBuiltinModule('node:dns/promises')
    const found = await lookup(host, { family: 4 }).catch(() => undefined)
    return found?.address
  },
}
