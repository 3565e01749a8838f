/** Settings of the kernel's network as texts and numbers. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { errorLimits, typesOf, unprivilegedPort } from '../../../control/dataplane/sysctl.ts'

for (const [list, bits] of [
  ['0-1,3-127', 0xffff_fffb],
  ['0-2,4-127', 0xffff_fff7],
  ['3', 8],
  ['', 0],
  ['100-120', 0],
] as const)
  test(`sysctl: types "${list}", then their bits`, t => {
    t.is(typesOf(list), bits)
  })

test('sysctl: the limits of this host, then numbers', t => {
  const { intervalMs, types, perSecond, burst } = errorLimits()

  for (const value of [...intervalMs, ...types, perSecond, burst])
    t.true(Number.isInteger(value) && value >= 0)
})

test('sysctl: the first port that needs no rights, the host says it or it is 1024', t => {
  const folder = mkdtempSync(join(tmpdir(), 'xlvs-sysctl-'))
  t.teardown(() => {
    rmSync(folder, { recursive: true })
  })
  mkdirSync(join(folder, 'net/ipv4'), { recursive: true })
  const before = unprivilegedPort(folder)

  writeFileSync(join(folder, 'net/ipv4/ip_unprivileged_port_start'), '80\n')

  t.deepEqual([before, unprivilegedPort(folder)], [1024, 80])
})

test("sysctl: a host that does not tell its limits, then Linux's defaults", t => {
  t.deepEqual(errorLimits('/nowhere'), {
    intervalMs: [1000, 1000],
    types: [6168, typesOf('0-1,3-127')],
    perSecond: 1000,
    burst: 50,
  })
})
