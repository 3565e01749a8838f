/** A mark rule on the command line, word by word. Read next: ../config/mark_line.ts. */
import * as Args from '@oclif/core/args'

/** What a command's help says of it; the words are all of what follows. */
export const ruleArg = Args.string({
  description: 'the rule, in words: tcp to 192.0.2.0/24 port 80-90 from 198.51.100.0/24 in eth0',
  required: true,
  ignoreStdin: true,
})

/** The line that the words make: of what oclif parsed, for its argv has each word once. */
export function ruleLine(raw: readonly { type: string; input: string }[]): string {
  return raw.flatMap(({ type, input }) => (type === 'arg' ? [input] : [])).join(' ')
}
