/** What xlvs version says where no daemon answers, or something that is none. */
import test from 'ava'
import { createServer } from 'node:net'
import { serveFake } from '../support/fake_director.ts'
import { xlvs } from '../support/run.ts'

test('xlvs: version without a daemon, then its own, and a warning that none answers', async t => {
  const [text, json] = await Promise.all([xlvs(['version']), xlvs(['version', '--json'])])

  t.deepEqual([text.status, json.status], [0, 0])
  t.is(text.out, 'xlvs 0.1.0\nno daemon answers\n')
  t.regex(text.err, /^warning: cannot reach the daemon at .*: there is no such socket\n {4}start /)
  t.like(JSON.parse(json.out), { daemon: null, warnings: [{ kind: 'no-daemon' }] })
})

test('xlvs: version where something else answers, then its own, and it fails', async t => {
  const { socket } = await serveFake(t)
  const other = `${socket}.other`
  const server = createServer(connection => connection.end('SSH-2.0-OpenSSH\r\n'))
  t.teardown(() => server.close())
  await new Promise<void>(resolve => server.listen(other, resolve))

  const [text, json] = await Promise.all(
    [['version'], ['version', '--json']].map(words => xlvs(words, { socket: other })),
  )

  t.deepEqual([text?.status, json?.status], [1, 1])
  t.is(text?.out, 'xlvs 0.1.0\n')
  t.regex(text?.err ?? '', /\(SOCKET_REFUSED\)/)
  t.like(JSON.parse(json?.out ?? ''), { error: { code: 'SOCKET_REFUSED' } })
})
