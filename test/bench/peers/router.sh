#!/bin/bash
# A Linux router in the network namespace that this script runs in: frames come in at `wire` and leave through `sink`, an ifb device that
# drops and counts what it is given. Then becomes the command that follows.
#
#   unshare --net router.sh snat|forward COMMAND …      as root
#
# Everything ends with that command.
set -euo pipefail

readonly WORK=$1
shift

sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
ip link set lo up
ip link add wire address 02:00:00:00:00:01 type veth peer name far
ip link add sink type ifb
ip link set far up
ip link set wire up
ip link set sink up
ip address add 10.9.0.1/24 dev wire
ip address add 172.18.255.1/24 dev sink
ip route add default via 172.18.255.2 dev sink
sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 net.ipv4.conf.wire.rp_filter=0
if [ "$WORK" = snat ]; then
  nft -f - <<'NFT'
table ip nat {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "sink" ip saddr 10.1.0.0/16 snat to 203.0.113.1
  }
}
NFT
  sysctl -qw net.netfilter.nf_conntrack_udp_timeout=86400 net.netfilter.nf_conntrack_udp_timeout_stream=86400
fi
exec "$@"
