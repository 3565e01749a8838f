/**
 * Loaded before every test file: a generator whose lists may have so many entries makes lists of up
 * to as many. Left alone, fast-check stops at 10, and what only a longer one shows is not found.
 */
import fc from 'fast-check'

fc.configureGlobal({ defaultSizeToMaxWhenMaxSpecified: true })
