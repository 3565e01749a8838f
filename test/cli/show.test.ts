/** What xlvs show says in sentences, JSON has too. */
import test from 'ava'
import type { Warning } from '../../control/model/warning.ts'
import { serveFake } from '../support/fake_director.ts'
import { xlvs } from '../support/run.ts'
import { dest, service } from '../support/views.ts'

const OURS: Warning = { kind: 'route-lost', message: 'a route is lost', cure: 'ip route' }

test('show: warnings of services and of the director, then text and JSON have them', async t => {
  const services = [
    service({ slowStartS: 9, name: 'web', dests: [dest({ address: '127.0.0.1' })] }),
    service({ port: 443 }),
  ]
  const { socket } = await serveFake(t, { services, warnings: [OURS] })
  const told = async (words: string): Promise<[text: string, kinds: string[]]> => {
    const text = await xlvs(words.split(' '), { socket })
    const json = await xlvs([...words.split(' '), '--json'], { socket })
    const { warnings } = JSON.parse(json.out) as { warnings: Warning[] }
    for (const { message } of warnings) t.true(text.out.includes(message), message)
    return [text.out, warnings.map(({ kind }) => kind)]
  }

  const [, all] = await told('show')
  const [, web] = await told('show web')
  const [, other] = await told('show tcp:192.0.2.1:443')

  t.deepEqual(all, ['no-effect', 'loopback-dest', 'route-lost'])
  t.deepEqual(web, ['no-effect', 'loopback-dest'])
  t.deepEqual(other, [])
})
