/**
 * Programs of tests that share a director's maps and include the data plane's own headers: so that
 * a test may stand between two steps of it. Used by stash, stress and template.test.ts.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { BpfObject } from '../../addon/index.ts'
import { CONFIG, MAPS, writeConfig } from '../../control/abi/maps.gen.ts'
import { view } from '../../control/dataplane/bytes.ts'
import type { PacketDirector } from './director.ts'

const BUILD = fileURLToPath(new URL('../../build/test/', import.meta.url))

/** Compiles a source, such as test/packet/stress.bpf.c, and loads it in the director's maps. */
export function beside({ kernel }: PacketDirector, source: string): BpfObject {
  const object = BpfObject.open(compiled(source), basename(source, '.bpf.c'))
  const constants = new Uint8Array(CONFIG.size)
  writeConfig(view(constants), 0, kernel.config)
  object.setInitialValue('.rodata.config', constants)
  const own = new Set(object.maps())
  for (const name of Object.keys(MAPS) as (keyof typeof MAPS)[])
    if (own.has(MAPS[name].libbpf)) object.reuseMap(MAPS[name].libbpf, kernel.maps[name])
  object.reuseMap('.data.settings', kernel.maps.settings)
  object.load()
  return object
}

function compiled(source: string): string {
  const multiarch = execFileSync('gcc', ['-print-multiarch'], { encoding: 'utf8' }).trim()
  const object = BUILD + basename(source, '.c') + '.o'
  mkdirSync(BUILD, { recursive: true })
  const flags = ['-target', 'bpf', '-g', '-O2', '-mcpu=v3', '-Wall', '-Wextra', '-Werror']
  execFileSync('clang-19', [...flags, `-I/usr/include/${multiarch}`, '-c', source, '-o', object])
  return object
}
