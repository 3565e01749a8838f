/**
 * The unit for systemd, and the drop-in in MANUAL.md: they name what the daemon and `make install`
 * have, systemd reads them, and a keepalived that is started with it finds xlvsd.
 */
import test from 'ava'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ipvsSocketOf, SOCKET_DEFAULT, STATE_DEFAULT } from '../../control/daemon/options.ts'

const ROOT = join(import.meta.dirname, '../..')
const manual = readFileSync(join(ROOT, 'MANUAL.md'), 'utf8')
const unit = readFileSync(join(ROOT, 'control/packaging/xlvs.service'), 'utf8')
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

test('drop-in: xlvsd ends, then keepalived goes on, and at shutdown it ends first', t => {
  const lines = [...dropIn.matchAll(/^(\w+)=.*xlvs.*$/gm)]
  const said = lines.map(([line]) => line).filter(line => !line.startsWith('Environment='))

  t.deepEqual(said, [
    'Wants=xlvs.service',
    'After=xlvs.service',
    `AssertPathExists=${ipvsSocketOf(SOCKET_DEFAULT)}`,
  ])
  // What is asserted must not outlive xlvsd.
  t.regex(unit, new RegExp(`^ExecStopPost=-/bin/rm -f ${ipvsSocketOf(SOCKET_DEFAULT)}$`, 'm'))
})

test('drop-in: beside the unit of keepalived, then systemd has nothing to say', t => {
  const theirs = '/lib/systemd/system/keepalived.service'
  if (spawnSync('systemd-analyze', ['--version']).status !== 0 || !existsSync(theirs)) {
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
  writeFileSync(join(folder, 'keepalived.service'), readFileSync(theirs))
  writeFileSync(join(folder, 'xlvs.service'), unit.replaceAll('/usr/local/bin/xlvs', '/bin/true'))

  const file = join(folder, 'keepalived.service')
  const env = { ...process.env, SYSTEMD_UNIT_PATH: `${folder}:` }
  const { stderr } = spawnSync('systemd-analyze', ['verify', file], { env, encoding: 'utf8' })

  t.notRegex(stderr, /xlvs\.(conf|service)/)
})

test('unit: what the daemon has, then socket, state and command are where they are', t => {
  const of = (key: string): string[] =>
    [...unit.matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map(([, value = '']) => value)
  const install = readFileSync(join(ROOT, '.ci/install'), 'utf8')

  t.is(SOCKET_DEFAULT, `/run/${of('RuntimeDirectory')[0]}/xlvs.sock`)
  t.is(STATE_DEFAULT, `/var/lib/${of('StateDirectory')[0]}`)
  t.deepEqual(of('ExecStart'), ['/usr/local/bin/xlvs daemon'])
  t.regex(install, /sed "s\|\/usr\/local\/bin\/\|\$2\/bin\/\|g" control\/packaging\/xlvs\.service/)
})
