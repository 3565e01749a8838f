/** Settings as packets read them. */
import test from 'ava'
import { SETTINGS, TCP_STATE } from '../../../control/abi/maps.gen.ts'
import type { Kernel } from '../../../control/dataplane/kernel.ts'
import { writeSettings } from '../../../control/dataplane/settings.ts'

for (const [seconds, ticks] of [
  [900, 900_000],
  [2_147_483, 2_147_483_000],
  [2_147_484, 0x7fff_ffff],
  [8_589_934, 0x7fff_ffff],
] as const)
  test(`settings: ${seconds} s at a thousand ticks a second, then ${ticks} ticks`, t => {
    const buffer = new ArrayBuffer(SETTINGS.size)
    const kernel = { ticksPerSecond: 1000, maps: { settings: { mmap: () => buffer } } }

    writeSettings(kernel as unknown as Kernel, { tcp_timeout_s: seconds })

    const at = SETTINGS.tcp_timeout + 4 * TCP_STATE.TCP_ESTABLISHED
    t.is(new DataView(buffer).getUint32(at, true), ticks)
  })
