#!/bin/bash
# run.sh ORACLE IMPL [CASE...]: runs cases in two guests at once and prints `NAME same/total` for
# each; details of what differs are in build/oracle/report.txt. Exit 1 on a difference.
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
status=0
for case in "$@"; do
  report=$("$oracle/diff" compare-all "$out" "${case%/}" 2>&1) || status=1
  printf '%s\n' "$report" >> build/oracle/report.txt
  if ! sed -n 's#^\(\S*\) *\([0-9]*/[0-9]*\) steps.*#\1 \2#p' <<< "$report" | grep .; then
    echo "$(basename "$case") did not run: see build/oracle/report.txt and $out" >&2
    status=1
  fi
done
exit $status
