# shellcheck shell=bash
# What the pods do while a recording runs. Sourced by record.sh; expects the lab of lab.sh.

# Steps that end in "|| true" are meant to fail: refused, reset, expired or unanswered is what they record.

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly HERE

serve() {
  local ns=$1 log
  shift
  log=$SCRATCH/ready-$ns-$RANDOM
  ip netns exec "$ns" python3 "$HERE/servers.py" "$@" >"$log" &
  until [ -s "$log" ]; do sleep 0.05; done
}

start_servers() {
  serve srv "$WEB" http tls http:8090 reset half-close no-answer --certificate "$SCRATCH/server.pem"
  serve srv "$DNS" dns
  serve srv "$PARTNER" http
  serve far "$FAR" http
  serve coredns "$COREDNS" dns
  serve web-0 10.1.3.10 http:8080
  serve web-1 10.1.3.11 http:8080
  ip netns exec srv iperf3 -s -B "$WEB" >/dev/null 2>&1 &
  until in_ns srv ss -Htln "sport = 5201" | grep -q .; do sleep 0.05; done
}

make_certificate() {
  openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=web.example -addext subjectAltName=DNS:web.example \
    -keyout "$SCRATCH/key.pem" -out "$SCRATCH/cert.pem" 2>/dev/null
  cat "$SCRATCH/cert.pem" "$SCRATCH/key.pem" >"$SCRATCH/server.pem"
}

# fetch POD URL...: over one connection where the URLs share a server.
fetch() {
  local pod=$1 url
  local outputs=()
  shift
  for url in "$@"; do outputs+=(-o /dev/null "$url"); done
  in_ns "$pod" curl -sS --max-time 15 --http1.1 --cacert "$SCRATCH/cert.pem" --resolve "web.example:443:$WEB" "${outputs[@]}"
}

# upload POD URL BYTES
upload() {
  head -c "$3" /dev/zero | tr '\0' u | in_ns "$1" curl -sS --max-time 15 --http1.1 -o /dev/null -H "Expect:" -T - -H "Transfer-Encoding:" \
    -H "Content-Length: $3" "$2"
}

client() { in_ns "$1" python3 "$HERE/client.py" "${@:2}"; }

resolve() { in_ns "$1" dig +tries=1 +time=2 "${@:2}" >/dev/null; }

names() {
  resolve "$1" "@$DNS" www.example.com
  resolve "$1" "@$DNS" +tcp api.example.com
  resolve "$1" "@$DNS" +bufsize=512 big.example.com
  resolve "$1" "@$CLUSTER_DNS" web.shop.svc.cluster.local
}

# browse POD SMALL LARGE: HTTP with several requests on one connection, TLS, and parallel downloads of SMALL bytes.
browse() {
  local pod=$1 small=$2 large=$3 i
  local downloads=()
  fetch "$pod" "http://$WEB/bytes/300" "http://$WEB/bytes/$small" "http://$WEB/bytes/$large"
  fetch "$pod" "https://web.example/bytes/$large"
  for i in 1 2 3 4 5 6 7 8; do fetch "$pod" "http://$WEB/bytes/$((small + i))" & downloads+=($!); done
  wait_each "${downloads[@]}"
}

# Waits for all of these processes; one that failed fails the recording.
wait_each() {
  local process
  for process in "$@"; do wait "$process"; done
}

unusual_ends() {
  fetch "$1" "http://$WEB:81/bytes/1" 2>/dev/null || true # refused: RST
  fetch "$1" "http://$WEB:7001/bytes/1" >/dev/null 2>&1 || true # reset by the server in the middle
  client "$1" abort "$WEB" 80
  client "$1" half-close "$WEB" 7002
  client "$1" keep-sending "$WEB" 7003
}

losses() {
  fetch "$1" "http://$WEB:8090/bytes/$2"
  upload "$1" "http://$WEB:8090/put" "$2"
}

path_mtu() {
  upload "$1" "http://$FAR/put" "$2"
  in_ns "$1" ping -q -c 2 -i 0.2 -W 1 -M "do" -s 1372 "$FAR" >/dev/null || true # too big for the small link: code 4
}

icmp_errors() {
  client "$1" datagram "$WEB" 9
  in_ns "$1" ping -q -c 1 -W 1 -t 2 "$WEB" >/dev/null || true # expires at core
  in_ns "$1" ping -q -c 1 -W 1 -t 3 "$WEB" >/dev/null || true # expires at isp
  resolve "$1" +time=1 "@$DNS" slow.example.com || true # the answer comes too late: the pod refuses it
  sleep 0.5
}

inside_only() {
  fetch "$1" "http://10.1.3.11:8080/bytes/2000"
  in_ns "$1" ping -q -c 2 -i 0.2 10.0.0.22 >/dev/null
  in_ns "$1" curl -s --max-time 1 -o /dev/null http://169.254.169.254/latest/ || true # nobody there
  client "$1" multicast 224.0.0.251 5353
}

inbound() {
  fetch srv "http://10.1.3.10:8080/bytes/$1"
  in_ns srv ping -q -c 2 -i 0.2 -I "$WEB" 10.1.3.10 >/dev/null
}

measure() {
  in_ns "$1" iperf3 -c "$WEB" -n "$2" -l 4K >/dev/null
  in_ns "$1" iperf3 -c "$WEB" -n "$2" -l 4K -R >/dev/null
  in_ns "$1" iperf3 -c "$WEB" -u -b 2M -n "$2" -l 1000 >/dev/null
}
