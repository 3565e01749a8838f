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

# A guest has half an hour, and what it has not brought back by then is lost: few cases each.
batch=8
run() {
  local i
  for ((i = $1 * batch; i < ${#cases[@]}; i += 2 * batch)); do
    "$oracle/diff" run "$impl" "$out" "${cases[@]:i:batch}" >> "$out/guest.$1.log" 2>&1 || true
    [ ! -t 2 ] || echo "$(ls -d "$out"/*/ 2> /dev/null | wc -l) of ${#cases[@]} cases ran" >&2
  done
}
cases=("${@%/}")
[ ${#cases[@]} -ge $((2 * batch)) ] || batch=$(((${#cases[@]} + 1) / 2))
run 0 &
run 1 &
wait

: > build/oracle/report.txt
: > "$out/differing"
status=0
ran=()
for case in "$@"; do
  name=$(basename "$case")
  report=$("$oracle/diff" compare-all "$out" "${case%/}" -v 2>&1) || true
  printf '%s\n' "$report" >> build/oracle/report.txt
  if ! sed -n 's#^\(\S*\) *\([0-9]*/[0-9]*\) steps.*#\1 \2#p' <<< "$report" | grep .; then
    echo "$name did not run: see build/oracle/report.txt and $out" >&2
    status=1
    continue
  fi
  ran+=("$case")
  sed -nE "s/^   #0*([0-9]+) .*/$name \1/p; s/^   (\w+\.txt):$/$name \1/p" <<< "$report" \
    >> "$out/differing"
done
[ ${#ran[@]} -eq 0 ] || node test/oracle/listed.ts "$out/differing" "${ran[@]}" || status=1
exit $status
