#!/bin/bash
# run.sh ORACLE IMPL NAME...: what takes a kernel with tunnels, bonds and VLANs (decap.sh, bond.sh,
# vlan.sh), and what is measured there beside the kernel's own IPVS (restore.sh), in the oracle's
# guest. Each prints `ok WHAT` a line, and tables; exit 1 when one does not.
set -u
oracle=$1 impl=$2
shift 2
here=$(dirname "$0")
status=0
for script in "$@"; do
  out=build/oracle/guest/$script
  mkdir -p "$out"
  "$oracle/ipvs-guest" run -o "$out" "$here/$script.sh" "$impl" > "$out/log" 2>&1 || status=1
  grep -E '^(not )?ok |^\|' "$out/log" | sed "s/^\([^|]\)/$script: \1/"
  grep -q '^ok ' "$out/log" || { echo "$script did not run: see $out/log" >&2; status=1; }
done
exit $status
