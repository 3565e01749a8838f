/**
 * A server dies under 200 live connections of each forwarding method and setting, and its dests are
 * removed, as a health checker would: whose clients are reset and whose hang. Which of them is
 * asserted; how long they did is printed. Read next: ../support/holder.ts, ../packet/gone.test.ts.
 */
import type { ExecutionContext } from 'ava'
import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { DestGone } from '../../control/model/service.ts'
import { holderIn, type Fates, type Group } from '../support/holder.ts'
import {
  labFor,
  METHODS,
  METHODS6,
  serveOn,
  TUNNELS,
  type Lab,
  type Method,
} from '../support/lab.ts'
import type { LabServer } from '../support/lab_network.ts'
import { endOf, waitFor } from '../support/namespace.ts'
import { privileged } from '../support/privileged.ts'

/** Longest wait for the last reset: TCP sends a segment again after twice as long each time. */
const RESETS_MS = 120_000
/** Half of them wait for an answer when the dest is removed, half ask only then. */
const CLIENTS = 200
const UDP_CLIENTS = 50
const BY = [...METHODS, TUNNELS[0], ...METHODS6, TUNNELS[1]]

interface Setting {
  gone: DestGone
  port: number
  /** Its server lives on, and only its dest is removed. */
  lives?: boolean
  /** What becomes of all its connections. */
  tcp: string
  /** Of datagrams; nothing is asked where they go on to a dead server for so long. */
  udp?: string
}

const SETTINGS: readonly Setting[] = [
  { gone: 'keep', port: 8091, tcp: 'hangs', udp: 'hangs' },
  { gone: 'drop', port: 8092, tcp: 'ECONNRESET', udp: 'server2' },
  { gone: 'reset', port: 8093, tcp: 'ECONNRESET', udp: 'server2' },
  { gone: 'drain:3', port: 8094, tcp: 'ECONNRESET' },
  { gone: 'drain:600', port: 8095, lives: true, tcp: 'server3', udp: 'server3' },
]

/** Connections of one service that do alike. */
interface Held extends Group {
  setting: Setting
  method: Method
  /** They ask before the dest is removed, or after. */
  when: 'waiting' | 'idle'
  fate: string
}

const HELD = BY.flatMap(method => SETTINGS.flatMap(setting => heldOf(method, setting)))

function heldOf(method: Method, setting: Setting): Held[] {
  const group = (protocol: 'tcp' | 'udp', when: Held['when'], count: number, fate = ''): Held => {
    const name = [protocol, method.name, setting.gone, when].join(' ')
    const to = { name, protocol, address: method.vip, port: setting.port, count }
    return { ...to, setting, method, when, fate }
  }
  const { tcp, udp, lives } = setting
  const before = lives ? [] : [group('tcp', 'waiting', CLIENTS / 2, tcp)]
  const after = group('tcp', 'idle', CLIENTS - CLIENTS / 2, tcp)
  return [...before, after, ...(udp ? [group('udp', 'idle', UDP_CLIENTS, udp)] : [])]
}

/** The services, their dests on the one server, or on the one and the next. */
function lvs([one, two, three]: LabServer[], isGone: boolean): string {
  const lines = ['interfaces: [c0, r0]', 'services:']
  for (const { vip, family, fwd } of BY)
    for (const { gone, port, lives } of SETTINGS)
      for (const protocol of ['tcp', 'udp']) {
        const at = (server?: LabServer): string =>
          family === 6 ? `[${server?.address6 ?? ''}]` : (server?.address ?? '')
        const dest = at(isGone ? two : lives ? three : one)
        lines.push(
          `  ${protocol} ${vip.includes(':') ? `[${vip}]` : vip}:${port}:`,
          `    scheduler: rr`,
          `    dest_gone: ${gone}`,
          `    dests:`,
          `      - ${fwd} ${dest}:${port}`,
        )
      }
  return `${lines.join('\n')}\n`
}

async function applyTo(lab: Lab, isGone: boolean): Promise<void> {
  const file = join(dirname(lab.places.socket), 'lvs.yaml')
  writeFileSync(file, lvs(lab.servers, isGone))
  await lab.xlvs('apply', file)
}

