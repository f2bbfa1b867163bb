# shellcheck shell=bash
# The cluster of pcaps/manifests, built out of network namespaces with real Linux stacks. Sourced by record.sh.
#
#   pods --lxc-- w1, w2, w3 --.                     .-- srv (198.51.100.0/26 and .128/26)
#                             |-- core -- isp -----<
#   gw-a, gw-b, gw-c, gw-d ---'   (uplinks 203.0.113.0/24)   `- small link - isp2 -- far (198.51.100.192/26)
#
# Nodes live in 10.0.0.0/24, the pods of worker N in 10.1.N.0/24. Pods have an MTU of 1450 as under a VXLAN overlay;
# the link between isp and isp2 has one of 1280, so that isp has to answer "fragmentation needed".

readonly POD_MTU=1450
readonly SMALL_MTU=1280
readonly VXLAN_PORT=8472
readonly WORKERS="1 2 3"
readonly WEB=198.51.100.10 DNS=198.51.100.53 PARTNER=198.51.100.130 FAR=198.51.100.200
readonly CLUSTER_DNS=10.96.0.10 COREDNS=10.1.2.53
readonly WORLD_IDENTITY=2

# pod name, worker number, last byte of its address, identity (the VNI of its frames in the overlay)
readonly PODS="
cart-0   1 10 4101
cart-1   1 11 4101
invoicer 1 20 4201
toolbox  1 30 4301
search-0 2 10 4102
probe-0  2 20 4401
coredns  2 53 4501
web-0    3 10 4103
web-1    3 11 4103
probe-1  3 20 4401
"
# gateway name, last byte of its InternalIP, its egress addresses on eth1
readonly GATEWAYS="
gw-a 21 203.0.113.10
gw-b 22 203.0.113.20,203.0.113.21
gw-c 23 203.0.113.30
gw-d 24 203.0.113.40
"

in_ns() { ip netns exec "$@"; }

# mac_of ADDRESS SIDE: a locally administered address that tells who it belongs to.
mac_of() {
  local a b c d
  IFS=. read -r a b c d <<<"$1"
  printf '02:%02x:%02x:%02x:%02x:%02x' "$2" "$a" "$b" "$c" "$d"
}

add_ns() {
  ip netns add "$1"
  in_ns "$1" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1 \
    net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 \
    net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.default.send_redirects=0 net.ipv4.icmp_ratelimit=0
  ip -n "$1" link set lo up
}

# join NS DEVICE ADDRESS NS DEVICE ADDRESS [MTU]: a veth pair; the addresses only name the MACs.
join() {
  local mtu=${7:-1500} end ns device
  ip link add name "$2" netns "$1" address "$(mac_of "$3" 1)" mtu "$mtu" type veth \
    peer name "$5" netns "$4" address "$(mac_of "$6" 2)" mtu "$mtu"
  for end in "$1:$2" "$4:$5"; do
    ns=${end%%:*} device=${end#*:}
    if [ "$OFFLOADS" = off ]; then
      in_ns "$ns" ethtool -K "$device" rx off tx off sg off tso off gso off gro off >/dev/null 2>&1
    fi
    ip -n "$ns" link set "$device" up
  done
}

add_switch() {
  ip -n core link add "$1" address "$(mac_of "$2" 3)" type bridge forward_delay 0
  ip -n core addr add "$2/24" dev "$1"
  ip -n core link set "$1" up
}

# attach NODE LAST-BYTE: the node's eth0 on the node network.
attach() {
  add_ns "$1"
  join "$1" eth0 "10.0.0.$2" core "n$2" "10.0.0.$2"
  ip -n core link set "n$2" master nodes
  ip -n "$1" addr add "10.0.0.$2/24" dev eth0
}

add_outside() {
  add_ns core
  add_switch nodes 10.0.0.1
  add_switch uplinks 203.0.113.1
  for ns in isp isp2 srv far; do add_ns "$ns"; done
  join core out 198.18.0.1 isp in 198.18.0.2
  join isp web 198.51.100.1 srv eth0 "$WEB"
  join isp small 198.18.1.1 isp2 in 198.18.1.2 "$SMALL_MTU"
  join isp2 far 198.51.100.193 far eth0 "$FAR"
  ip -n core addr add 198.18.0.1/30 dev out
  ip -n isp addr add 198.18.0.2/30 dev in
  ip -n isp addr add 198.51.100.1/26 dev web
  ip -n isp addr add 198.18.1.1/30 dev small
  ip -n isp2 addr add 198.18.1.2/30 dev in
  ip -n isp2 addr add 198.51.100.193/26 dev far
  for address in "$WEB" "$DNS"; do ip -n srv addr add "$address/26" dev eth0; done
  ip -n srv addr add $PARTNER/32 dev eth0
  ip -n far addr add $FAR/26 dev eth0
  ip -n core route add 198.51.100.0/24 via 198.18.0.2
  ip -n isp route add default via 198.18.0.1
  ip -n isp route add 198.51.100.128/26 via "$WEB"
  ip -n isp route add 198.51.100.192/26 via 198.18.1.2
  ip -n isp2 route add default via 198.18.1.1
  ip -n srv route add default via 198.51.100.1
  ip -n far route add default via 198.51.100.193
  # Port 8090 loses every 12th segment of either direction, the first SYN among them: gaps, duplicate acknowledgements,
  # retransmissions.
  in_ns isp nft -f - <<'NFT'
table ip loss {
  chain forwarded {
    type filter hook forward priority filter; policy accept;
    tcp sport 8090 numgen inc mod 12 == 7 drop
    tcp dport 8090 numgen inc mod 12 == 0 drop
  }
}
NFT
}

add_workers() {
  local n
  for n in $WORKERS; do
    attach "w$n" "1$n"
    ip -n "w$n" addr add "10.1.$n.1/32" dev lo
    ip -n "w$n" route add default via 10.0.0.1
    ip -n core route add "10.1.$n.0/24" via "10.0.0.1$n"
    # The cluster's DNS service, as kube-proxy would do it.
    in_ns "w$n" nft -f - <<NFT
table ip services {
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    ip daddr $CLUSTER_DNS dnat to "$COREDNS"
  }
}
NFT
    for other in $WORKERS; do
      [ "$n" = "$other" ] || ip -n "w$n" route add "10.1.$other.0/24" via "10.0.0.1$other"
    done
  done
}

