/**
 * What the programs cost before the first packet: instructions the verifier looks at, and size.
 * Who breaks a budget has multiplied paths or unrolled what should be a loop: look before raising.
 */
import test from 'ava'
import { BpfProgram, type ProgramInfo } from '../../addon/index.ts'
import { WALK } from '../../control/abi/maps.gen.ts'
import { key32 } from '../../control/dataplane/bytes.ts'
import { director, type PacketDirector } from '../support/director.ts'

/**
 * 1.3 times what was measured on Linux 6.18 with clang 19 on 24 Nov 2026; that is in brackets. The
 * kernel refuses at one million verified instructions, and starting takes time in proportion. Bytes
 * are those of the program after the kernel's rewriting; the hot walk's has to stay in a 32 KiB L1
 * instruction cache once compiled, beside the driver.
 */
const BUDGET: Record<string, { verified: number; bytes: number }> = {
  xlvs: { verified: 11_000, bytes: 25_000 }, // (8 098, 19 200)
  xlvs_new: { verified: 104_000, bytes: 42_500 }, // (80 073, 32 672): bpf_loop's callbacks
  xlvs_reply: { verified: 10_500, bytes: 24_000 }, // (7 744, 18 400)
  xlvs_checksum: { verified: 357_000, bytes: 23_000 }, // (274 032, 17 544)
  xlvs_error: { verified: 142_000, bytes: 6_000 }, // (108 791, 4 472)
  companion: { verified: 33, bytes: 240 }, // (25, 184)
}

/** Every program of a director: the hot walk, those it calls, and the companion. */
function programs(lvs: PacketDirector): ProgramInfo[] {
  const walks = Array.from({ length: WALK.WALKS }, (_, walk) => {
    const id = lvs.kernel.maps.walks.lookup(key32(walk)) ?? new Uint8Array(4)
    return BpfProgram.fromId(Buffer.from(id).readUInt32LE()).info
  })
  return [lvs.kernel.program.info, ...walks, lvs.kernel.companion.info]
}

test('budget: every program, verified instructions and size are within it', async t => {
  const lvs = await director(t, '')

  const over = programs(lvs).filter(({ name, verifiedInsns, xlatedBytes }) => {
    const { verified = 0, bytes = 0 } = BUDGET[name] ?? {}
    return verifiedInsns > verified || xlatedBytes > bytes
  })

  t.deepEqual(
    over.map(p => `${p.name}: ${p.verifiedInsns} verified, ${p.xlatedBytes} bytes`),
    [],
  )
  t.deepEqual(
    programs(lvs).map(p => p.name),
    Object.keys(BUDGET),
  )
})
