#!/bin/bash
# vlan.sh: in the oracle's guest, whose kernel has VLANs: a director whose clients are in VLAN 5 of
# one wire and whose servers are in none and in VLAN 6 of another. Tags are taken off, put on and
# exchanged; packets for the host keep theirs. /in/impl is the plug-in of ../impl.sh.
set -eu
export IMPL=/in/impl NETNS=dut OUT=/out SAVE=/tmp/save IFACES='d0 r0'
export LD_LIBRARY_PATH=$IMPL/lib
modprobe veth
modprobe 8021q
echo '-A -t 192.0.2.1:80 -s rr
-a -t 192.0.2.1:80 -r 10.0.0.2:8080 -m -w 1
-A -t 192.0.2.1:81 -s rr
-a -t 192.0.2.1:81 -r 10.0.6.2:8080 -m -w 1
-A -t [2001:db8::1]:81 -s rr
-a -t [2001:db8::1]:81 -r [2001:db8:6::2]:8080 -m -w 1' > $SAVE
at() { local ns=$1; shift; nsenter --net=/run/netns/$ns "$@"; }
api() { curl -s --unix-socket /run/xlvs-dut/xlvs.sock "$@"; }
same() { [ "$2" = "$3" ] && echo "ok $1" || { echo "not ok $1: expected $3, got $2"; exit 1; }; }

for ns in cl dut srv; do ip netns add $ns; at $ns ip link set lo up; done
ip link add c0 netns cl type veth peer name d0 netns dut
ip link add r0 netns dut type veth peer name s0 netns srv
# Tags lie in the frames, as they do on a wire: no end keeps them beside.
for end in 'cl c0' 'dut d0' 'dut r0' 'srv s0'; do
  at ${end% *} ethtool -K ${end#* } tx off gro on txvlan off rxvlan off > /dev/null
  at ${end% *} ip link set ${end#* } up
done
vlan() { # NAMESPACE PARENT ID
  at $1 ip link add $2.$3 link $2 type vlan id $3
  at $1 ip link set $2.$3 up
}
vlan cl c0 5
vlan dut d0 5
vlan dut r0 6
vlan srv s0 6
at cl ip addr add 198.51.100.7/24 dev c0.5
at cl ip addr add 2001:db8:5::7/64 dev c0.5 nodad
at dut ip addr add 198.51.100.1/24 dev d0.5
at dut ip addr add 2001:db8:5::1/64 dev d0.5 nodad
at dut ip addr add 192.0.2.1/32 dev d0.5
at dut ip addr add 2001:db8::1/128 dev d0.5 nodad
at dut ip addr add 10.0.0.1/24 dev r0
at dut ip addr add 10.0.6.1/24 dev r0.6
at dut ip addr add 2001:db8:6::1/64 dev r0.6 nodad
at srv ip addr add 10.0.0.2/24 dev s0
at srv ip addr add 10.0.6.2/24 dev s0.6
at srv ip addr add 2001:db8:6::2/64 dev s0.6 nodad
at cl ip route add 192.0.2.1 via 198.51.100.1
at cl ip route add 2001:db8::1 via 2001:db8:5::1
at srv ip route add default via 10.0.0.1
at srv ip route add 198.51.100.0/24 via 10.0.6.1 table 6
at srv ip rule add from 10.0.6.2 lookup 6
at srv ip route add default via 2001:db8:6::1

mkdir -p /tmp/www
echo served > /tmp/www/index.html
(cd /tmp/www && exec nsenter --net=/run/netns/srv python3 -m http.server 8080 --bind ::) \
  > /dev/null 2>&1 &
at dut $IMPL/up > /dev/null
for address in 10.0.0.2 10.0.6.2 '[2001:db8:6::2]'; do
  for try in $(seq 100); do at srv curl -s -o /dev/null http://$address:8080/ && break; done
done
sleep 1 # guest time: neighbours are resolved a tick after the service is there

fetch() { at cl curl -s -g -m 5 http://$1/; }
reason() {
  api http://x/v1/stats | grep -o "\"reason\":\"$1\",\"packets\":[0-9]*" | grep -o '[0-9]*$'
}

same 'a VLAN to none' "$(fetch 192.0.2.1:80)" served
same 'a VLAN to another' "$(fetch 192.0.2.1:81)" served
same 'a VLAN to another, IPv6' "$(fetch '[2001:db8::1]:81')" served
same 'a ping of the VIP is answered by the host' \
  "$(at cl ping -c 1 -W 1 192.0.2.1 | grep -c '1 received')" 1
same 'every request was forwarded by the program' \
  "$([ "$(reason 'nat request')" -ge 12 ] && echo yes)" yes
vlan cl c0 7 # which has no interface at the director
at cl ip addr add 203.0.113.7/24 dev c0.7
at cl ping -c 1 -W 1 203.0.113.1 > /dev/null || true
same 'a VLAN that is none of ours is left to the host' \
  "$([ "$(reason 'other vlan')" -ge 1 ] && echo yes)" yes
kill %1 $(cat /run/xlvs-dut/state/owner)
$IMPL/down
