/** The recorded scenarios by name, and which commands of one differ. Read next: transcript.ts. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseTranscript, type Ran, type Scenario, type Step } from './transcript.ts'

/** The folders: by netlink, which ipvsadm prefers, or where it had socket options only. */
export type Recording = 'recorded' | 'recorded_options'

/** Each with its name, `file: scenario`. */
export async function scenarios(
  recording: Recording = 'recorded',
): Promise<[name: string, Scenario][]> {
  const found: [string, Scenario][] = []
  const folder = join(import.meta.dirname, recording)
  for (const file of (await readdir(folder)).sort()) {
    const text = await readFile(join(folder, file), 'utf8')
    for (const scenario of parseTranscript(text))
      found.push([`${file.replace(/\..*/, '')}: ${scenario.name}`, scenario])
  }
  return found
}

/** Numbers, from 1, of the steps that did not go as recorded. */
export function differing(steps: readonly Step[], ran: readonly Ran[]): number[] {
  return steps.flatMap(({ recorded: { status, out, err } }, i) => {
    const did = ran[i]
    return did?.status === status && did.out === out && did.err === err ? [] : [i + 1]
  })
}
