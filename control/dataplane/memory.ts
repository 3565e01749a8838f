/** The memory that is left, as IPVS' defences count it: free, and in buffers. */
import { readFileSync } from 'node:fs'

const PAGE_KB = 4

/** In pages. Source: net/netfilter/ipvs/ip_vs_ctl.c update_defense_level (v6.1). */
export function availablePages(text = readFileSync('/proc/meminfo', 'utf8')): number {
  const kb = (name: string): number => Number(new RegExp(`^${name}: +(\\d+)`, 'm').exec(text)?.[1])
  return Math.trunc((kb('MemFree') + kb('Buffers')) / PAGE_KB)
}
