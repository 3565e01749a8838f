/** Filters of clsact: attached, replaced, found again by their numbers, and gone. */
import { execFileSync } from 'node:child_process'

import { TcFilter } from '../../addon/index.ts'
import { enterLab, ip, loadTiny, makeMap, privileged, refused } from './tiny.ts'

const { near } = enterLab()

/** The ids of the programs tc lists. */
function programs(point: string): number[] {
  const text = execFileSync('tc', ['filter', 'show', 'dev', 'near', point], { encoding: 'utf8' })
  return Array.from(text.matchAll(/ id (\d+)/g), match => Number(match[1]))
}

for (const point of ['ingress', 'egress'] as const)
  privileged(`tc: attached to ${point}, tc lists it until it is detached`, t => {
    const program = loadTiny(t).program('tag')

    const filter = TcFilter.attach(program, near, point)

    t.deepEqual(programs(point), [program.info.id])
    filter.detach()
    filter.detach()
    t.deepEqual(programs(point), [])
  })

privileged('tc: the same numbers twice, the second program replaces the first', t => {
  const [first, second] = [loadTiny(t).program('tag'), loadTiny(t).program('tag')]

  TcFilter.attach(first, near, 'ingress', 5, 6)
  const filter = TcFilter.attach(second, near, 'ingress', 5, 6)

  t.deepEqual(programs('ingress'), [second.info.id])
  filter.detach()
})

privileged('tc: other numbers, both filters are there', t => {
  const [first, second] = [loadTiny(t).program('tag'), loadTiny(t).program('tag')]

  TcFilter.attach(first, near, 'ingress', 1, 1)
  TcFilter.attach(second, near, 'ingress', 2, 1)

  t.deepEqual(programs('ingress').toSorted(), [first.info.id, second.info.id].toSorted())
  t.true(TcFilter.detach(near, 'ingress', 1, 1))
  t.deepEqual(programs('ingress'), [second.info.id])
  t.true(TcFilter.detach(near, 'ingress', 2, 1))
})

privileged('tc: detached by numbers, false when filter, clsact or interface is missing', t => {
  ip('link add brief type veth peer name brief2')
  const brief = Number(
    execFileSync('ip', ['-o', 'link', 'show', 'brief'], { encoding: 'utf8' }).split(':')[0],
  )

  t.false(TcFilter.detach(near, 'ingress', 1, 77))
  t.false(TcFilter.detach(brief, 'ingress', 1, 1))
  const filter = TcFilter.attach(loadTiny(t).program('tag'), brief, 'ingress')
  ip('link del brief')
  t.false(TcFilter.detach(brief, 'ingress', 1, 1))
  t.notThrows(() => {
    filter.detach()
  })
})

privileged('tc: a program of another type, EINVAL names the call', t => {
  const error = refused(t, 'EINVAL', () =>
    TcFilter.attach(loadTiny(t).program('count'), near, 'ingress'),
  )

  t.is(error.syscall, 'bpf_tc_attach')
})

privileged('tc: no such interface, ENODEV comes with the kernel words', t => {
  const error = refused(t, 'ENODEV', () =>
    TcFilter.attach(loadTiny(t).program('tag'), 999, 'ingress'),
  )

  t.is(error.syscall, 'bpf_tc_hook_create')
})

privileged('tc: wrong arguments, each is EINVAL with a sentence', t => {
  const program = loadTiny(t).program('tag')
  const attach = TcFilter.attach.bind(TcFilter) as (...args: unknown[]) => unknown
  const detach = TcFilter.detach.bind(TcFilter) as (...args: unknown[]) => unknown

  for (const wrong of [
    () => attach(),
    () => attach(makeMap(t), near, 'ingress'),
    () => attach(program, near, 'both'),
    () => attach(program, near, 'ingress', -1),
    () => attach(program, near, 'ingress', 1, '1'),
    () => detach(near, 'ingress', 1),
  ])
    t.regex(refused(t, 'EINVAL', wrong).message, / must /)
})