/** A server's own program, on a port a setting and an address a method. */
async function serveAll({ namespace, name, address, address6 }: LabServer) {
  const places = BY.flatMap(({ fwd, vip, family }) =>
    SETTINGS.flatMap(({ port }) => {
      const at = fwd === 'nat' ? (family === 6 ? address6 : address) : vip
      return [`tcp:[${at}]:${port}`, `udp:[${at}]:${port}`]
    }),
  )
  return serveOn(namespace, name, places)
}

async function packetsBy(lab: Lab): Promise<Record<string, number>> {
  const { reasons } = JSON.parse(await lab.xlvs('stats', '--json')) as {
    reasons: { reason: string; packets: number }[]
  }
  return Object.fromEntries(reasons.map(({ reason, packets }) => [reason, packets]))
}

privileged('gone: a server dies, its clients are reset or hang as the setting says', async t => {
  t.timeout(600_000)
  const lab = await labFor(t)
  await lab.startDaemon()
  await lab.decapsulate()
  const programs = await Promise.all(lab.servers.map(serveAll))
  await applyTo(lab, false)
  const holder = holderIn(lab.client)
  for (const held of HELD) await holder.open(held)
  const before = await packetsBy(lab)

  const [one] = lab.servers
  if (one) await lab.killServer(one)
  if (programs[0]) await endOf(programs[0])
  await holder.ask(namesOf(HELD.filter(({ when }) => when === 'waiting')))
  await applyTo(lab, true)
  await holder.ask(namesOf(HELD.filter(({ when }) => when === 'idle')))

  const hanging = (fates: Record<string, Fates>): number =>
    HELD.filter(({ name, fate }) => fate !== 'hangs' && fates[name]?.hangs).length
  let fates: Record<string, Fates> = {}
  const isOver = async (): Promise<boolean> => {
    fates = await holder.look(namesOf(HELD))
    return hanging(fates) === 0
  }
  await waitFor('all but those that are kept', isOver, RESETS_MS).catch((cause: unknown) => {
    t.log(String(cause))
  })
  t.log(`\n${table(fates)}`)
  for (const { name, count, fate } of HELD) t.deepEqual(countsOf(fates[name]), { [fate]: count })
  const after = await packetsBy(lab)
  checkReasons(t, reason => (after[reason] ?? 0) - (before[reason] ?? 0))
})

/** A reset a connection and none too many to send; each that hangs has asked. */
function checkReasons(t: ExecutionContext, packets: (reason: string) => number): void {
  t.true(packets('reset') >= BY.length * CLIENTS * 2)
  t.is(packets('reset limited'), 0)
  t.true(packets('dest gone') >= BY.length * (CLIENTS * 2 + UDP_CLIENTS))
}

function namesOf(held: Held[]): string[] {
  return held.map(({ name }) => name)
}

function countsOf(fates: Fates = {}): Record<string, number> {
  return Object.fromEntries(Object.entries(fates).map(([fate, ms]) => [fate, ms.length]))
}

/** Seconds until clients knew, the shortest and the longest, by setting and method. */
function table(fates: Record<string, Fates>): string {
  const rows = [['SETTING', 'CLIENTS', ...BY.map(({ name }) => name)]]
  for (const setting of SETTINGS)
    for (const [protocol, when, title] of [
      ['tcp', 'waiting', 'waited'],
      ['tcp', 'idle', 'asked then'],
      ['udp', 'idle', 'UDP'],
    ]) {
      const cells = BY.map(method => {
        const is = (held: Held) =>
          held.setting === setting && held.method === method && held.when === when
        const held = HELD.find(held => is(held) && held.protocol === protocol)
        return held ? said(fates[held.name]) : undefined
      })
      const what = setting.lives ? `${setting.gone}, lives` : setting.gone
      if (cells[0] !== undefined) rows.push([what, title ?? '', ...cells.map(cell => cell ?? '')])
    }
  const widths = rows[0]?.map((_, i) => Math.max(...rows.map(row => row[i]?.length ?? 0))) ?? []
  return rows
    .map(row => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  '))
    .map(line => line.trimEnd())
    .join('\n')
}

function said(fates: Fates = {}): string {
  return Object.entries(fates)
    .map(([fate, ms]) => {
      const [least, most] = [Math.min(...ms), Math.max(...ms)].map(x => (x / 1000).toFixed(1))
      if (fate === 'hangs') return `hangs > ${least ?? ''}`
      return `${fate === 'ECONNRESET' ? '' : `${fate} `}${least ?? ''}-${most ?? ''}`
    })
    .join(', ')
}
