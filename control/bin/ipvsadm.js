#!/usr/bin/env node
// ipvsadm, for scripts that call it by that name. Read next: cache.js, ../ipvs/main.ts.
import './cache.js'

await import('./ipvsadm.ts')
