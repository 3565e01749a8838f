iptables -t mangle -A PREROUTING -d 10.0.1.100/32 -j MARK --set-xmark 0x9/0xffffffff
ip6tables -t mangle -A PREROUTING -d fd01::100/128 -j MARK --set-xmark 0x9/0xffffffff
