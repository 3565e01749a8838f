/** What the daemon, or the kernel, refuses before anything is touched. */
import test from 'ava'
import { BpfError, type BpfObject } from '../../../addon/index.ts'
import { refuseOldKernel } from '../../../control/dataplane/kernel.ts'
import { loadObject } from '../../../control/dataplane/objects.ts'
import { refuseUser } from '../../../control/dataplane/pins.ts'
import type { XlvsError } from '../../../control/errors.ts'
import { errorJson, errorText } from '../../../control/output/error.ts'
import { styleFor } from '../../../control/output/style.ts'

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

/** As libbpf 1.1 and Linux 6.18 said it, its middle made longer. */
function verifierLog(lines: number): string {
  const middle = Array.from({ length: lines }, (_, i) => `${i}: (05) goto pc+1`)
  return `prog 'pass': BPF program load failed: Permission denied
prog 'pass': -- BEGIN PROG LOAD LOG --
${middle.join('\n')}
; return XDP_PASS; @ pass.bpf.c:12${' '.repeat(300)}
R5 !read_ok
processed 1 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
-- END PROG LOAD LOG --
prog 'pass': failed to load: -13
failed to load object 'pass'`
}

function refusedWith(log: string): XlvsError {
  const object = {
    load: () => {
      throw new BpfError('no', { code: 'EACCES', errno: 13, syscall: 'bpf_object__load', log })
    },
  } as unknown as BpfObject
  try {
    loadObject(object)
  } catch (error) {
    return error as XlvsError
  }
  throw new Error('it was loaded')
}

test('load: the verifier refuses a program, its last lines are shown and no more', t => {
  const error = refusedWith(verifierLog(50))

  t.is(error.message, 'the kernel refuses the program pass (EACCES): R5 !read_ok')
  t.is(error.details.length, 20)
  t.deepEqual([error.details[0], error.details.at(-1)], ['32: (05) goto pc+1', 'R5 !read_ok'])
  t.is(Math.max(...error.details.map(line => line.length)), 200)
  const text = errorText(error, styleFor(false, {}), false)
  t.regex(text, /^error: .*\n {4}see dmesg.*\n {4}\| 32: [^]*\n {4}\| R5 !read_ok\n$/)
  const { details } = (JSON.parse(errorJson(error)) as { error: XlvsError }).error
  t.deepEqual(details, error.details)
})

test('load: the kernel refuses without a log, what libbpf said is shown', t => {
  t.is(refusedWith('').message, 'the kernel refuses the BPF object (EACCES): it gives no reason')
  const error = refusedWith("libbpf: map 'x': failed to create")
  t.regex(error.message, /: libbpf: map 'x': failed to create$/)
})

test('load: the kernel refuses a map, the reason is what libbpf said of it', t => {
  const error = refusedWith(
    "libbpf: map 'conns': found value_size = 24\n" +
      'libbpf: Error in bpf_create_map_xattr(conns):Invalid argument(-22)\n' +
      "libbpf: map 'conns': failed to create: Invalid argument(-22)\n" +
      "libbpf: failed to load object 'xlvs'\n",
  )

  t.is(
    error.message,
    "the kernel refuses the BPF object (EACCES): libbpf: map 'conns': failed to create: " +
      'Invalid argument(-22)',
  )
  t.is(error.details.length, 3)
})
