/** What the defences' modes come to. Source: ip_vs_ctl.c update_defense_level (v6.1). */
import test from 'ava'
import { defence, DEFENCES } from '../../../control/plan/defence.ts'
import type { Settings } from '../../../control/model/settings.ts'

const PLENTY = 5000
const SHORT = 1000

/** All three in one mode. */
function all(mode: number): Settings {
  const modes = Object.fromEntries(DEFENCES.map(name => [name, mode]))
  return { ...modes, amemthresh: 2000, am_droprate: 7 }
}

for (const [mode, available, becomes, isOn, rate] of [
  [0, SHORT, 0, false, 0],
  [1, PLENTY, 1, false, 0],
  [1, SHORT, 2, true, 2],
  [2, SHORT, 2, true, 2],
  [2, PLENTY, 1, false, 0],
  [3, PLENTY, 3, true, 7],
] as const)
  test(`defence: mode ${mode} with ${available} pages left, then ${becomes}`, t => {
    const now = defence(all(mode), available)

    t.deepEqual(now, {
      modes: { drop_entry: becomes, drop_packet: becomes, secure_tcp: becomes },
      dropsEntries: isOn,
      isSecure: isOn,
      dropRate: rate,
      restarts: becomes === 2,
    })
  })

test('defence: nothing set, all are off', t => {
  const { dropsEntries, isSecure, dropRate } = defence({}, 0)

  t.deepEqual([dropsEntries, isSecure, dropRate], [false, false, 0])
})

test('defence: a threshold below 0, memory is never short', t => {
  t.is(defence({ secure_tcp: 1, amemthresh: -5 }, 0).modes.secure_tcp, 1)
})
