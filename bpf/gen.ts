/**
 * Makes a file of control/abi/ from the BTF of a BPF object: codecs of every structure that a map
 * or a pinned global holds, enums, and the shape of each map. Usage: gen.ts OBJECT > FILE.
 * Source: Documentation/bpf/btf.rst (v6.12).
 */
import { readFileSync } from 'node:fs'

const KIND = { int: 1, ptr: 2, array: 3, struct: 4, union: 5, enum: 6, typedef: 8 } as const
const KIND_MORE = { volatile: 9, const: 10, restrict: 11, func: 12, proto: 13, var: 14 } as const
const KIND_LAST = { section: 15, float: 16, declTag: 17, typeTag: 18, enum64: 19 } as const

interface Member {
  name: string
  type: number
  offset: number
  note: string
}
interface Type {
  kind: number
  name: string
  /** size in bytes, or the type referred to. */
  value: number
  members: Member[]
  elements: number
  values: [string, number][]
}

/** The bytes of one section of a 64-bit ELF file. */
function section(elf: Buffer, wanted: string): Buffer {
  const table = Number(elf.readBigUInt64LE(0x28))
  const size = elf.readUInt16LE(0x3a)
  const header = (i: number): Buffer => elf.subarray(table + i * size, table + (i + 1) * size)
  const bytes = (h: Buffer): Buffer => {
    const at = Number(h.readBigUInt64LE(24))
    return elf.subarray(at, at + Number(h.readBigUInt64LE(32)))
  }
  const names = bytes(header(elf.readUInt16LE(0x3e)))
  for (let i = 0; i < elf.readUInt16LE(0x3c); i++) {
    const at = header(i).readUInt32LE(0)
    if (names.toString('latin1', at, names.indexOf(0, at)) === wanted) return bytes(header(i))
  }
  throw new Error(`section ${wanted} is missing: compile with -g`)
}

/** Bytes that follow a type of this kind, by its number of members. */
function extraSize(kind: number, count: number): number {
  if (kind === KIND.int || kind === KIND_MORE.var || kind === KIND_LAST.declTag) return 4
  if (kind === KIND.array) return 12
  if (kind === KIND.struct || kind === KIND.union || kind === KIND_LAST.section) return 12 * count
  if (kind === KIND_LAST.enum64) return 12 * count
  if (kind === KIND.enum || kind === KIND_MORE.proto) return 8 * count
  return 0
}

function parseBtf(btf: Buffer): Type[] {
  const headerSize = btf.readUInt32LE(4)
  const types = btf.subarray(
    headerSize + btf.readUInt32LE(8),
    headerSize + btf.readUInt32LE(8) + btf.readUInt32LE(12),
  )
  const strings = btf.subarray(headerSize + btf.readUInt32LE(16))
  const text = (at: number): string => strings.toString('utf8', at, strings.indexOf(0, at))
  const all: Type[] = [{ kind: 0, name: 'void', value: 0, members: [], elements: 0, values: [] }]
  const tags: { type: number; member: number; note: string }[] = []
  for (let at = 0; at < types.length;) {
    const info = types.readUInt32LE(at + 4)
    const kind = (info >>> 24) & 31
    const count = info & 0xffff
    const type: Type = {
      kind,
      name: text(types.readUInt32LE(at)),
      value: types.readUInt32LE(at + 8),
      members: [],
      elements: 0,
      values: [],
    }
    readExtra(types, at + 12, type, count, text)
    if (kind === KIND_LAST.declTag)
      tags.push({ type: type.value, member: types.readInt32LE(at + 12), note: type.name })
    all.push(type)
    at += 12 + extraSize(kind, count)
  }
  for (const tag of tags) {
    const member = all[tag.type]?.members[tag.member]
    if (member) member.note = tag.note
  }
  return all
}

