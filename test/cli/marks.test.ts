/** `xlvs mark add`, `remove` and `import`: how the words and the text come in. */
import test from 'ava'
import { serveFake } from '../support/fake_director.ts'
import { xlvs } from '../support/run.ts'

test('mark add: a word that is there twice, both count', async t => {
  const { socket, state } = await serveFake(t)

  const { out } = await xlvs(['mark', 'add', ...words('tcp to 192.0.2.2 port 80 mark 80')], {
    socket,
  })
  const one = state.marks.length
  await xlvs(['mark', 'remove', ...words('tcp to 192.0.2.2 port 80')], { socket })

  t.is(out, 'mark rule tcp to 192.0.2.2 port 80 mark 80 added\n')
  t.deepEqual([one, state.marks.length], [1, 0])
})

test('mark import: from standard input, named or not', async t => {
  const { socket } = await serveFake(t)
  const input =
    '*mangle\n-A PREROUTING -d 192.0.2.1/32 -p tcp --dport 80 -j MARK --set-mark 7\nCOMMIT\n'

  const named = await xlvs(['mark', 'import', '-', '--dry-run'], { socket, input })
  const unnamed = await xlvs(['mark', 'import', '--dry-run'], { socket, input })

  t.regex(named.out, /tcp to 192\.0\.2\.1 port 80 mark 7/)
  t.is(unnamed.out, named.out)
})

test('mark import: strict and a rule is left out, nothing is added and the exit is 1', async t => {
  const { socket, state } = await serveFake(t)
  const rules = '-A PREROUTING -p tcp -j MARK --set-mark 7\n'
  const left = '-A PREROUTING -j CONNMARK --restore-mark\n'
  const strictly = (text: string, ...words: string[]): ReturnType<typeof xlvs> =>
    xlvs(['mark', 'import', '--strict', ...words], { socket, input: `*mangle\n${text}COMMIT\n` })

  const refused = await strictly(left + rules)
  const json = await strictly(left + rules, '--json')
  const dry = await strictly(left + rules, '--dry-run')
  const before = state.marks.length
  const whole = await strictly(rules)

  t.is(refused.err.split('\n')[0], 'line 2: the mark of a connection is not known')
  t.regex(
    refused.err,
    /error: 1 mark rule of the text cannot be .*nothing was added \(MARKS_LEFT_OUT\)/,
  )
  t.regex(json.out, /"about":\[\{.*"message":"line 2: the mark of a connection is not known"/)
  t.deepEqual(
    [refused, json, dry, whole].map(({ status }) => status),
    [1, 1, 1, 0],
  )
  t.deepEqual([before, state.marks.length], [0, 1])
})

test('mark import: strict, and no packet to IPVS passes what is left out, it is done', async t => {
  const { socket, state } = await serveFake(t)
  const input =
    '*nat\n-A PREROUTING -j NOTE\n-A NOTE -j MARK --set-xmark 0x4000/0x4000\nCOMMIT\n' +
    '*mangle\n-A OUTPUT -j MARK --set-mark 3\n' +
    '-A PREROUTING -p tcp -j MARK --set-mark 7\nCOMMIT\n'

  const { status, out, err } = await xlvs(['mark', 'import', '--strict'], { socket, input })

  t.deepEqual([status, state.marks.length], [0, 1], err)
  t.regex(out, /added 1 mark rule; 2 left out/)
  t.regex(err, /^line 3: it marks in the table nat.*\n.*\nline 6: packets do not pass/)
})

function words(line: string): string[] {
  return line.split(' ')
}
