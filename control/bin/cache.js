/**
 * Refuses an older Node in a sentence, then keeps compiled code between runs, which is half of a
 * command's start. Plain JavaScript, as are xlvs.js and ipvsadm.js: what Node must strip of types
 * before this has run is stripped each time, and that alone takes 25 ms.
 *
 * Not in the shared temporary folder, Node's default, nor where HOME says: what root loads as code
 * must not be somebody else's to write.
 */
import * as module from 'node:module'
import { userInfo } from 'node:os'
import { join } from 'node:path'

const NODE = 24

if (Number.parseInt(process.versions.node) < NODE) {
  console.error(
    `xlvs: this is Node ${process.versions.node}, expected ${NODE}: put node_modules/.bin of ` +
      "xlvs' folder first in PATH, or use what make install installs, which brings its own",
  )
  process.exit(1)
}
try {
  module.enableCompileCache(join(userInfo().homedir, '.cache', 'xlvs'))
} catch {
  // A user whom the system does not know has no home: code is compiled each time.
}