function readExtra(
  b: Buffer,
  at: number,
  type: Type,
  count: number,
  text: (at: number) => string,
): void {
  const u32 = (i: number): number => b.readUInt32LE(at + 4 * i)
  if (type.kind === KIND.array) {
    type.value = u32(0)
    type.elements = u32(2)
  } else if (type.kind === KIND.struct) {
    for (let i = 0; i < count; i++)
      type.members.push({
        name: text(u32(3 * i)),
        type: u32(3 * i + 1),
        offset: (u32(3 * i + 2) & 0xffffff) / 8,
        note: '',
      })
  } else if (type.kind === KIND_LAST.section) {
    for (let i = 0; i < count; i++)
      type.members.push({ name: '', type: u32(3 * i), offset: u32(3 * i + 1), note: '' })
  } else if (type.kind === KIND.enum) {
    for (let i = 0; i < count; i++) type.values.push([text(u32(2 * i)), u32(2 * i + 1)])
  }
}

class Generator {
  readonly #types: Type[]
  readonly #out: string[] = []
  readonly #structs = new Map<string, Type>()

  constructor(types: Type[]) {
    this.#types = types
  }

  text(): string {
    const maps: string[] = []
    for (const t of this.#types.filter(t => t.kind === KIND_LAST.section))
      for (const member of t.members) this.#global(t.name, this.#type(member.type), maps)
    this.#out.push(
      '/** Key and value size of each map, in bytes, and the name by which libbpf knows it. */',
      'export const MAPS = {',
      ...maps.sort(),
      '} as const',
    )
    for (const [, type] of [...this.#structs].sort(([a], [b]) => (a < b ? -1 : 1)))
      this.#codec(type)
    return this.#out.join('\n') + '\n'
  }

  #global(sectionName: string, variable: Type, maps: string[]): void {
    const type = this.#resolve(variable.value).type
    if (sectionName === '.maps') {
      const size = (name: string): number => {
        const member = type.members.find(m => m.name === name)
        if (!member) return 4
        return this.#collect(this.#type(member.type))
      }
      maps.push(this.#map(variable.name, size('key'), size('value'), variable.name))
    } else if (sectionName.startsWith('.bss.')) {
      const size = this.#collect(type)
      maps.push(this.#map(variable.name, 4, size, sectionName))
    } else if (sectionName === '.rodata.config' || sectionName === '.data.settings') {
      this.#collect(type)
    } else if (sectionName === '.data.keep') {
      this.#enum(type)
    }
  }

  #map(name: string, keySize: number, valueSize: number, libbpf: string): string {
    return `  ${name}: { keySize: ${keySize}, valueSize: ${valueSize}, libbpf: '${libbpf}' },`
  }

  /** Notes a structure and those inside it; the size of the type in bytes. */
  #collect(of: Type): number {
    const type = this.#resolveType(of).type
    if (type.kind === KIND.struct && !this.#structs.has(type.name)) {
      this.#structs.set(type.name, type)
      for (const member of type.members) this.#collect(this.#type(member.type))
    }
    if (type.kind === KIND.array) return this.#collect(this.#type(type.value)) * type.elements
    return type.value
  }

  #enum(type: Type): void {
    const name = type.name.toUpperCase()
    this.#out.push(`export const ${name} = {`)
    for (const [key, value] of type.values) this.#out.push(`  ${key}: ${value},`)
    this.#out.push('} as const', '')
  }

