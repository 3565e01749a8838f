/**
 * A test that needs root (network namespaces, BPF). Without it the test is skipped and says so, and
 * suite.ts counts that as a failure. Tests in one file that make a lab each run one after another.
 */
import test, { type ExecutionContext } from 'ava'

export function privileged(title: string, body: (t: ExecutionContext) => Promise<void>): void {
  if (process.getuid?.() === 0) test.serial(title, body)
  else test.skip(`${title} (needs root: run make test as root)`, body)
}
