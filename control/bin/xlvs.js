#!/usr/bin/env node
// The xlvs command, as it is installed. Read next: cache.js (why this is not xlvs.ts), xlvs.ts.
import './cache.js'

await import('./xlvs.ts')
