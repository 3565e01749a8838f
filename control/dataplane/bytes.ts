/** Small helpers for keys and values of maps, which are bytes. Pure. */

/** A u32 key, in the machine's byte order. */
export function key32(n: number): Uint8Array {
  return new Uint8Array(new Uint32Array([n]).buffer)
}

/** The bytes as a DataView. */
export function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
