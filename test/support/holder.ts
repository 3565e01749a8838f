/**
 * Who holds connections in the lab, and what became of them. Read next: lab_holder.ts (the program
 * that does), ../lab/gone.test.ts.
 */
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

import type { Namespace } from './namespace.ts'

const PROGRAM = fileURLToPath(new URL('lab_holder.ts', import.meta.url))

/** Connections that go to one service. */
export interface Group {
  name: string
  protocol: 'tcp' | 'udp'
  address: string
  port: number
  count: number
}

/**
 * How many milliseconds each connection took since it asked last, by what became of it: the name of
 * the server that answered, the kernel's name of an error, or hangs.
 */
export type Fates = Record<string, number[]>

export type HolderCommand = { open: Group } | { ask: string[] } | { look: string[] }

export interface Holder {
  /** Opens a group's connections, each of which is answered once. */
  open(group: Group): Promise<void>
  /** A request on each of the groups' connections, whose answers are not waited for. */
  ask(groups: string[]): Promise<void>
  look(groups: string[]): Promise<Record<string, Fates>>
}

/** It ends with its namespace. */
export function holderIn(namespace: Namespace): Holder {
  const child = namespace.start([process.execPath, PROGRAM], { stdio: ['pipe', 'pipe', 'inherit'] })
  if (!child.stdout || !child.stdin) throw new Error('the holder has no pipes')
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const tell = async (command: HolderCommand): Promise<unknown> => {
    child.stdin?.write(`${JSON.stringify(command)}\n`)
    const { value } = (await lines.next()) as { value?: string }
    if (value === undefined) throw new Error(`the holder ended at ${JSON.stringify(command)}`)
    return JSON.parse(value)
  }
  return {
    open: async open => {
      await tell({ open })
    },
    ask: async ask => {
      await tell({ ask })
    },
    look: async look => (await tell({ look })) as Record<string, Fates>,
  }
}
