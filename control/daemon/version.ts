/** The version of xlvs, as package.json has it. */
import { readFileSync } from 'node:fs'

const file = new URL('../../package.json', import.meta.url)

export const XLVS_VERSION = (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
