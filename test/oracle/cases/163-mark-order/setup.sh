iptables -t mangle -A PREROUTING -d 10.0.1.100/32 -p tcp -j MARK --set-xmark 0x1/0xffffffff
iptables -t mangle -A PREROUTING -d 10.0.1.100/32 -p tcp -m tcp --dport 81:89 -j MARK --set-xmark 0x2/0xffffffff
iptables -t mangle -A PREROUTING -d 10.0.1.100/32 -p tcp -m tcp --dport 82 -j MARK --set-xmark 0x0/0xffffffff
iptables -t mangle -A PREROUTING -s 10.0.1.11/32 -p tcp -m tcp --dport 80 -j MARK --set-xmark 0x3/0xffffffff
iptables -t mangle -A PREROUTING -i r0 -p tcp -m tcp --dport 80 -j MARK --set-xmark 0x2/0xffffffff
iptables -t mangle -A PREROUTING -d 10.0.1.100/32 -p udp -m udp --dport 53 -j MARK --set-xmark 0x63/0xffffffff
