/**
 * Where a recorded scenario is carried out by xlvs: the real director, journal and tables on a disk
 * and maps in memory, in a network that is the guest's (lo and nothing else), its API on a socket,
 * and ipvsadm in this process. Read next: transcript.ts, compare.ts.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildApi } from '../../control/daemon/api.ts'
import { connectDirector } from '../../control/daemon/client.ts'
import { createLog } from '../../control/daemon/log.ts'
import { PROC_NAMES } from '../../control/ipvs/proc.ts'
import { procText } from '../../control/ipvs/proc_files.ts'
import type { System } from '../../control/ipvs/system.ts'
import { call } from '../../control/ipvs/wrappers.ts'
import { Network } from '../../control/plan/network.ts'
import { begin } from '../support/crash_life.ts'
import { Disk } from '../support/disk.ts'
import { MemoryMaps } from '../support/memory_maps.ts'
import type { Ran, Scenario, Step } from './transcript.ts'

const HOSTS = await readFile(join(import.meta.dirname, 'hosts'), 'utf8')
const SERVICES = await readFile(join(import.meta.dirname, 'services'), 'utf8')
const NETWORK = new Network({
  links: [{ ifindex: 1, name: 'lo', mac: '00:00:00:00:00:00', mtu: 65536, up: true }],
  addresses: [
    { ifindex: 1, address: '127.0.0.1', prefix: 8 },
    { ifindex: 1, address: '::1', prefix: 128 },
  ],
  routes: [],
  neighbours: [],
})
/** Any secret of the hash will do. */
const KEY = Array.from({ length: 16 }, (_, i) => i + 1)

/** What xlvs does for each step, from an empty table on. */
export async function replay({ steps }: Scenario): Promise<Ran[]> {
  const folder = await mkdtemp(join(tmpdir(), 'xlvs-ipvsadm-'))
  const { lvs } = await begin({ disk: new Disk(), maps: new MemoryMaps(KEY) }, () => 0, NETWORK)
  const api = buildApi(lvs, createLog('silent'))
  const socket = join(folder, 'xlvs.sock')
  await api.listen({ path: socket })
  try {
    const ran: Ran[] = []
    for (const step of steps) ran.push(await carryOut(step, socket))
    return ran
  } finally {
    await api.close()
    await rm(folder, { recursive: true })
  }
}

async function carryOut({ words: [program = '', ...words], input }: Step, socket: string) {
  const ran: Ran = { status: 0, out: '', err: '' }
  const system: System = {
    readInput: () => Promise.resolve(input),
    print: text => (ran.out += text),
    complain: text => (ran.err += text),
    services: () => SERVICES,
    hostOf: address => Promise.resolve(hostOf(address)),
    addressOf: name => Promise.resolve(addressOf(name)),
  }
  if (program === 'cat') return { ...ran, out: await proc(words, socket) }
  if (!/(^|\/)(ipvsadm(-save|-restore)?|other)$/.test(program))
    return { status: 127, out: '', err: `no ${program} yet\n` }
  try {
    ran.status = await call(program, words, system, socket)
  } catch (error) {
    return { ...ran, status: -1, err: `${ran.err}${String(error)}\n` }
  }
  return ran
}

/** The name of an address by the guest's /etc/hosts. */
function hostOf(address: string): string | undefined {
  for (const line of HOSTS.split('\n')) {
    const [number, name] = line.split(' ')
    if (number === address) return name
  }
  return undefined
}

/** The IPv4 address of a name by it. */
function addressOf(name: string): string | undefined {
  for (const line of HOSTS.split('\n')) {
    const [number = '', ...names] = line.split(' ')
    if (names.includes(name.toLowerCase()) && !number.includes(':')) return number
  }
  return undefined
}

/** The text of files of /proc/net. */
async function proc(paths: readonly string[], socket: string): Promise<string> {
  const director = connectDirector(socket)
  try {
    const names = PROC_NAMES.filter(name => paths.includes(`/proc/net/${name}`))
    return (await Promise.all(names.map(name => procText(name, director)))).join('')
  } finally {
    director.close()
  }
}
