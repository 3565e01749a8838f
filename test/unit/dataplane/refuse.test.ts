/** What the daemon refuses before it touches anything. */
import test from 'ava'
import { refuseOldKernel } from '../../../control/dataplane/kernel.ts'
import { refuseUser } from '../../../control/dataplane/pins.ts'

for (const release of ['5.10.0-30-amd64', '6.0.19', '4.19.0'])
  test(`kernel: ${release}, it is too old and the sentence says so`, t => {
    const error = t.throws(
      () => {
        refuseOldKernel(release)
      },
      { code: 'KERNEL_TOO_OLD' },
    )

    t.is(error.message, `Linux ${release} runs here: xlvs needs 6.1 or later`)
  })

for (const release of ['6.1.0-44-amd64', '6.18.44-fc-v669', '7.0.0-rc1', '10.2'])
  test(`kernel: ${release}, it is new enough`, t => {
    t.notThrows(() => {
      refuseOldKernel(release)
    })
  })

test('user: not root, refused by number', t => {
  const error = t.throws(
    () => {
      refuseUser(1000)
    },
    { code: 'NO_ROOT' },
  )

  t.regex(error.message, /runs as user 1000,/)
})
