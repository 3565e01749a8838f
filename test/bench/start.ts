/**
 * Part of `make bench`: how long a command takes from the start of its process to its end, with 10
 * services to show. Options: --no-gate exits 0 whatever the gate says; --rounds N; --xlvs FILE
 * times another one, for example the installed /usr/local/bin/xlvs.
 * Read next: ../../control/bin/cache.js.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

import { buildApi } from '../../control/daemon/api.ts'
import { createLog } from '../../control/daemon/log.ts'
import { fakeDirector } from '../support/fake_director.ts'
import { dest, service } from '../support/views.ts'

const XLVS = fileURLToPath(new URL('../../control/bin/xlvs.js', import.meta.url))
const SERVICES = 10
/** What an operator does not yet feel as waiting; for the minimum, as with all rows here. */
const SHOW_MS_MAX = 120
const ROUNDS = 30

const { values: options } = parseArgs({
  options: {
    'no-gate': { type: 'boolean', default: false },
    rounds: { type: 'string', default: String(ROUNDS) },
    xlvs: { type: 'string', default: '' },
  },
})

const folder = mkdtempSync(join(tmpdir(), 'xlvs-bench-'))
const socket = join(folder, 'xlvs.sock')
const services = Array.from({ length: SERVICES }, (_, i) =>
  service({ port: 80 + i, dests: [dest(), dest({ address: '10.0.0.3' })] }),
)
const api = buildApi(fakeDirector({ services }), createLog('silent'))
await api.listen({ path: socket })

const command = options.xlvs === '' ? [process.execPath, XLVS] : [options.xlvs]
const rows: [name: string, words: string[], msMax?: number][] = [
  ['node alone', [process.execPath, '--eval', '0']],
  ['xlvs show', [...command, 'show'], SHOW_MS_MAX],
  ['xlvs ipvsadm -Ln', [...command, 'ipvsadm', '-Ln']],
]
for (const [name, words, msMax = Infinity] of rows) {
  const { least, median } = await timed(words)
  const passed = least <= msMax
  const gate = Number.isFinite(msMax) ? `, gate ${msMax}: ${passed ? 'passed' : 'FAILED'}` : ''
  console.log(`${name.padEnd(17)} ${least.toFixed(0)} ms, median ${median.toFixed(0)}${gate}`)
  if (!passed && !options['no-gate']) process.exitCode = 1
}
await api.close()
rmSync(folder, { recursive: true })

/** Milliseconds of many runs; the first, which fills the cache of compiled code, does not count. */
async function timed(words: string[]): Promise<{ least: number; median: number }> {
  await run(words)
  const took: number[] = []
  for (let i = 0; i < Number(options.rounds); i++) {
    const started = performance.now()
    await run(words)
    took.push(performance.now() - started)
  }
  took.sort((a, b) => a - b)
  return { least: took[0] ?? NaN, median: took[took.length >> 1] ?? NaN }
}

async function run([file = '', ...args]: string[]): Promise<void> {
  const env = { ...process.env, XLVS_SOCKET: socket }
  const child = spawn(file, args, { env, stdio: ['ignore', 'ignore', 'inherit'] })
  const [status] = (await once(child, 'exit')) as [number | null]
  if (status !== 0) throw new Error(`${file} ${args.join(' ')} ended with ${String(status)}`)
}
