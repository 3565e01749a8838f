/**
 * Compiled code is kept between runs: it takes half of a command's start. Not in the shared
 * temporary folder, Node's default: what root loads as code must not be somebody else's to write.
 */
import { enableCompileCache } from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** Keeps compiled code in ~/.cache/xlvs; where that cannot be written, does without. */
export function cacheCompiledCode(): void {
  enableCompileCache(join(homedir(), '.cache', 'xlvs'))
}
