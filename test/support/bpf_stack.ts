/**
 * How much stack the programs of an object take, read from its instructions as Linux 6.1 counts it:
 * each function's frame rounded up to 32 bytes, along the deepest chain of calls, what bpf_loop
 * calls among them. Later kernels round to 16 and let more through. Pure.
 * Source: verifier.c check_max_stack_depth (v6.1).
 */

const CODE = 0x4
const SYMBOLS = 2
const RELOCATIONS = 9
const FUNCTION = 2
/** Of a call, and of a function's address, which a helper as bpf_loop calls. */
const CALL_RELOCATION = 10
const ADDRESS_RELOCATION = 1
const INSTRUCTION = 8
const FRAME_POINTER = 10
const FRAME_UNIT = 32

interface Section {
  type: number
  flags: number
  offset: number
  size: number
  link: number
  info: number
  entrySize: number
}

interface Routine {
  name: string
  frame: number
  calls: Set<string>
}

/** The deepest chain from each function: its bytes and who is in it. */
export function deepest(object: Buffer): Map<string, { bytes: number; chain: string[] }> {
  const routines = new Map(routinesOf(object).map(routine => [routine.name, routine]))
  const found = new Map<string, { bytes: number; chain: string[] }>()
  const look = (name: string): { bytes: number; chain: string[] } => {
    const known = found.get(name)
    const routine = routines.get(name)
    if (known || !routine) return known ?? { bytes: 0, chain: [] }
    const below = [...routine.calls].map(look).reduce((a, b) => (b.bytes > a.bytes ? b : a), {
      bytes: 0,
      chain: [],
    })
    const own = Math.ceil(Math.max(routine.frame, 1) / FRAME_UNIT) * FRAME_UNIT
    const all = { bytes: own + below.bytes, chain: [name, ...below.chain] }
    found.set(name, all)
    return all
  }
  for (const name of routines.keys()) look(name)
  return found
}

function routinesOf(object: Buffer): Routine[] {
  const sections = sectionsOf(object)
  const symbols = sections.find(({ type }) => type === SYMBOLS)
  if (!symbols) throw new Error('the object has no symbols')
  const names = sections[symbols.link]
  const nameOf = (at: number): string => {
    const begin = (names?.offset ?? 0) + at
    return object.toString('latin1', begin, object.indexOf(0, begin))
  }
  const all = entries(symbols).map(at => ({
    name: nameOf(object.readUInt32LE(at)),
    type: object.readUInt8(at + 4) & 15,
    section: object.readUInt16LE(at + 6),
    value: Number(object.readBigUInt64LE(at + 8)),
    size: Number(object.readBigUInt64LE(at + 16)),
  }))
  const functions = all.filter(({ type }) => type === FUNCTION)
  return functions.map(({ name, section, value, size }) => {
    const code = sections[section]
    if (!code || !(code.flags & CODE)) throw new Error(`${name} is in no section of code`)
    const body = object.subarray(code.offset + value, code.offset + value + size)
    const relocations = sections
      .filter(({ type, info }) => type === RELOCATIONS && info === section)
      .flatMap(entries)
      .map(at => ({
        from: Number(object.readBigUInt64LE(at)),
        type: object.readUInt32LE(at + 8),
        to: all[object.readUInt32LE(at + 12)],
      }))
      .filter(({ from }) => from >= value && from < value + size)
    const calls = relocations.flatMap(({ from, type, to }) => {
      if (type === CALL_RELOCATION) return to ? [to.name] : []
      if (type !== ADDRESS_RELOCATION || !to || !((sections[to.section]?.flags ?? 0) & CODE))
        return []
      const begin = to.value + object.readUInt32LE(code.offset + from + 4)
      const called = functions.find(one => one.section === to.section && one.value === begin)
      return called ? [called.name] : []
    })
    return { name, frame: frameOf(body), calls: new Set(calls) }
  })
}

function sectionsOf(object: Buffer): Section[] {
  const [at, size, count] = [
    Number(object.readBigUInt64LE(0x28)),
    object.readUInt16LE(0x3a),
    object.readUInt16LE(0x3c),
  ]
  return Array.from({ length: count }, (_, i) => {
    const begin = at + i * size
    return {
      type: object.readUInt32LE(begin + 4),
      flags: Number(object.readBigUInt64LE(begin + 8)),
      offset: Number(object.readBigUInt64LE(begin + 24)),
      size: Number(object.readBigUInt64LE(begin + 32)),
      link: object.readUInt32LE(begin + 40),
      info: object.readUInt32LE(begin + 44),
      entrySize: Number(object.readBigUInt64LE(begin + 56)),
    }
  })
}

function entries({ offset, size, entrySize }: Section): number[] {
  return Array.from({ length: size / entrySize }, (_, i) => offset + i * entrySize)
}

/** The farthest byte below the frame pointer that is used, or whose address is taken. */
function frameOf(body: Buffer): number {
  let far = 0
  const copies = new Set<number>()
  for (let at = 0; at < body.length; at += INSTRUCTION) {
    const [code, registers, offset, value] = [
      body.readUInt8(at),
      body.readUInt8(at + 1),
      body.readInt16LE(at + 2),
      body.readInt32LE(at + 4),
    ]
    const [to, from] = [registers & 15, registers >> 4]
    const kind = code & 7
    const isByFrame = kind === 1 ? from === FRAME_POINTER : to === FRAME_POINTER
    if (kind >= 1 && kind <= 3 && isByFrame) far = Math.max(far, -offset)
    if (code === 0x07 && copies.has(to)) far = Math.max(far, -value)
    if (kind === 0 || kind === 1 || kind === 4 || kind === 7) copies.delete(to)
    if (code === 0xbf && from === FRAME_POINTER) copies.add(to)
    if (code === 0x18) at += INSTRUCTION
  }
  return far
}
