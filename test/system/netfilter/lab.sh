#!/bin/bash
# A Linux source NAT gateway between two hosts that only exist as frames: pod - gateway - remote.
#
#   lab.sh EGRESS-IP EGRESS-IPV6 LOW-HIGH      as root; talks to its caller through standard input and output, see wire.py
#
# Everything runs in mount, process and network namespaces of its own, which end with this script however it ends. Pods live in
# 10.1.0.0/16 and fd00:10:1::/48 behind p0, everything else behind r0; permanent neighbours stand for them, so that nobody has to answer.
set -eEuo pipefail

readonly EGRESS_IP=$1 EGRESS_IP6=$2 PORTS=$3
readonly NEXT_IP6=${EGRESS_IP6%::*}::fffe
HERE=$(cd "$(dirname "$0")" && pwd)
readonly HERE
# As in wire.py: what comes to these addresses is neither tracked nor translated; it tells when all frames before it are through.
readonly POD_BARRIER=10.1.255.254 REMOTE_BARRIER=198.18.255.254

fail() {
  echo "lab.sh: $*" >&2
  exit 1
}

in_gateway() { ip netns exec gateway "$@"; }

# link NS DEVICE MAC GATEWAY-DEVICE MAC: a veth pair that computes and checks every checksum in software.
link() {
  ip link add name "$2" netns "$1" address "$3" type veth peer name "$4" netns gateway address "$5"
  local end ns device
  for end in "$1:$2" "gateway:$4"; do
    ns=${end%%:*} device=${end#*:}
    ip netns exec "$ns" ethtool -K "$device" rx off tx off sg off tso off gso off gro off >/dev/null 2>&1
    ip -n "$ns" link set "$device" up
  done
}

build() {
  local ns
  for ns in pod gateway remote; do
    ip netns add "$ns"
    # The ends say nothing of their own; the gateway speaks IPv6, but has nobody to look for.
    ip netns exec "$ns" sysctl -qw net.ipv6.conf.default.accept_ra=0 net.ipv6.conf.default.addr_gen_mode=1
    if [ "$ns" != gateway ]; then ip netns exec "$ns" sysctl -qw net.ipv6.conf.{all,default}.disable_ipv6=1; fi
    ip -n "$ns" link set lo up
  done
  link pod p0 02:00:00:00:00:01 g0 02:00:00:00:00:02
  link remote r0 02:00:00:00:00:04 g1 02:00:00:00:00:03
  ip -n gateway addr add 10.9.0.1/24 dev g0
  ip -n gateway addr add "$EGRESS_IP/24" dev g1
  ip -n gateway neigh replace 10.9.0.2 lladdr 02:00:00:00:00:01 dev g0 nud permanent
  ip -n gateway neigh replace "${EGRESS_IP%.*}.254" lladdr 02:00:00:00:00:04 dev g1 nud permanent
  ip -n gateway route add 10.1.0.0/16 via 10.9.0.2
  ip -n gateway route add default via "${EGRESS_IP%.*}.254"
  ip -n gateway -6 addr add fd00:10:9::1/64 dev g0 nodad
  ip -n gateway -6 addr add "$EGRESS_IP6/64" dev g1 nodad
  ip -n gateway -6 neigh replace fd00:10:9::2 lladdr 02:00:00:00:00:01 dev g0 nud permanent
  ip -n gateway -6 neigh replace "$NEXT_IP6" lladdr 02:00:00:00:00:04 dev g1 nud permanent
  ip -n gateway -6 route add fd00:10:1::/48 via fd00:10:9::2
  ip -n gateway -6 route add default via "$NEXT_IP6"
  in_gateway sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 \
    net.ipv4.conf.g0.rp_filter=0 net.ipv4.conf.g1.rp_filter=0 net.ipv4.conf.all.send_redirects=0 net.ipv4.icmp_ratelimit=0 \
    net.ipv4.icmp_msgs_per_sec=1000000 net.ipv4.icmp_msgs_burst=1000000 \
    net.ipv6.conf.all.forwarding=1 net.ipv6.icmp.ratelimit=0
}

# The translation, and three rules around it: what connection tracking calls invalid is dropped (it would leave untranslated), the
# gateway's own packets carry DSCP 56 (IPv6 housekeeping is kept off the wires), barriers are not tracked. Wrong transport checksums are translated and stay wrong.
translate() {
  in_gateway nft -f - <<NFT
table ip nat {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "g1" ip saddr 10.1.0.0/16 meta l4proto { tcp, udp, sctp } snat to $EGRESS_IP:$PORTS
    oifname "g1" ip saddr 10.1.0.0/16 snat to $EGRESS_IP
  }
}
table ip6 nat {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "g1" ip6 saddr fd00:10:1::/48 meta l4proto { tcp, udp, sctp } snat to [$EGRESS_IP6]:$PORTS
    oifname "g1" ip6 saddr fd00:10:1::/48 snat to $EGRESS_IP6
  }
}
table inet rules {
  chain prerouting {
    type filter hook prerouting priority raw; policy accept;
    ip daddr { $POD_BARRIER, $REMOTE_BARRIER } notrack accept
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    ct state invalid counter drop
  }
  chain output {
    type filter hook output priority mangle; policy accept;
    icmpv6 type { mld-listener-report, mld2-listener-report, nd-router-solicit, nd-neighbor-solicit } drop
    ip dscp set cs7
    ip6 dscp set cs7
  }
}
NFT
  in_gateway sysctl -qw net.netfilter.nf_conntrack_checksum=0 \
    net.netfilter.nf_conntrack_gre_timeout=600 net.netfilter.nf_conntrack_gre_timeout_stream=600
  # Datagrams of which a fragment is missing stay to the end: their queues say something when they run out of time.
  in_gateway sysctl -qw net.ipv4.ipfrag_time=3600 net.ipv4.ipfrag_high_thresh=67108864 \
    net.netfilter.nf_conntrack_frag6_timeout=3600 net.netfilter.nf_conntrack_frag6_high_thresh=67108864
}

# isolate: runs this script again inside namespaces of its own. Killing `unshare` kills all that is in them.
if [ -z "${SLUICEGATE_NETFILTER_LAB:-}" ]; then
  [ "$(id -u)" = 0 ] || fail "needs root for network namespaces"
  mkdir -p /run/netns
  export SLUICEGATE_NETFILTER_LAB=1
  exec setpriv --pdeathsig KILL unshare --mount --net --pid --fork --kill-child --mount-proc -- "$0" "$@"
fi
trap 'echo "lab.sh: $LINENO: failed: $BASH_COMMAND" >&2' ERR
mount -t tmpfs none /run/netns
build
translate
exec /usr/bin/python3 "$HERE/wire.py"
