#!/bin/bash
# decap.sh: in the oracle's guest, whose kernel has tunnels: packets that the kernel's own tunnel
# devices wrap are decapsulated by xlvs, and a socket on lo answers. /in/impl is the plug-in.
set -eu
impl=/in/impl
export LD_LIBRARY_PATH=$impl/lib
for module in veth ipip sit ip6_tunnel; do modprobe $module; done
at() { local ns=$1; shift; nsenter --net=/run/netns/$ns "$@"; }
same() { [ "$2" = "$3" ] && echo "ok $1" || { echo "not ok $1: expected $3, got $2"; exit 1; }; }

for ns in cl srv; do ip netns add $ns; at $ns ip link set lo up; done
ip link add e0 netns cl type veth peer name e0 netns srv
for ns in cl srv; do at $ns ethtool -K e0 tx off > /dev/null; at $ns ip link set e0 up; done
at cl ip addr add 10.0.0.1/24 dev e0
at cl ip addr add 198.51.100.7/32 dev e0
at cl ip addr add 2001:db8::1/64 dev e0 nodad
at cl ip addr add 2001:db8:7::7/128 dev e0 nodad
at srv ip addr add 10.0.0.5/24 dev e0
at srv ip addr add 2001:db8::5/64 dev e0 nodad
at srv ip addr add 192.0.2.1/32 dev lo
at srv ip addr add 2001:db8:2::1/128 dev lo nodad
at srv ip route add default via 10.0.0.1
at srv ip route add default via 2001:db8::1

mkdir -p /tmp/www
echo served > /tmp/www/index.html
(cd /tmp/www && exec nsenter --net=/run/netns/srv python3 -m http.server 80 --bind ::) \
  > /dev/null 2>&1 &
for try in $(seq 100); do at srv curl -s -o /dev/null http://192.0.2.1/ && break; done
cat > /tmp/decap.mjs << 'JS'
const { listDecap, startDecap } = await import('/in/impl/control/dataplane/decap.js')
startDecap('/sys/fs/bpf/decap-test', 'e0', 'native')
console.log(JSON.stringify(listDecap('/sys/fs/bpf/decap-test')))
JS
mkdir -p /sys/fs/bpf/decap-test

# Outer IPv4 is one kind of device for each inner family; outer IPv6 takes both.
tunnel() { # NAME, what it is
  at cl ip link add tun0 type "${@:2}"
  at cl ip link set tun0 mtu 1400 up
  at cl ip route replace 192.0.2.1 dev tun0 src 198.51.100.7
  at cl ip route replace 2001:db8:2::1 dev tun0 src 2001:db8:7::7
}
fetch() { at cl curl -s -m ${2:-10} "$1" || echo nothing; }
V4=(local 10.0.0.1 remote 10.0.0.5)
V6=(local 2001:db8::1 remote 2001:db8::5 encaplimit none)

tunnel 4in4 ipip "${V4[@]}"
same 'before: nothing answers' "$(fetch http://192.0.2.1/ 2)" nothing
at srv $impl/node /tmp/decap.mjs > /out/decap.json
at cl ip link del tun0 # it remembers that the server refused
tunnel 4in4 ipip "${V4[@]}"
same '4in4: a socket on lo answers' "$(fetch http://192.0.2.1/)" served
at cl ip link del tun0
tunnel 6in4 sit "${V4[@]}"
same '6in4: a socket on lo answers' "$(fetch 'http://[2001:db8:2::1]/')" served
at cl ip link del tun0
tunnel any-in-6 ip6tnl mode any "${V6[@]}"
same '4in6: a socket on lo answers' "$(fetch http://192.0.2.1/)" served
same '6in6: a socket on lo answers' "$(fetch 'http://[2001:db8:2::1]/')" served
at srv $impl/node /tmp/decap.mjs > /out/decap.json
for what in 4in4 6in4 4in6 6in6; do
  same "$what: is counted" "$(grep -o "\"$what\"" /out/decap.json)" "\"$what\""
done
