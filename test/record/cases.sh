# shellcheck shell=bash
# One function per folder of pcaps/: what is recorded where, and what happens meanwhile. Sourced by record.sh.

readonly CASES="web offload any overlay snat icmp"

# The flagship: eight pods on three nodes, each recorded at the node's end of its veth pair, no offloads.
record_web() {
  lab_up off
  start_servers
  local pod
  while read -r pod worker _; do
    case $pod in "" | coredns | web-1) ;; *) record "w$worker" "lxc-$pod" "$SCRATCH/$pod.pcap" ;; esac
  done <<<"$PODS"
  clients=()
  for pod in cart-0 cart-1 search-0 web-0; do browse "$pod" 1500 12000 & clients+=($!); done
  wait_each "${clients[@]}"
  clients=()
  for pod in cart-0 invoicer probe-0 probe-1 toolbox; do { names "$pod"; fetch "$pod" "http://$WEB/bytes/6000"; } & clients+=($!); done
  wait_each "${clients[@]}"
  fetch cart-1 "http://$PARTNER/bytes/9000"
  fetch search-0 "https://web.example/bytes/20000"
  browse invoicer 1200 8000
  browse probe-0 1000 5000
  browse probe-1 1000 3000
  inside_only toolbox
  inside_only cart-0
  for pod in cart-0 search-0 probe-0; do in_ns "$pod" ping -q -c 3 -i 0.2 "$WEB" >/dev/null; done
  unusual_ends cart-1
  losses search-0 24000
  path_mtu cart-0 16000
  icmp_errors search-0
  inbound 6000
  stop_recording
  mergecap -F pcap -w "$OUT/web/in.pcap" "$SCRATCH"/*.pcap
}

# The same kinds of traffic with transmit offloads on: partial checksums, frames above the MTU. Several interfaces in one
# pcapng file, as dumpcap names them.
record_offload() {
  lab_up on
  start_servers
  record_interfaces w1 "$OUT/offload/in.pcapng" lxc-cart-0 lxc-cart-1 lxc-invoicer
  names cart-0
  clients=()
  for pod in cart-0 cart-1 invoicer; do browse "$pod" 1500 24000 & clients+=($!); done
  wait_each "${clients[@]}"
  fetch cart-1 "http://$PARTNER/bytes/9000"
  in_ns cart-0 ping -q -c 3 -i 0.2 "$WEB" >/dev/null
  unusual_ends cart-1
  upload cart-0 "http://$WEB/put" 40000
  path_mtu cart-0 30000
  icmp_errors invoicer
  measure cart-1 20K
  stop_recording
  python3 "$HERE/strip.py" "$OUT/offload/in.pcapng"
}

# Everything that one node sees: each frame of a pod shows on its veth and on the node's network device.
record_any() {
  lab_up off
  start_servers
  record w1 any "$SCRATCH/any.pcap" -y LINUX_SLL2
  clients=()
  for pod in cart-0 cart-1 invoicer; do { names "$pod"; browse "$pod" 1000 6000; } & clients+=($!); done
  wait_each "${clients[@]}"
  fetch cart-0 "http://$PARTNER/bytes/3000"
  in_ns cart-1 ping -q -c 2 -i 0.2 "$WEB" >/dev/null
  in_ns cart-1 ping -q -c 2 -i 0.2 10.1.1.10 >/dev/null # to a pod of the same node
  unusual_ends cart-0
  losses cart-1 16000
  path_mtu invoicer 8000
  stop_recording
  gzip -n -9 -c "$SCRATCH/any.pcap" >"$OUT/any/in.pcap.gz"
}

# VXLAN between the nodes, recorded on a worker's underlay device with nanoseconds: cart-0 leaves through gw-a, cart-1
# through gw-c; requests carry the pod's identity as VNI, replies that of the world.
record_overlay() {
  lab_up off
  start_servers
  local node n
  for node in w1:11 w2:12 w3:13 gw-a:21 gw-c:23; do add_tunnel "${node%%:*}" "${node#*:}"; done
  translate gw-a 203.0.113.10
  translate gw-c 203.0.113.30
  for node in gw-a gw-c; do
    for n in $WORKERS; do
      ip -n "$node" route del "10.1.$n.0/24"
      tunnel_route "$node" main "10.1.$n.0/24" "$WORLD_IDENTITY" "1$n"
    done
  done
  tunnel_pod cart-0 1 10 4101 21
  tunnel_pod cart-1 1 11 4101 23
  tunnel_pod coredns 2 53 4501 21
  tunnel_pod web-1 3 11 4103 21
  record w1 eth0 "$OUT/overlay/in.pcap" --time-stamp-precision=nano
  clients=()
  for pod in cart-0 cart-1; do { names "$pod"; browse "$pod" 1500 10000; } & clients+=($!); done
  wait_each "${clients[@]}"
  fetch cart-0 "http://$PARTNER/bytes/3000"
  fetch cart-1 "http://10.1.3.11:8080/bytes/2000"
  in_ns cart-0 ping -q -c 3 -i 0.2 "$WEB" >/dev/null
  unusual_ends cart-1
  path_mtu cart-0 8000
  stop_recording
}

# A Linux gateway that translates, recorded on both of its devices at once.
record_snat() {
  lab_up off
  start_servers
  translate gw-a 203.0.113.10
  send_through 10.0.0.21
  record gw-a eth0 "$OUT/snat/inside.pcap"
  record gw-a eth1 "$OUT/snat/uplink.pcap"
  clients=()
  for pod in cart-0 cart-1 search-0; do { names "$pod"; browse "$pod" 1500 6000; } & clients+=($!); done
  wait_each "${clients[@]}"
  fetch cart-0 "http://$PARTNER/bytes/3000"
  for pod in cart-0 search-0; do in_ns "$pod" ping -q -c 3 -i 0.2 "$WEB" >/dev/null; done
  unusual_ends cart-1
  losses search-0 12000
  path_mtu cart-0 8000
  icmp_errors cart-1
  stop_recording
}

# ICMP of all kinds, fragments among them, on one pod's veth: echo both ways, errors both ways.
record_icmp() {
  lab_up off
  start_servers
  record w3 lxc-web-0 "$OUT/icmp/in.pcap"
  in_ns web-0 ping -q -c 3 -i 0.2 "$WEB" >/dev/null
  in_ns web-0 ping -q -c 2 -i 0.2 -s 3000 "$WEB" >/dev/null # three fragments each way
  in_ns web-0 ping -q -c 2 -i 0.2 "$PARTNER" >/dev/null
  in_ns web-0 ping -q -c 1 -W 1 -t 1 "$WEB" >/dev/null || true # expires on the pod's own node
  inbound 1000
  in_ns srv python3 "$HERE/client.py" datagram 10.1.3.10 9 # the pod answers "port unreachable"
  path_mtu web-0 8000
  icmp_errors web-0
  stop_recording
}
