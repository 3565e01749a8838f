iptables -t mangle -A PREROUTING -d 10.0.9.0/24 -p tcp -m tcp --dport 80:81 -j MARK --set-xmark 0x9/0xffffffff
iptables -t mangle -A PREROUTING -d 10.0.1.100/32 -j MARK --set-xmark 0x9/0xffffffff
iptables -t mangle -A PREROUTING -d 10.0.1.100/32 -p tcp -m tcp --dport 84:85 -j MARK --set-xmark 0xa/0xffffffff
ip6tables -t mangle -A PREROUTING -d fd09::/64 -p tcp -m tcp --dport 80:81 -j MARK --set-xmark 0x9/0xffffffff
ip6tables -t mangle -A PREROUTING -d fd01::100/128 -j MARK --set-xmark 0x9/0xffffffff
ip6tables -t mangle -A PREROUTING -d fd01::100/128 -p tcp -m tcp --dport 84:85 -j MARK --set-xmark 0xa/0xffffffff
ip route add local 10.0.9.0/24 dev lo
ip route add local fd09::/64 dev lo
