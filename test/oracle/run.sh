#!/bin/bash
# run.sh ORACLE IMPL [CASE...]: runs cases in two guests at once and prints `NAME same/total` for
# each, then how many of the differences differs.json lists, by case and reason; details are in
# build/oracle/report.txt. Exit 1 on a difference that is not listed, or one listed that is none.
set -eu
oracle=$1 impl=$2
shift 2
[ $# -gt 0 ] || set -- "$oracle"/cases/*/
out=build/oracle/out
rm -rf "$out"
mkdir -p "$out"

one=() two=()
for case in "$@"; do
  case=${case%/}
  if [ ${#one[@]} -le ${#two[@]} ]; then one+=("$case"); else two+=("$case"); fi
done
run() { "$oracle/diff" run "$impl" "$out" "$@" > "$out/guest.$BASHPID.log" 2>&1 || true; }
run "${one[@]}" &
[ ${#two[@]} -eq 0 ] || run "${two[@]}" &
wait

: > build/oracle/report.txt
: > "$out/differing"
status=0
for case in "$@"; do
  name=$(basename "$case")
  report=$("$oracle/diff" compare-all "$out" "${case%/}" -v 2>&1) || true
  printf '%s\n' "$report" >> build/oracle/report.txt
  if ! sed -n 's#^\(\S*\) *\([0-9]*/[0-9]*\) steps.*#\1 \2#p' <<< "$report" | grep .; then
    echo "$name did not run: see build/oracle/report.txt and $out" >&2
    status=1
  fi
  sed -nE "s/^   #0*([0-9]+) .*/$name \1/p; s/^   (\w+\.txt):$/$name \1/p" <<< "$report" \
    >> "$out/differing"
done
node test/oracle/listed.ts "$out/differing" "$@" || status=1
exit $status
