/** Runs a loaded program, named by id, over and over until killed. Started by stress.test.ts. */
import { BpfProgram } from '../../addon/index.ts'

/** The kernel lets others run, and hears signals, in between. */
const REPEAT = 1_000_000

const program = BpfProgram.fromId(Number(process.argv[2]))
for (;;) program.testRun({ data: Buffer.alloc(64), repeat: REPEAT })
