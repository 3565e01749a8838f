/**
 * Attributes of netlink and structures of C, read and written by a table of fields. Whatever comes
 * in may be anything: no length in it is trusted. Numbers are in the order of the machine, which is
 * little-endian wherever xlvs runs. Pure. Read next: abi.ts (the tables).
 * Source: lib/nlattr.c nla_parse(), validate_nla() (v6.1), with liberal checks.
 */
import { refusedWith } from './refused.ts'

interface NumberField {
  kind: 'u8' | 'u16' | 'be16' | 'u32' | 's32' | 'u64' | 'flags'
}

/** Bytes as they are: `min` to `max` of them as an attribute, `size` in a structure. */
interface BytesField {
  kind: 'bytes'
  min?: number
  max: number
  size?: number
}

/** Text that ends with a zero byte, `max` bytes without it. */
interface TextField {
  kind: 'text'
  max: number
  size?: number
}

interface NestedField {
  kind: 'nested'
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- of what is up to the field
  table: Table<any>
}

/** A field: its number as an attribute, its offset in the structure; missing: it is not there. */
export type Field<T> = { name: keyof T & string; attr?: number; at?: number } & (
  NumberField | BytesField | TextField | NestedField
)
export type Table<T> = readonly Field<T>[]

const HEADER = 4
/** Of a type: the bits that say it is nested, or in network order. */
const TYPE_MASK = 0x3fff
const WIDTH = { u8: 1, u16: 2, be16: 2, u32: 4, s32: 4, u64: 8, flags: 8 } as const

/** Bytes with what pads them. */
export function aligned(length: number): number {
  return (length + 3) & ~3
}

/** What attributes say; of two alike the last, and nothing of those that no field has. */
export function readAttributes<T>(
  table: Table<T>,
  bytes: Buffer,
  from = 0,
  to = bytes.length,
): Partial<T> {
  const found: Record<string, unknown> = {}
  for (let at = from, length; at + HEADER <= to; at += aligned(length)) {
    length = bytes.readUInt16LE(at)
    if (length < HEADER || at + length > to) break
    const field = fieldOf(table, bytes.readUInt16LE(at + 2) & TYPE_MASK)
    if (field) found[field.name] = readAttribute(field, bytes, at + HEADER, at + length)
  }
  return found as Partial<T>
}

function fieldOf<T>(table: Table<T>, attr: number): Field<T> | undefined {
  for (const field of table) if (field.attr === attr) return field
  return undefined
}

/** Those that are whole. */
export function* attributes(bytes: Buffer): Generator<[type: number, value: Buffer]> {
  for (let at = 0; at + HEADER <= bytes.length;) {
    const length = bytes.readUInt16LE(at)
    if (length < HEADER || at + length > bytes.length) return
    yield [bytes.readUInt16LE(at + 2) & TYPE_MASK, bytes.subarray(at + HEADER, at + length)]
    at += aligned(length)
  }
}

/** @throws ERANGE when it is too short or too long, EINVAL when text has no end */
function readAttribute<T>(field: Field<T>, bytes: Buffer, from: number, to: number): unknown {
  const length = to - from
  switch (field.kind) {
    case 'nested':
      if (length > 0 && length < HEADER) throw refusedWith('ERANGE')
      return readAttributes(field.table, bytes, from, to)
    case 'text':
      return readText(bytes.subarray(from, to), field.max)
    case 'bytes':
      if (length < (field.min ?? 0) || length > field.max) throw refusedWith('ERANGE')
      return filled(bytes, from, to, field.max)
    case 'flags': {
      if (length > WIDTH.flags) throw refusedWith('ERANGE')
      const both = Buffer.from(filled(bytes, from, to, WIDTH.flags).buffer)
      return { flags: both.readUInt32LE(0), mask: both.readUInt32LE(4) }
    }
    default:
      if (length < WIDTH[field.kind]) throw refusedWith('ERANGE')
      return readNumber(field.kind, bytes, from)
  }
}

function readText(value: Buffer, max: number): string {
  const end = value.subarray(0, max + 1).indexOf(0)
  if (end < 0) throw refusedWith('EINVAL')
  const length = value.at(-1) === 0 ? value.length - 1 : value.length
  if (length > max) throw refusedWith('ERANGE')
  return value.toString('latin1', 0, end)
}

/** So many bytes, those that are not there 0. */
function filled(bytes: Buffer, from: number, to: number, size: number): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(size)
  for (let at = from; at < to; at++) copy[at - from] = bytes[at] ?? 0
  return copy
}

