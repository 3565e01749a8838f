iptables -t mangle -A PREROUTING -d 10.0.1.100/32 -p tcp -j MARK --set-xmark 0x15/0xffffffff
iptables -t mangle -A PREROUTING -d 10.0.1.100/32 -p udp -j MARK --set-xmark 0x16/0xffffffff
ip6tables -t mangle -A PREROUTING -d fd01::100/128 -p tcp -j MARK --set-xmark 0x15/0xffffffff
ip6tables -t mangle -A PREROUTING -d fd01::100/128 -p udp -j MARK --set-xmark 0x16/0xffffffff
