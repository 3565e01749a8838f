/** The quick reader of regular YAML against the yaml library: one tree, or none. */
import test from 'ava'
import fc from 'fast-check'
import { isMap, isScalar, isSeq, parseDocument } from 'yaml'
import { regularTree } from '../../../control/config/regular.ts'

/** Lines of regular files, and some that YAML reads in ways of its own. */
const LINES = [
  ...['services:', 'tcp 192.0.2.1:80:', 'tcp [2001:db8::1]:80:', 'udp 192.0.2.1 53: # dns', 'a:'],
  ...['scheduler: rr', 'name: web # of', 'dests:', 'interfaces: [c0, r0]', 'x: [a,b]', '# one', ''],
  ...['- nat 10.0.0.2:8080 weight 2', '- nat [2001:db8::2]:80', '-  a', '-', '- a: b', '- - a'],
  ...[
    'a: b: c',
    'a::',
    'a :b',
    'a: ',
    'a: "b"',
    "a: 'b'",
    'a: |',
    'a: &x b',
    'a: *x',
    '? a',
    '---',
  ],
  ...[
    'a: b#c',
    'a: #c',
    'a: [b',
    'a: b]',
    'a: - b',
    'word',
    '\ta: b',
    'a: b\t',
    'a: b\r',
    '...',
    '%',
  ],
  ...[
    'a: {}',
    'a: []',
    'a: [b c]',
    'a: [b#c]',
    '[a]: b',
    'a: \u2028b',
    '# \u2028',
    'a: b: ',
    '- a:',
  ],
]
const lines = fc.array(
  fc
    .tuple(fc.constantFrom(0, 0, 1, 2, 2, 4, 4, 6), fc.constantFrom(...LINES))
    .map(([indent, line]) => ' '.repeat(indent) + line),
  { maxLength: 8 },
)

/** What is told of a tree: words, and where each node begins and ends in its first line. */
function told(text: string, node: unknown): unknown {
  if (!isScalar(node) && !isMap(node) && !isSeq(node)) return node
  const [from, to] = node.range ?? [-1, -1]
  const newline = text.indexOf('\n', from)
  const place = [from, Math.min(to, newline < 0 ? text.length : newline)]
  if (isScalar(node)) return [place, node.value, node.type]
  if (isSeq(node)) return [place, node.items.map(item => told(text, item))]
  return [place, node.items.map(({ key, value }) => [told(text, key), told(text, value)])]
}

function byLibrary(text: string): unknown {
  const options = { schema: 'failsafe', prettyErrors: false, uniqueKeys: false } as const
  const { contents, errors } = parseDocument(text, options)
  return errors.length > 0 ? 'errors' : told(text, contents)
}

test('regular: any lines, its tree is the one of the yaml library, or there is none', t => {
  fc.assert(
    fc.property(lines, fc.constantFrom('', '\n'), (chosen, end) => {
      const text = chosen.join('\n') + end
      const tree = regularTree(text)
      if (tree) t.deepEqual(told(text, tree), byLibrary(text))
    }),
    { numRuns: 5000 },
  )
})

for (const [what, text] of [
  ['services', 'services:\n  tcp 192.0.2.1:80:\n    dests:\n      - nat 10.0.0.2:80 # one\n'],
  ['a list no deeper than its key', 'interfaces:\n- eth0\n- eth1'],
  ['words in brackets', '# of hand\n\ninterfaces: [c0, r0]\nsettings:\n  tcp_timeout_s: 60\n'],
] as const)
  test(`regular: ${what}, it is read here and the same`, t => {
    const tree = regularTree(text)

    t.truthy(tree)
    t.deepEqual(told(text, tree), byLibrary(text))
  })
