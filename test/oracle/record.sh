#!/bin/bash
# record.sh ORACLE CASE...: asks the kernel's IPVS in the oracle's guest what it does with these
# cases, and then the host alone with the same frames; keeps of the answers what is read later.
set -eu
oracle=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

"$oracle/diff" record --with "$here/steps.py" "$@"
"$oracle/diff" run "$here/host" "$out" "$@"
for case in "$@"; do
  rm -f "$case"/expected/{trace.txt,meta.json,*.pcap}
  python3 - "$out/$(basename "$case")/trace.jsonl" > "$case/expected/host.jsonl" << 'END'
import json, sys
for line in open(sys.argv[1]):
    step = json.loads(line)
    if 'in' in step and step['out']:
        print(json.dumps({'i': step['i'], 'out': step['out']}))
END
done
