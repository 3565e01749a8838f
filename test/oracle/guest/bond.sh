#!/bin/bash
# bond.sh: in the oracle's guest, whose kernel has bonding: a director whose clients come in by a
# bond of two veths, in each mode that takes XDP programs. A connection is balanced, a slave is
# refused, and with one leg cut connections go on. /in/impl is the plug-in of ../impl.sh.
set -eu
export IMPL=/in/impl NETNS=dut OUT=/out SAVE=/tmp/save IFACES='bond0 r0'
export LD_LIBRARY_PATH=$IMPL/lib
modprobe bonding max_bonds=0
modprobe veth
echo '-A -t 192.0.2.1:80 -s rr
-a -t 192.0.2.1:80 -r 10.0.0.2:8080 -m -w 1' > $SAVE
at() { local ns=$1; shift; nsenter --net=/run/netns/$ns "$@"; }
api() { curl -s --unix-socket /run/xlvs-dut/xlvs.sock "$@"; }
same() { [ "$2" = "$3" ] && echo "ok $1" || { echo "not ok $1: expected $3, got $2"; exit 1; }; }

# Each end's two legs in a bond; the legs take frames that XDP sends, and sum in software.
bond() { # NAMESPACE LEG LEG MODE
  local options=()
  [ $4 != 802.3ad ] || options=(lacp_rate fast)
  at $1 ip link add bond0 type bond mode $4 miimon 50 "${options[@]}"
  for leg in $2 $3; do
    at $1 ethtool -K $leg tx off gro on > /dev/null
    at $1 ip link set $leg down
    at $1 ip link set $leg master bond0
  done
  at $1 ip link set bond0 up
  [ $4 != active-backup ] || at $1 ip link set bond0 type bond primary $2
}

network() { # MODE
  for ns in cl dut srv; do ip netns add $ns; at $ns ip link set lo up; done
  for n in 0 1; do ip link add c$n netns cl type veth peer name d$n netns dut; done
  ip link add r0 netns dut type veth peer name s0 netns srv
  bond cl c0 c1 $1
  bond dut d0 d1 $1
  for end in 'dut r0' 'srv s0'; do
    at ${end% *} ethtool -K ${end#* } tx off gro on > /dev/null
    at ${end% *} ip link set ${end#* } up
  done
  at cl ip addr add 198.51.100.7/24 dev bond0
  at dut ip addr add 198.51.100.1/24 dev bond0
  at dut ip addr add 192.0.2.1/32 dev bond0
  at dut ip addr add 10.0.0.1/24 dev r0
  at srv ip addr add 10.0.0.2/24 dev s0
  at cl ip route add 192.0.2.1 via 198.51.100.1
  at srv ip route add default via 10.0.0.1
  # With LACP the legs carry frames only when both ends agree.
  for try in $(seq 100); do
    at cl ping -c 1 -W 1 198.51.100.1 > /dev/null 2>&1 && return
  done
  echo "not ok $1: the bond does not carry frames"
  exit 1
}

fetch() { at cl curl -s -m 5 http://192.0.2.1/; }

for mode in active-backup balance-rr balance-xor 802.3ad; do
  network $mode
  mkdir -p /tmp/www
  echo served > /tmp/www/index.html
  (cd /tmp/www && exec nsenter --net=/run/netns/srv python3 -m http.server 8080) > /dev/null 2>&1 &
  server=$!
  at dut $IMPL/up > /dev/null
  for try in $(seq 100); do at srv curl -s -o /dev/null http://10.0.0.2:8080/ && break; done
  sleep 1 # guest time: neighbours are resolved a tick after the service is there

  same "$mode: a request is balanced" "$(fetch)" served
  same "$mode: the bond has the program" \
    "$(at dut ip -d link show bond0 | grep -c 'prog/xdp')" 1
  at cl ip link set c0 down
  for try in 1 2 3 4 5; do [ "$(fetch)" = served ] && break; done
  same "$mode: with one leg cut it goes on" "$(fetch)" served
  at cl ip link set c0 up
  reply=$(api http://x/v1/interfaces -H 'content-type: application/json' \
    -d '{"names": ["d1"], "mode": "native"}')
  same "$mode: a slave is refused" "$(grep -o INTERFACE_UNFIT <<< "$reply")" INTERFACE_UNFIT

  kill $server $(cat /run/xlvs-dut/state/owner)
  $IMPL/down
  for ns in cl dut srv; do ip netns del $ns; done
  rm -rf /run/xlvs-dut
done
