#!/bin/bash
# Builds the addon with AddressSanitizer and UndefinedBehaviorSanitizer into addon/build/asan and
# runs its tests, or the test files named, under them. Needs root, as the tests do. Leaks are not
# asked for: Node's own would drown ours. Read next: package.json, whose condition "asan" makes
# index.ts load this build.
set -eu
cd "$(dirname "$0")/.."
export PATH="$PWD/node_modules/.bin:$PATH"

[ $# -gt 0 ] || set -- test/addon/*.test.ts

cmake-js build -d addon -O addon/build/asan -l warn -B RelWithDebInfo --CDSANITIZE=ON

# Node is not built with the sanitizers, so their runtimes come first. Findings go to files: the
# tests start processes of their own, whose output nobody shows.
findings="$PWD/addon/build/asan/findings"
rm -f "$findings".*
status=0
LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)" \
  ASAN_OPTIONS="detect_leaks=0:log_path=$findings" \
  UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1:log_path=$findings" \
  NODE_OPTIONS='--conditions=asan' \
  ava "$@" || status=$?

for file in "$findings".*; do
  [ -e "$file" ] || continue
  cat "$file"
  status=1
done
exit "$status"
