/**
 * An RCU grace period from user space: replacing an entry of a map of maps makes the kernel wait
 * until every program that was running has ended. Unlike membarrier it works on one CPU and under
 * nohz_full; it costs 4 to 20 ms. Source: kernel/bpf/syscall.c maybe_wait_bpf_programs (v6.12).
 */
import { BpfMap } from '../../addon/index.ts'
import { key32 } from './bytes.ts'

const BPF_MAP_TYPE_ARRAY = 2
const BPF_MAP_TYPE_ARRAY_OF_MAPS = 12

/** Makes a function that returns after one grace period. */
export function gracePeriods(): () => void {
  const shape = { keySize: 4, valueSize: 4, maxEntries: 1 }
  const inner = BpfMap.create({ type: BPF_MAP_TYPE_ARRAY, name: 'grace_inner', ...shape })
  const outer = BpfMap.create({
    type: BPF_MAP_TYPE_ARRAY_OF_MAPS,
    name: 'grace',
    ...shape,
    innerMap: inner,
  })
  return () => {
    outer.update(key32(0), inner)
  }
}
