/**
 * The drop-in for systemd in MANUAL.md: it names what the daemon and `make install` have, systemd
 * reads it, and a keepalived that is started with it finds xlvsd.
 */
import test from 'ava'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ipvsSocketOf, SOCKET_DEFAULT } from '../../control/daemon/options.ts'

const ROOT = join(import.meta.dirname, '../..')
const manual = readFileSync(join(ROOT, 'MANUAL.md'), 'utf8')
const dropIn = /^```\n(\[Unit\]\n[^`]*)^```$/m.exec(manual)?.[1] ?? ''

test('drop-in: what it sets, then socket and library are where they are', t => {
  const lines = [...dropIn.matchAll(/^Environment=(\w+)=(.*)$/gm)]
  const set = new Map(lines.map(([, name, value]) => [name, value]))
  const makefile = readFileSync(join(ROOT, 'Makefile'), 'utf8')
  const install = readFileSync(join(ROOT, '.ci/install'), 'utf8')

  t.is(set.get('XLVS_IPVS_SOCKET'), ipvsSocketOf(SOCKET_DEFAULT))
  const prefix = /^PREFIX +\?= (.*)$/m.exec(makefile)?.[1] ?? ''
  t.is(set.get('LD_PRELOAD'), `${prefix}/lib/xlvs/build/libxlvs-ipvs.so`)
  t.regex(install, /home=\$2\/lib\/xlvs\n/)
  t.regex(install, /cp .*build\/libxlvs-ipvs\.so "\$root\/build\/"/)
})

test('drop-in: beside the unit of keepalived, then systemd has nothing to say', t => {
  const unit = '/lib/systemd/system/keepalived.service'
  if (spawnSync('systemd-analyze', ['--version']).status !== 0 || !existsSync(unit)) {
    t.log('there is no systemd-analyze here')
    t.pass()
    return
  }
  const folder = mkdtempSync(join(tmpdir(), 'xlvs-units-'))
  t.teardown(() => {
    rmSync(folder, { recursive: true })
  })
  mkdirSync(join(folder, 'keepalived.service.d'))
  writeFileSync(join(folder, 'keepalived.service.d', 'xlvs.conf'), dropIn)
  writeFileSync(join(folder, 'keepalived.service'), readFileSync(unit))
  writeFileSync(join(folder, 'xlvs.service'), '[Service]\nExecStart=/bin/true\n')

  const file = join(folder, 'keepalived.service')
  const env = { ...process.env, SYSTEMD_UNIT_PATH: `${folder}:` }
  const { stderr } = spawnSync('systemd-analyze', ['verify', file], { env, encoding: 'utf8' })

  t.notRegex(stderr, /xlvs\.conf/)
})
