/** The client as other programs have it: the example of MANUAL.md, in a package of its own. */
import test from 'ava'
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { serveFake } from '../support/fake_director.ts'
import { waitFor } from '../support/namespace.ts'
import { xlvs } from '../support/run.ts'
import { dest, service } from '../support/views.ts'

const ROOT = join(import.meta.dirname, '../..')

test("client: MANUAL's example in a program that installed xlvs, it does what it says", async t => {
  const { socket, folder, state, events } = await serveFake(t, { services: [service()] })
  const manual = await readFile(join(ROOT, 'MANUAL.md'), 'utf8')
  const [, example = ''] = /```ts\n([^]*?)```/.exec(manual) ?? []
  const script = join(folder, 'example.ts')
  await writeFile(script, example.replace('/run/xlvs/xlvs.sock', socket))
  await writeFile(join(folder, 'package.json'), '{"type": "module"}')
  await mkdir(join(folder, 'node_modules'))
  await symlink(ROOT, join(folder, 'node_modules/xlvs'))

  const ran = xlvs([], { script })
  await waitFor('the example to watch', () => events.watchers > 0)
  events.publish([
    { kind: 'interface-back', interface: 'eth0' },
    { kind: 'overload', packets: 1 },
  ])

  t.deepEqual(await ran, {
    status: 0,
    out: '192.0.2.1 has 1 dests\ne-1 interface-back\ne-2 overload\n',
    err: '',
  })
  const origin = 'api'
  t.deepEqual(state.services, [service({ dests: [dest({ port: 8080, origin })] })])
})
