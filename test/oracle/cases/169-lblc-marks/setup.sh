iptables -t mangle -A PREROUTING -d 10.0.7.0/24 -j MARK --set-xmark 0x7/0xffffffff
ip6tables -t mangle -A PREROUTING -d fd07::/64 -j MARK --set-xmark 0x7/0xffffffff
ip route add local 10.0.7.0/24 dev lo
ip route add local fd07::/64 dev lo
iptables -t mangle -A PREROUTING -d 10.0.8.0/24 -j MARK --set-xmark 0x8/0xffffffff
ip6tables -t mangle -A PREROUTING -d fd08::/64 -j MARK --set-xmark 0x8/0xffffffff
ip route add local 10.0.8.0/24 dev lo
ip route add local fd08::/64 dev lo
iptables -t mangle -A PREROUTING -d 10.0.9.0/24 -j MARK --set-xmark 0x9/0xffffffff
ip6tables -t mangle -A PREROUTING -d fd09::/64 -j MARK --set-xmark 0x9/0xffffffff
ip route add local 10.0.9.0/24 dev lo
ip route add local fd09::/64 dev lo
