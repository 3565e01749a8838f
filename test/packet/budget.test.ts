/**
 * What the programs cost before the first packet: instructions the verifier looks at, and size.
 * Who breaks a budget has multiplied paths or unrolled what should be a loop: look before raising.
 */
import test from 'ava'
import { BpfProgram, type BpfMap, type ProgramInfo } from '../../addon/index.ts'
import { HERE_WALK, WALK } from '../../control/abi/maps.gen.ts'
import { key32 } from '../../control/dataplane/bytes.ts'
import { director, type PacketDirector } from '../support/director.ts'

/**
 * 1.3 times what was measured on Linux 6.18 with clang 19 on 25 Nov 2026; that is in brackets. The
 * kernel refuses at one million verified instructions, and starting takes time in proportion. Bytes
 * are those of the program after the kernel's rewriting; the hot walk's has to stay in a 32 KiB L1
 * instruction cache once compiled, beside the driver.
 */
const BUDGET: Record<string, { verified: number; bytes: number }> = {
  xlvs: { verified: 13_500, bytes: 31_000 }, // (10 452, 30 400)
  xlvs_new4: { verified: 81_000, bytes: 115_100 }, // (62 353, 88 576)
  xlvs_new6: { verified: 104_000, bytes: 122_700 }, // (80 018, 94 440)
  xlvs_reply4: { verified: 20_400, bytes: 37_200 }, // (15 699, 28 672)
  xlvs_reply6: { verified: 31_500, bytes: 41_200 }, // (24 235, 31 696)
  xlvs_checksum4: { verified: 7_700, bytes: 35_700 }, // (5 942, 27 536)
  xlvs_checksum6: { verified: 16_300, bytes: 40_900 }, // (12 514, 31 440)
  xlvs_error4: { verified: 2_500, bytes: 10_700 }, // (1 898, 8 216)
  xlvs_error6: { verified: 5_600, bytes: 13_500 }, // (3 947, 10 408)
  xlvs_icmp4: { verified: 13_600, bytes: 36_000 }, // (10 522, 27 656)
  xlvs_icmp6: { verified: 15_900, bytes: 40_700 }, // (12 185, 31 264)
  xlvs_full4: { verified: 16_700, bytes: 40_200 }, // (12 919, 30 984)
  xlvs_full6: { verified: 26_000, bytes: 36_000 }, // (23 790, 32 512)
  xlvs_ipv6: { verified: 11_900, bytes: 32_000 }, // (9 167, 30 200)
  xlvs_tagged: { verified: 1_150, bytes: 2_750 }, // (878, 2 112)
  xlvs_short4: { verified: 5_300, bytes: 24_700 }, // (4 086, 18 984)
  xlvs_short6: { verified: 9_100, bytes: 31_000 }, // (7 023, 23 912)
  xlvs_strict: { verified: 800, bytes: 5_600 }, // (605, 4 296)
  xlvs_options: { verified: 7_000, bytes: 26_100 }, // (5 449, 20 080)
  xlvs_renew4: { verified: 29_200, bytes: 46_700 }, // (22 491, 35 944)
  xlvs_renew6: { verified: 38_700, bytes: 50_300 }, // (29 704, 38 672)
  xlvs_ipsec4: { verified: 5_100, bytes: 30_300 }, // (3 856, 23 248)
  xlvs_ipsec6: { verified: 9_800, bytes: 36_400 }, // (7 466, 27 968)
  xlvs_icmp_new4: { verified: 56_300, bytes: 110_400 }, // (43 272, 84 960)
  xlvs_icmp_new6: { verified: 64_400, bytes: 125_000 }, // (49 565, 96 104)
  xlvs_icmp_tun: { verified: 4_800, bytes: 23_800 }, // (3 691, 18 296)
  xlvs_stray4: { verified: 6_200, bytes: 22_800 }, // (4 763, 17 560)
  xlvs_stray6: { verified: 11_100, bytes: 28_900 }, // (8 505, 22 208)
  xlvs_once4: { verified: 6_400, bytes: 17_200 }, // (4 929, 13 224)
  xlvs_once6: { verified: 10_300, bytes: 19_600 }, // (7 920, 15 072)
  xlvs_here4: { verified: 5_000, bytes: 19_800 }, // (3 842, 15 224)
  xlvs_here6: { verified: 10_900, bytes: 27_900 }, // (8 394, 21 456)
  xlvs_persist4: { verified: 60_900, bytes: 109_600 }, // (46 874, 84 304)
  xlvs_persist6: { verified: 69_700, bytes: 122_900 }, // (53 640, 94 568)
  xlvs_follow4: { verified: 69_700, bytes: 84_600 }, // (53 637, 65 104)
  xlvs_follow6: { verified: 82_100, bytes: 84_500 }, // (63 174, 65 016)
  xlvs_reset4: { verified: 6_700, bytes: 22_400 }, // (5 115, 17 216)
  xlvs_reset6: { verified: 11_900, bytes: 30_700 }, // (9 156, 23 552)
  xlvs_bypass4: { verified: 35_300, bytes: 61_500 }, // (27 135, 47 328)
  xlvs_bypass6: { verified: 54_000, bytes: 73_500 }, // (41 506, 56 504)
  xlvs_call4: { verified: 48_800, bytes: 91_000 }, // (37 530, 69 992)
  xlvs_call6: { verified: 51_700, bytes: 96_000 }, // (39 768, 73 832)
  xlvs_tell4: { verified: 17_800, bytes: 39_600 }, // (13 663, 30 408)
  xlvs_tell6: { verified: 22_000, bytes: 43_600 }, // (16 921, 33 464)
  xlvs_told4: { verified: 24_600, bytes: 54_500 }, // (18 914, 41 848)
  xlvs_told6: { verified: 32_000, bytes: 66_200 }, // (24 594, 50 888)
  companion: { verified: 100, bytes: 600 }, // (71, 448)
  egress: { verified: 60, bytes: 380 }, // (46, 288)
  loopback: { verified: 60, bytes: 380 }, // (46, 288)
  egress4: { verified: 6_900, bytes: 26_200 }, // (5 337, 20 160)
  egress6: { verified: 24_200, bytes: 37_100 }, // (18 591, 28 544)
  loopback4: { verified: 7_200, bytes: 26_300 }, // (5 501, 20 224)
  loopback6: { verified: 24_100, bytes: 37_200 }, // (18 515, 28 600)
  ask4: { verified: 40_000, bytes: 90_000 }, // (23 477, 57 336)
  ask6: { verified: 110_000, bytes: 110_000 }, // (70 103, 67 392)
  begin4: { verified: 60_000, bytes: 100_000 },
  begin6: { verified: 110_000, bytes: 115_000 },
  persist4: { verified: 56_000, bytes: 105_500 }, // (43 116, 81 128)
  persist6: { verified: 62_300, bytes: 115_200 }, // (47 941, 88 584)
  once4: { verified: 3_000, bytes: 8_100 }, // (2 297, 6 240)
  once6: { verified: 8_400, bytes: 13_100 }, // (6 461, 10 112)
}

/** Every program of a director: the hot walk, those it calls, and the companions. */
function programs(lvs: PacketDirector): ProgramInfo[] {
  const { maps, program, companions } = lvs.kernel
  const called = (map: BpfMap, count: number): ProgramInfo[] =>
    Array.from({ length: count }, (_, walk) => {
      const id = map.lookup(key32(walk)) ?? new Uint8Array(4)
      return BpfProgram.fromId(Buffer.from(id).readUInt32LE()).info
    })
  const { ingress, egress, loopback } = companions
  return [
    program.info,
    ...called(maps.walks, WALK.WALKS),
    ...[ingress, egress, loopback].map(one => one.info),
    ...called(maps.here_walks, HERE_WALK.HERE_WALKS),
  ]
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
