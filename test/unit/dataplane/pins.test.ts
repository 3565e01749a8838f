/** What is pinned is adopted whole and of this version, or refused. */
import test from 'ava'
import type { BpfMap } from '../../../addon/index.ts'
import { CONFIG, HERE_WALK, LIMIT, MAPS, WALK } from '../../../control/abi/maps.gen.ts'
import { pinnedConfig } from '../../../control/dataplane/pins.ts'

/** Maps as this version pins them, but for the rows of some. */
function pinned(rows: Record<string, number> = {}): Map<string, BpfMap> {
  const config = new Uint8Array(CONFIG.size)
  new DataView(config.buffer).setUint32(CONFIG.abi, LIMIT.ABI_VERSION, true)
  const walks = { walks: WALK.WALKS, here_walks: HERE_WALK.HERE_WALKS }
  const entries = new Map(Object.entries({ ...walks, ...rows }))
  const maps = Object.entries(MAPS).map(([name, { valueSize }]): [string, unknown] => [
    name,
    { info: { valueSize, maxEntries: entries.get(name) ?? 1 } },
  ])
  const sections: [string, unknown][] = [
    ['config', { lookup: () => config }],
    ['settings', {}],
  ]
  return new Map([...maps, ...sections]) as Map<string, BpfMap>
}

test('pins: maps of this version, they are adopted', t => {
  t.is(pinnedConfig(pinned(), '/bpf').abi, LIMIT.ABI_VERSION)
})

for (const [name, rows] of [
  ['walks', WALK.WALKS],
  ['here_walks', HERE_WALK.HERE_WALKS],
] as const) {
  test(`pins: ${name} has more rows than walks, it is adopted`, t => {
    t.notThrows(() => pinnedConfig(pinned({ [name]: rows + 1 }), '/bpf'))
  })

  test(`pins: ${name} lacks a row for a walk, it is refused and not touched`, t => {
    const error = t.throws(() => pinnedConfig(pinned({ [name]: rows - 1 }), '/bpf'), {
      code: 'ABI_MISMATCH',
    })

    t.regex(
      error.message,
      /pinned at \/bpf are of another version of xlvs .*: they are not touched/,
    )
  })
}
