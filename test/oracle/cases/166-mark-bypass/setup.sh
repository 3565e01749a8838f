iptables -t mangle -A PREROUTING -p tcp -m tcp --dport 80 -j MARK --set-xmark 0x7/0xffffffff
iptables -t mangle -A PREROUTING -p udp -m udp --dport 53 -j MARK --set-xmark 0x7/0xffffffff
iptables -t mangle -A PREROUTING -p tcp -m tcp --dport 81 -j MARK --set-xmark 0x8/0xffffffff
ip6tables -t mangle -A PREROUTING -p tcp -m tcp --dport 80 -j MARK --set-xmark 0x7/0xffffffff
ip6tables -t mangle -A PREROUTING -p udp -m udp --dport 53 -j MARK --set-xmark 0x7/0xffffffff
ip rule add fwmark 7 lookup 100
ip -6 rule add fwmark 7 lookup 100
ip route add local default dev lo table 100
ip -6 route add local default dev lo table 100
