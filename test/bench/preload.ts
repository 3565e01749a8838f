/**
 * Part of `make bench`: how long Debian's own ipvsadm takes, led to a real xlvsd by `xlvs exec`, to
 * restore 12 000 commands, to list what they made and to save it again; by netlink and by socket
 * options. build/preload.json has the same for machines. Nothing fails for being slow.
 * Options: --rounds N (the least counts). Assumes root. Read next: ../support/lab.ts.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { createLab } from '../support/lab.ts'

const { values: options } = parseArgs({
  options: { rounds: { type: 'string', default: '3' } },
})
const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const COMMANDS = 12_000
const rounds = Number(options.rounds)

/** Services of so many dests that they and their dests are so many commands. */
const SHAPES = [
  { name: '1 000 services x 11 dests', services: 1000, dests: 11 },
  { name: '1 service x 11 999 dests', services: 1, dests: COMMANDS - 1 },
]
const WAYS = ['netlink', 'options'] as const

interface Row {
  shape: string
  way: (typeof WAYS)[number]
  /** Of the rounds the least, in milliseconds. */
  restoreMs: number
  listMs: number
  saveMs: number
}

const lab = await createLab({ servers: 1 })
const rows: Row[] = []
try {
  await lab.startDaemon()
  const folder = dirname(lab.places.socket)
  const noNetlink = join(folder, 'no_netlink.so')
  const source = join(ROOT, 'test/ipvsadm/no_netlink.c')
  execFileSync('gcc', ['-shared', '-fPIC', '-o', noNetlink, source, '-ldl'])
  for (const shape of SHAPES) for (const way of WAYS) rows.push(await measured(shape, way))

  async function measured(
    { name, services, dests }: (typeof SHAPES)[number],
    way: Row['way'],
  ): Promise<Row> {
    const input = join(folder, 'save')
    const text = saved(services, dests)
    writeFileSync(input, text)
    const row: Row = { shape: name, way, restoreMs: Infinity, listMs: Infinity, saveMs: Infinity }
    for (let round = 0; round < rounds; round++) {
      await ipvsadm(way, ['-C'])
      row.restoreMs = Math.min(row.restoreMs, await ipvsadm(way, ['-R'], input))
      row.listMs = Math.min(row.listMs, await ipvsadm(way, ['-Ln']))
      row.saveMs = Math.min(row.saveMs, await ipvsadm(way, ['-Sn']))
      if (sorted(readFileSync(join(folder, 'out'), 'utf8')) !== sorted(text))
        throw new Error('what was saved is not what was restored')
    }
    console.error(JSON.stringify(row))
    return row
  }

  /** The time of the program alone: `xlvs exec` becomes env, which becomes it. */
  async function ipvsadm(way: Row['way'], args: string[], input = '/dev/null'): Promise<number> {
    const library = join(ROOT, 'build/libxlvs-ipvs.so')
    const preload = way === 'netlink' ? library : `${library}:${noNetlink}`
    const socket = join(folder, 'xlvs-ipvs.sock')
    const command = ['env', `LD_PRELOAD=${preload}`, `XLVS_IPVS_SOCKET=${socket}`, 'ipvsadm']
    const words = [...command, ...args].join(' ')
    const script = `s=$EPOCHREALTIME; ${words} < ${input} > ${folder}/out || exit 1
      e=$EPOCHREALTIME; echo $(( (\${e/./} - \${s/./}) ))`
    const { status, stdout, stderr } = await lab.director.attempt(['bash', '-c', script])
    if (status !== 0) throw new Error(`ipvsadm ${args.join(' ')}: ${stdout}${stderr}`)
    return Number(stdout) / 1000
  }
} catch (error) {
  console.error(lab.log().slice(-5000))
  throw error
} finally {
  await lab.close()
}

writeFileSync(join(ROOT, 'build/preload.json'), `${JSON.stringify(rows, null, 2)}\n`)
console.log(table())

/** As ipvsadm -Sn writes it. */
function saved(services: number, dests: number): string {
  return Array.from({ length: services }, (_, s) => {
    const service = `-t 192.0.2.1:${1 + s}`
    const lines = Array.from(
      { length: dests },
      (_, d) => `-a ${service} -r 10.1.${d >> 8}.${d & 255}:8080 -m -w 1\n`,
    )
    return `-A ${service} -s wlc\n${lines.join('')}`
  }).join('')
}

function sorted(text: string): string {
  return text.split('\n').sort().join('\n')
}

function table(): string {
  const head = `${'ipvsadm, seconds'.padEnd(28)}${'by'.padEnd(10)}     -R    -Ln    -Sn`
  const seconds = (ms: number): string => (ms / 1000).toFixed(2).padStart(7)
  return [
    head,
    ...rows.map(
      ({ shape, way, restoreMs, listMs, saveMs }) =>
        shape.padEnd(28) + way.padEnd(10) + [restoreMs, listMs, saveMs].map(seconds).join(''),
    ),
  ].join('\n')
}
