/** The flag that names a service, shared by `service add` and `service set`. */
import * as Flags from '@oclif/core/flags'
import { parseLabel } from '../config/name.ts'

export const nameFlag = Flags.string({
  description: 'what people call it, for example web; no two services have the same',
  helpValue: 'WORD',
})

/** @throws BAD_NAME */
export function readName(name: string | undefined): { name?: string } {
  return name === undefined ? {} : { name: parseLabel(name) }
}
