/**
 * Puts the program of wrap.bpf.c on an interface of this namespace, where it stays:
 * `node lab_wrap.ts IFACE FROM TO`, addresses of the outer header. Read next: wrap.bpf.c.
 */
import { fileURLToPath } from 'node:url'
import { BpfObject, interfaceIndex, TcFilter } from '../../addon/index.ts'
import { ipv6Bytes } from './tunnel.ts'

/** make test builds it. */
const WRAP = fileURLToPath(new URL('../../build/test/wrap.bpf.o', import.meta.url))

const [device = '', from = '', to = ''] = process.argv.slice(2)
const object = BpfObject.open(WRAP)
const outer = Buffer.alloc(36)
outer[0] = to.includes(':') ? 6 : 4
outer.set(bytesOf(from), 4)
outer.set(bytesOf(to), 20)
object.setInitialValue('.rodata.outer', outer)
object.load()
TcFilter.attach(object.program('wrap'), interfaceIndex(device), 'egress')

function bytesOf(address: string): Uint8Array {
  return address.includes(':') ? ipv6Bytes(address) : Buffer.from(address.split('.').map(Number))
}
