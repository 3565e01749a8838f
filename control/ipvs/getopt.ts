/**
 * Reads words the way popt does for ipvsadm: `-Ln`, `-At 10.0.0.1:80`, `-w3`, `-w=3`, `--weight=3`,
 * `--weight 3`, leftovers anywhere, `--` ends the options. Long names are never abbreviated, and
 * `-w=` and `--weight=` have an empty value. Pure.
 * Read next: grammar.ts.
 */

export interface Known {
  short?: string
  long: string
  arg?: 'required' | 'optional'
}

export type Item<K extends Known> =
  | { kind: 'option'; option: K; value: string | undefined; word: string }
  | { kind: 'unknown'; word: string }
  | { kind: 'missing'; word: string }
  | { kind: 'unwanted'; word: string }

/** Options one after the other; what is no option is pushed onto `leftovers`. */
export function* readOptions<K extends Known>(
  words: readonly string[],
  known: readonly K[],
  leftovers: string[],
): Generator<Item<K>, void> {
  let next = 0
  /** The word after the current one, when the option may have it as its value. */
  const following = (option: K): string | undefined => {
    const word = words[next]
    if (word === undefined || (option.arg === 'optional' && word.startsWith('-'))) return undefined
    next++
    return word
  }
  while (next < words.length) {
    const word = words[next++] ?? ''
    if (word === '--') {
      leftovers.push(...words.slice(next))
      return
    }
    if (!word.startsWith('-') || word === '-') leftovers.push(word)
    else if (word.startsWith('--')) yield readLong(word, known, following, () => words[next - 1])
    else yield* readShorts(word, known, following, () => words[next - 1])
  }
}

function readLong<K extends Known>(
  word: string,
  known: readonly K[],
  following: (option: K) => string | undefined,
  lastWord: () => string | undefined,
): Item<K> {
  const equals = word.indexOf('=')
  const name = word.slice(2, equals < 0 ? undefined : equals)
  const option = known.find(({ long }) => long === name)
  if (!option) return { kind: 'unknown', word }
  const glued = equals < 0 ? undefined : word.slice(equals + 1)
  if (!option.arg)
    return glued === undefined
      ? { kind: 'option', option, value: undefined, word }
      : { kind: 'unwanted', word }
  const value = glued ?? following(option)
  return value === undefined && option.arg === 'required'
    ? { kind: 'missing', word: lastWord() ?? word }
    : { kind: 'option', option, value, word }
}

function* readShorts<K extends Known>(
  word: string,
  known: readonly K[],
  following: (option: K) => string | undefined,
  lastWord: () => string | undefined,
): Generator<Item<K>, void> {
  let letters = word.slice(1)
  while (letters !== '') {
    const option = known.find(({ short }) => short === letters[0])
    if (!option) {
      yield { kind: 'unknown', word }
      return
    }
    letters = letters.slice(1)
    const equals = letters.startsWith('=')
    if (equals) letters = letters.slice(1)
    if (!option.arg && equals) {
      yield { kind: 'unwanted', word }
      return
    }
    if (!option.arg) {
      yield { kind: 'option', option, value: undefined, word }
      continue
    }
    const value = letters === '' && !equals ? following(option) : letters
    letters = ''
    yield value === undefined && option.arg === 'required'
      ? { kind: 'missing', word: lastWord() ?? word }
      : { kind: 'option', option, value, word }
  }
}