add_pods() {
  local pod worker last address
  while read -r pod worker last _; do
    [ -n "$pod" ] || continue
    address=10.1.$worker.$last
    add_ns "$pod"
    join "$pod" eth0 "$address" "w$worker" "lxc-$pod" "$address" "$POD_MTU"
    ip -n "$pod" addr add "$address/32" dev eth0
    ip -n "$pod" route add "10.1.$worker.1" dev eth0 scope link
    ip -n "$pod" route add default via "10.1.$worker.1"
    ip -n "w$worker" route add "$address" dev "lxc-$pod" scope link src "10.1.$worker.1"
  done <<<"$PODS"
}

add_gateways() {
  local gateway last addresses n
  while read -r gateway last addresses; do
    [ -n "$gateway" ] || continue
    attach "$gateway" "$last"
    join "$gateway" eth1 "${addresses%%,*}" core "u$last" "203.0.113.$last"
    ip -n core link set "u$last" master uplinks
    for address in ${addresses//,/ }; do ip -n "$gateway" addr add "$address/24" dev eth1; done
    ip -n "$gateway" route add default via 203.0.113.1
    for n in $WORKERS; do ip -n "$gateway" route add "10.1.$n.0/24" via "10.0.0.1$n"; done
  done <<<"$GATEWAYS"
}

# lab_up on|off: builds everything, with transmit offloads or without.
lab_up() {
  OFFLOADS=$1
  add_outside
  add_workers
  add_gateways
  add_pods
  # The node network forwards between ports: one frame each way fills the switches' tables before anything is recorded.
  local n
  for n in $WORKERS; do in_ns "w$n" ping -q -c 1 -W 2 10.0.0.1 >/dev/null; done
}

lab_down() {
  local ns
  for ns in $(ip netns list | cut -d' ' -f1); do ip netns delete "$ns"; done
}

# translate GATEWAY EGRESS-IP: Linux source NAT as a gateway would do it, ports as in the original's default range.
translate() {
  in_ns "$1" nft -f - <<NFT
table ip egress {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "eth1" ip saddr 10.1.0.0/16 meta l4proto { tcp, udp } snat to $2:32768-65535 fully-random
    oifname "eth1" ip saddr 10.1.0.0/16 snat to $2
  }
}
NFT
}

# send_through GATEWAY-ADDRESS: what the policies select leaves the workers for this gateway without an overlay.
send_through() {
  local n
  for n in $WORKERS; do
    ip -n "w$n" rule add from 10.1.0.0/16 to 198.51.100.0/24 lookup 100
    ip -n "w$n" route add table 100 198.51.100.0/24 via "$1"
    ip -n "w$n" route add table 100 198.51.100.128/26 via 10.0.0.1
  done
}

# add_tunnel NODE LAST-BYTE: one VXLAN device that takes VNI and remote node from the route.
add_tunnel() {
  ip -n "$1" link add overlay address "$(mac_of "10.0.0.$2" 4)" mtu "$POD_MTU" type vxlan external dstport $VXLAN_PORT
  ip -n "$1" link set overlay up
}

# tunnel_route NODE TABLE PREFIX VNI LAST-BYTE: PREFIX goes to node 10.0.0.LAST-BYTE inside VXLAN.
tunnel_route() {
  ip -n "$1" neigh replace "10.200.0.$5" lladdr "$(mac_of "10.0.0.$5" 4)" dev overlay nud permanent
  ip -n "$1" route replace table "$2" "$3" encap ip id "$4" dst "10.0.0.$5" via "10.200.0.$5" dev overlay onlink
}

# tunnel_pod POD WORKER LAST-BYTE IDENTITY GATEWAY-LAST-BYTE: this pod's outside traffic goes to its gateway, its traffic
# to pods of other workers to those, all under the pod's identity.
tunnel_pod() {
  local n
  ip -n "w$2" rule add from "10.1.$2.$3" lookup "$3"
  tunnel_route "w$2" "$3" 198.51.100.0/24 "$4" "$5"
  ip -n "w$2" route add table "$3" throw 198.51.100.128/26
  for n in $WORKERS; do
    [ "$n" = "$2" ] || tunnel_route "w$2" "$3" "10.1.$n.0/24" "$4" "1$n"
  done
}