  #type(id: number): Type {
    const type = this.#types[id]
    if (!type) throw new Error(`BTF names type ${id}, which it does not have`)
    return type
  }

  #resolve(id: number): { type: Type; big: boolean } {
    return this.#resolveType(this.#type(id))
  }

  /** Looks through typedefs and qualifiers; a typedef __be* on the way means big-endian. */
  #resolveType(of: Type): { type: Type; big: boolean } {
    let type = of
    let big = false
    const through: number[] = [
      KIND.ptr,
      KIND.typedef,
      KIND_MORE.volatile,
      KIND_MORE.const,
      KIND_MORE.var,
    ]
    while (through.includes(type.kind)) {
      big ||= type.name.startsWith('__be')
      type = this.#type(type.value)
    }
    return { type, big }
  }

  #codec(type: Type): void {
    const name = type.name.replace(/(^|_)([a-z])/g, (_, __, c: string) => c.toUpperCase())
    const used = type.members.filter(m => !m.name.startsWith('pad'))
    const fields = used.map(m => ({ ...m, ...this.#field(m) }))
    const lines = (f: (m: (typeof fields)[number]) => string): string[] => fields.map(f)
    this.#out.push('', `export interface ${name} {`)
    for (const f of fields) {
      if (f.note) this.#out.push(`  /** ${f.note}. */`)
      this.#out.push(`  ${f.name}: ${f.ts}`)
    }
    this.#out.push('}', '', `/** Size, then the offset of each field, in bytes. */`)
    this.#out.push(`export const ${type.name.toUpperCase()} = {`, `  size: ${type.value},`)
    this.#out.push(...lines(f => `  ${f.name}: ${f.offset},`), '} as const')
    if (fields.some(f => !f.read)) return
    this.#out.push('', `export function read${name}(v: DataView, at: number): ${name} {`)
    this.#out.push('  return {', ...lines(f => `    ${f.name}: ${f.read},`), '  }', '}')
    this.#out.push('', `export function write${name}(v: DataView, at: number, x: ${name}): void {`)
    this.#out.push(...lines(f => `  ${f.write}`), '}')
  }

  #field(member: Member): { ts: string; read: string; write: string } {
    const { type, big } = this.#resolve(member.type)
    const at = `at + ${member.offset}`
    if (type.kind === KIND.int) return this.#scalar(member.name, type.value, big, at)
    if (type.kind !== KIND.array) return { ts: type.name, read: '', write: '' }
    const element = this.#resolve(type.value).type
    if (element.kind === KIND.int && element.value === 1)
      return {
        ts: 'Uint8Array',
        read: `bytes(v, ${at}, ${type.elements})`,
        write: `bytes(v, ${at}, ${type.elements}).set(x.${member.name})`,
      }
    if (element.kind === KIND.int)
      return {
        ts: 'number[]',
        read: `words(v, ${at}, ${type.elements})`,
        write: `x.${member.name}.forEach((n, i) => { v.setUint32(${at} + 4 * i, n, HOST) })`,
      }
    return { ts: 'unknown[]', read: '', write: '' }
  }

  #scalar(name: string, size: number, big: boolean, at: string) {
    const order = size === 1 ? '' : big ? ', false' : ', HOST'
    const method = size === 8 ? 'BigUint64' : `Uint${8 * size}`
    return {
      ts: size === 8 ? 'bigint' : 'number',
      read: `v.get${method}(${at}${order})`,
      write: `v.set${method}(${at}, x.${name}${order})`,
    }
  }
}

const HEADER = `/**
 * Generated from bpf/ through BTF by bpf/gen.ts; do not edit, run \`make gen\`.
 * Reads and writes the structures that the data plane and the control plane share.
 */
`

/** Helpers of the codecs: what calls for one, and its text. */
const HELPERS: [call: RegExp, text: string][] = [
  [
    /\bHOST\b|\bwords\(/,
    `
/** Whether this machine keeps the low byte first; fields of network order do not ask. */
const HOST = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1
`,
  ],
  [
    /\bbytes\(/,
    `
function bytes(v: DataView, at: number, length: number): Uint8Array {
  return new Uint8Array(v.buffer, v.byteOffset + at, length)
}
`,
  ],
  [
    /\bwords\(/,
    `
function words(v: DataView, at: number, length: number): number[] {
  return Array.from({ length }, (_, i) => v.getUint32(at + 4 * i, HOST))
}
`,
  ],
]

const object = process.argv[2]
if (!object) throw new Error('usage: gen.ts OBJECT: the compiled BPF object is missing')
const text = new Generator(parseBtf(section(readFileSync(object), '.BTF'))).text()
const helpers = HELPERS.filter(([call]) => call.test(text)).map(([, helper]) => helper)
process.stdout.write(`${HEADER}${helpers.join('')}\n${text}`)