function readNumber(kind: NumberField['kind'], bytes: Buffer, at: number): unknown {
  switch (kind) {
    case 'u8':
      return bytes.readUInt8(at)
    case 'u16':
      return bytes.readUInt16LE(at)
    case 'be16':
      return bytes.readUInt16BE(at)
    case 'u32':
      return bytes.readUInt32LE(at)
    case 's32':
      return bytes.readInt32LE(at)
    case 'u64':
      return Number(bytes.readBigUInt64LE(at))
    case 'flags':
      return { flags: bytes.readUInt32LE(at), mask: 0xffffffff }
  }
}

/** Attributes of those fields that have a value. */
export function writeAttributes<T>(table: Table<T>, values: Partial<T>): Buffer {
  const parts: Buffer[] = []
  for (const field of table) {
    const value = values[field.name]
    if (field.attr !== undefined && value !== undefined)
      parts.push(attribute(field.attr, bytesOf(field, value)))
  }
  return Buffer.concat(parts)
}

/** One attribute, padded. */
export function attribute(type: number, value: Uint8Array): Buffer {
  const bytes = Buffer.alloc(aligned(HEADER + value.length))
  bytes.writeUInt16LE(HEADER + value.length, 0)
  bytes.writeUInt16LE(type, 2)
  bytes.set(value, HEADER)
  return bytes
}

function bytesOf<T>(field: Field<T>, value: unknown): Uint8Array {
  switch (field.kind) {
    case 'nested':
      return writeAttributes(field.table, value as object)
    case 'text':
      return Buffer.from(`${value as string}\0`, 'latin1')
    case 'bytes':
      return value as Uint8Array
    default: {
      const bytes = Buffer.alloc(WIDTH[field.kind])
      writeNumber(field.kind, bytes, 0, value)
      if (field.kind === 'flags') bytes.writeUInt32LE((value as { mask: number }).mask, 4)
      return bytes
    }
  }
}

/** Numbers are cut to the bits that there is room for. */
function writeNumber(kind: NumberField['kind'], bytes: Buffer, at: number, value: unknown): void {
  switch (kind) {
    case 'u8':
      bytes.writeUInt8((value as number) & 0xff, at)
      break
    case 'u16':
      bytes.writeUInt16LE((value as number) & 0xffff, at)
      break
    case 'be16':
      bytes.writeUInt16BE((value as number) & 0xffff, at)
      break
    case 's32':
      bytes.writeInt32LE((value as number) | 0, at)
      break
    case 'u32':
      bytes.writeUInt32LE(Math.trunc(value as number) % 2 ** 32, at)
      break
    case 'u64':
      bytes.writeBigUInt64LE(BigInt(Math.trunc(value as number)), at)
      break
    case 'flags':
      bytes.writeUInt32LE((value as { flags: number }).flags, at)
      break
  }
}

/** A structure of so many bytes; fields that lie beyond them are not in it. */
export function readStruct<T>(table: Table<T>, bytes: Buffer): Partial<T> {
  const found: Record<string, unknown> = {}
  for (const field of table) {
    const { at } = field
    if (at === undefined || at + sizeOf(field) > bytes.length || field.kind === 'nested') continue
    found[field.name] = readPart(field, bytes, at)
  }
  return found as Partial<T>
}

/** @throws EINVAL when text has no end */
function readPart<T>(field: Field<T>, bytes: Buffer, at: number): unknown {
  switch (field.kind) {
    case 'text':
      return readText(bytes.subarray(at, at + sizeOf(field)), field.max)
    case 'bytes':
      return filled(bytes, at, at + sizeOf(field), field.max)
    case 'nested':
      return undefined
    default:
      return readNumber(field.kind, bytes, at)
  }
}

function sizeOf<T>(field: Field<T>): number {
  if (field.kind === 'text' || field.kind === 'bytes') return field.size ?? 0
  if (field.kind === 'nested') return 0
  return field.kind === 'flags' ? WIDTH.u32 : WIDTH[field.kind]
}

/** Writes the fields that have a place in the first `size` bytes from `at` on. */
export function writeStruct<T>(
  table: Table<T>,
  values: Partial<T>,
  size: number,
  into: Buffer = Buffer.alloc(size),
  from = 0,
): Buffer {
  for (const field of table) {
    const value = values[field.name]
    if (field.at === undefined || field.at >= size || value === undefined) continue
    const at = from + field.at
    if (field.kind === 'nested')
      writeStruct(field.table, value as object, size - field.at, into, at)
    else if (field.kind === 'text') into.write(value as string, at, 'latin1')
    else if (field.kind === 'bytes') into.set((value as Uint8Array).subarray(0, sizeOf(field)), at)
    else writeNumber(field.kind, into, at, value)
  }
  return into
}
