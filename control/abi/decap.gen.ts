/**
 * Generated from bpf/ through BTF by bpf/gen.ts; do not edit, run `make gen`.
 * Reads and writes the structures that the data plane and the control plane share.
 */

function bytes(v: DataView, at: number, length: number): Uint8Array {
  return new Uint8Array(v.buffer, v.byteOffset + at, length)
}

export const DECAP_COUNT = {
  DECAP_4IN4: 0,
  DECAP_6IN4: 1,
  DECAP_4IN6: 2,
  DECAP_6IN6: 3,
  DECAP_CONGESTION: 4,
  DECAP_OTHER_HOST: 5,
  DECAP_OPTIONS: 6,
  DECAP_BAD_LENGTH: 7,
  DECAP_BAD_CHECKSUM: 8,
  DECAP_FRAGMENT: 9,
  DECAP_BAD_INNER: 10,
  DECAP_COUNTS: 11,
} as const

/** Key and value size of each map, in bytes, and the name by which libbpf knows it. */
export const MAPS = {
  decap_addresses: { keySize: 16, valueSize: 8, libbpf: 'decap_addresses' },
  decap_counts: { keySize: 4, valueSize: 8, libbpf: 'decap_counts' },
} as const

export interface DecapAddress {
  /** IPv6, or IPv4 as ::ffff:a.b.c.d. */
  address: Uint8Array
}

/** Size, then the offset of each field, in bytes. */
export const DECAP_ADDRESS = {
  size: 16,
  address: 0,
} as const

export function readDecapAddress(v: DataView, at: number): DecapAddress {
  return {
    address: bytes(v, at + 0, 16),
  }
}

export function writeDecapAddress(v: DataView, at: number, x: DecapAddress): void {
  bytes(v, at + 0, 16).set(x.address)
}

export interface DecapOwn {
  /** of the interface that this program is on. */
  mac: Uint8Array
}

/** Size, then the offset of each field, in bytes. */
export const DECAP_OWN = {
  size: 8,
  mac: 0,
} as const

export function readDecapOwn(v: DataView, at: number): DecapOwn {
  return {
    mac: bytes(v, at + 0, 6),
  }
}

export function writeDecapOwn(v: DataView, at: number, x: DecapOwn): void {
  bytes(v, at + 0, 6).set(x.mac)
}
