/**
 * glibc's qsort(3), a merge sort from the top. ipvsadm compares addresses by the sign of a 32-bit
 * difference, which is not transitive, so the order depends on who is compared with whom.
 * Source: glibc stdlib/msort.c (2.36), msort_with_tmp(). Pure.
 */

/** A sorted copy. */
export function qsort<T>(items: readonly T[], compare: (a: T, b: T) => number): T[] {
  if (items.length <= 1) return [...items]
  const half = items.length >> 1
  const left = qsort(items.slice(0, half), compare)
  const right = qsort(items.slice(half), compare)
  const merged: T[] = []
  let [i, j] = [0, 0]
  for (;;) {
    const [a, b] = [left[i], right[j]]
    if (a === undefined || b === undefined) return [...merged, ...left.slice(i), ...right.slice(j)]
    if (compare(a, b) <= 0) {
      merged.push(a)
      i++
    } else {
      merged.push(b)
      j++
    }
  }
}
