/**
 * The compiled BPF objects and how they are loaded. Read next: kernel.ts, decap.ts.
 */
import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { BpfObject } from '../../addon/index.ts'
import { XlvsError } from '../errors.ts'

/** Where the objects lie: beside control/, in a checkout and when installed. */
export function objectsFolder(): string {
  return process.env['XLVS_OBJECTS'] ?? fileURLToPath(new URL('../../build', import.meta.url))
}

/** Opens `NAME.bpf.o` of a folder. @throws KERNEL_REFUSED when it is missing. */
export function openObject(folder: string, name: string): BpfObject {
  const path = join(folder, name)
  if (!existsSync(path))
    throw new XlvsError(
      'KERNEL_REFUSED',
      `the BPF object ${path} is missing`,
      'build it with make build, or reinstall xlvs',
    )
  return BpfObject.open(path, basename(path, '.bpf.o'))
}

/** Loads an object. @throws NO_ROOT, KERNEL_REFUSED. */
export function loadObject(object: BpfObject): void {
  try {
    object.load()
  } catch (cause) {
    const { code = '', log = '' } = cause as { code?: string; log?: string }
    if (code === 'EPERM')
      throw new XlvsError(
        'NO_ROOT',
        'the kernel refuses to load the XDP program: this user lacks CAP_BPF or CAP_NET_ADMIN',
        'run it as root',
        { cause },
      )
    throw refusedByVerifier(code, log, cause)
  }
}

/** What the verifier says last is why; all of it may be a megabyte. */
const LOG_LINES = 20
const LOG_COLUMNS = 200

/** @param log libbpf's words, the verifier's log among them where there is one */
function refusedByVerifier(code: string, log: string, cause: unknown): XlvsError {
  const [, verifier = ''] = /BEGIN PROG LOAD LOG --\n([^]*?)\n.*END PROG LOAD LOG/.exec(log) ?? []
  const name = /^prog '(\w+)': BPF program load failed/m.exec(log)?.[1]
  const lines = (verifier || log.trim()).split('\n').filter(isTelling)
  const why = lines.at(-1)
  const what = name === undefined ? 'the BPF object' : `the program ${name}`
  return new XlvsError(
    'KERNEL_REFUSED',
    `the kernel refuses ${what} (${code}): ${why ?? 'it gives no reason'}`,
    'see dmesg; xlvs was tested on Linux 6.1 and 6.18',
    { cause, details: lines.slice(-LOG_LINES).map(line => line.slice(0, LOG_COLUMNS)) },
  )
}

/** Neither how much work it was, nor what libbpf says last of whatever it was. */
function isTelling(line: string): boolean {
  return line !== '' && !line.startsWith('processed ') && !/failed to load(:| object)/.test(line)
}
