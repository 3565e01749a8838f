#!/bin/bash
# restore.sh: in the oracle's guest, the kernel's own ipvsadm beside xlvs': restores a save file of
# 10 000 services of 10 dests (../../bench/restore.ts has the same), lists and saves it, and lists
# 10 services, each from the start of a process to its end. Prints a table of seconds; what both
# saved must be the same. The guest is emulated in software: ratios tell, seconds do not.
set -eu
export IMPL=/in/impl NETNS=dut OUT=/out SAVE=/tmp/few IFACES='c0 r0'
export LD_LIBRARY_PATH=$IMPL/lib XLVS_SOCKET=/run/xlvs-dut/xlvs.sock
SERVICES=${SERVICES:-10000}
modprobe ip_vs
modprobe ip_vs_wlc
at() { local ns=$1; shift; nsenter --net=/run/netns/$ns "$@"; }

save() { # FROM TO: services by number, 50 000 ports an address
  awk -v from=$1 -v to=$2 'BEGIN {
    for (i = from; i < to; i++) {
      service = "-t 192.0.2." 1 + int(i / 50000) ":" 1 + i % 50000
      print "-A " service " -s wlc"
      for (d = 2; d < 12; d++) print "-a " service " -r 10.0.0." d ":8080 -m -w 1"
    }
  }'
}
save 0 10 > $SAVE
save 10 $SERVICES > /tmp/many

# ipvsadm as its bin file runs it: with the code compiled before.
cat > /tmp/ipvsadm.mjs << 'EOF'
import { enableCompileCache } from 'node:module'
enableCompileCache('/tmp/compiled')
const { main } = await import('/in/impl/control/ipvs/main.js')
process.exitCode = await main(process.argv.slice(2), 'ipvsadm')
EOF
kernel() { at ker ipvsadm "$@"; }
xlvs() { at dut $IMPL/node /tmp/ipvsadm.mjs "$@" 2> /tmp/complaints; }

seconds() { # INPUT OUTPUT COMMAND...
  local input=$1 output=$2 start=$EPOCHREALTIME
  shift 2
  "$@" < $input > $output
  awk -v a=$start -v b=$EPOCHREALTIME 'BEGIN { printf "%.2f", b - a }'
}
row() { # WHAT INPUT ARGUMENT
  local kernel xlvs
  kernel=$(seconds $2 /tmp/kernel kernel $3)
  xlvs=$(seconds $2 /tmp/xlvs xlvs $3)
  awk -v w="$1" -v k=$kernel -v x=$xlvs \
    'BEGIN { printf "| %s | %s | %s | %.1f |\n", w, k, x, x / (k > 0 ? k : 0.01) }'
}

for ns in ker dut tst; do ip netns add $ns; at $ns ip link set lo up; done
for port in $IFACES; do
  ip link add $port netns dut type veth peer name $port netns tst
  for ns in dut tst; do
    at $ns ethtool -K $port gro on > /dev/null
    at $ns ip link set $port up
  done
done
at dut ip addr add 192.0.2.1/32 dev c0
at dut ip addr add 10.0.0.1/24 dev r0
at dut $IMPL/up > /dev/null
kernel -R < $SAVE
xlvs -Ln > /dev/null

echo '| seconds | kernel | xlvs | ratio |'
echo '|---|---|---|---|'
row '-Ln of 10 services' /dev/null -Ln
row "-R of $SERVICES services, $((10 * SERVICES)) dests" /tmp/many -R
row '-Ln of them' /dev/null -Ln
row '-Sn of them' /dev/null -Sn
if cmp -s /tmp/kernel /tmp/xlvs; then echo 'ok both saved the same'; else
  echo 'not ok both saved the same'
  diff /tmp/kernel /tmp/xlvs | head -5
  exit 1
fi
