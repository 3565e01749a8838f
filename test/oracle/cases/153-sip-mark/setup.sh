iptables -t mangle -A PREROUTING -d 10.0.9.0/24 -j MARK --set-xmark 0x9/0xffffffff
iptables -t mangle -A PREROUTING -d 10.0.1.100/32 -p udp -m udp --dport 5060:5063 -j MARK --set-xmark 0x9/0xffffffff
ip6tables -t mangle -A PREROUTING -d fd01::100/128 -j MARK --set-xmark 0x9/0xffffffff
ip route add local 10.0.9.0/24 dev lo
