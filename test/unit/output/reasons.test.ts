/** The reasons as they are printed, and what has risen between two looks. */
import test from 'ava'
import { REASON } from '../../../control/abi/maps.gen.ts'
import {
  reasonsText,
  reasonViews,
  risenBetween,
  risenText,
} from '../../../control/output/reasons.ts'
import { styleFor } from '../../../control/output/style.ts'

const PLAIN = styleFor(false, {})
const COUNTS: Record<number, number> = {
  [REASON.NAT_REQUEST]: 120,
  [REASON.NO_DEST]: 3,
}
const counted = (counts: Record<number, number>) => reasonViews(reason => counts[reason] ?? 0)

test('reasons: all of them, then each with its count, in the order of the enum', t => {
  const views = counted(COUNTS)

  t.is(views.length, REASON.REASONS - 1)
  t.deepEqual(
    views.map(({ reason }) => reason.toUpperCase().replaceAll(' ', '_')),
    Object.keys(REASON).slice(1, REASON.REASONS),
  )
  for (const { means } of views) t.regex(means, /^\S.*[^.]$/)
  t.like(
    views.find(({ reason }) => reason === 'nat request'),
    { packets: 120, becomes: 'forwarded', look: '' },
  )
})

test('reasons: for people, then a table and what to do', t => {
  const seen = counted(COUNTS).filter(({ packets }) => packets > 0)

  t.is(
    reasonsText(seen, PLAIN),
    [
      'REASON       PACKETS  WERE       WHY',
      'nat request      120  forwarded  to a dest, addresses rewritten',
      'no dest            3  answered   the service has no dest of weight above 0 ' +
        'that is not overloaded: ICMP port unreachable',
      '! no dest: add a dest, or give one a weight above 0 or a larger upper threshold: ' +
        'xlvs show names the service',
      '',
    ].join('\n'),
  )
  t.is(reasonsText([], PLAIN), 'no packet has come yet\n')
})

test('reasons: those without packets too, then nothing to do about them', t => {
  const text = reasonsText(counted({}), PLAIN)

  t.regex(text, /\ntable full +0 +dropped/)
  t.false(text.includes('!'))
})

test('reasons: two looks, then what has risen and by how much', t => {
  const risen = risenBetween(counted(COUNTS), counted({ ...COUNTS, [REASON.NO_DEST]: 5 }))

  t.deepEqual(risen, [{ reason: 'no dest', packets: 5, since: 2 }])
  t.is(risenText(risen), 'REASON   PACKETS  NEW\nno dest        5   +2\n')
  t.is(risenText([]), 'no new packet\n')
})
