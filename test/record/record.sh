#!/bin/bash
# Records the captures of pcaps/ again, from real Linux stacks in network namespaces.
#
#   test/record/record.sh [-o DIR] [CASE...]      as root; all cases and pcaps/ by default
#
# Everything runs in mount, process and network namespaces of its own, which end with this script however it ends.
set -eEuo pipefail

readonly TOOLS="ip tc nft ethtool tcpdump dumpcap mergecap capinfos curl iperf3 dig ping openssl python3 ss gzip"

usage() {
  sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
  exit 2
}

fail() {
  echo "record.sh: $*" >&2
  exit 1
}

# record NS DEVICE FILE [tcpdump options]: starts one recording and returns when it listens.
record() {
  local ns=$1 device=$2 file=$3 log
  shift 3
  log=$SCRATCH/tcpdump-$ns-$device.log
  ip netns exec "$ns" tcpdump -i "$device" -n -U -s 0 -B 8192 -Z root -w "$file" "$@" 2>"$log" &
  RECORDERS+=("$!")
  until grep -qs "listening on" "$log"; do
    kill -0 $! 2>/dev/null || fail "tcpdump on $ns $device: $(cat "$log")"
    sleep 0.05
  done
}

# record_interfaces NS FILE DEVICE...: one pcapng file with an interface block for each device.
record_interfaces() {
  local ns=$1 file=$2 log=$SCRATCH/dumpcap.log device
  local devices=()
  shift 2
  for device in "$@"; do devices+=(-i "$device"); done
  ip netns exec "$ns" dumpcap -q -n -s 0 -B 8 "${devices[@]}" -w "$file" 2>"$log" &
  RECORDERS+=("$!")
  until grep -qs "^File:" "$log"; do
    kill -0 $! 2>/dev/null || fail "dumpcap on $ns: $(cat "$log")"
    sleep 0.05
  done
}

# Ends all recordings of the case; a frame that the kernel could not hand over spoils the recording.
stop_recording() {
  sleep 2 # the kernel hands its last block over after a second
  local recorder log
  for recorder in "${RECORDERS[@]}"; do kill "$recorder"; done
  for recorder in "${RECORDERS[@]}"; do wait "$recorder" || fail "a recorder ended with status $?"; done
  for log in "$SCRATCH"/tcpdump-*.log; do
    [ -e "$log" ] || continue
    grep -q "^0 packets dropped by kernel" "$log" || fail "$log: $(cat "$log")"
  done
  RECORDERS=()
}

# run_case NAME: a subshell with its own scratch folder, so that nothing of one case reaches the next.
run_case() (
  SCRATCH=$(mktemp -d -p "$SLUICEGATE_RECORD_SCRATCH")
  RECORDERS=()
  # shellcheck disable=SC2046 # a list of numbers
  trap 'kill $(jobs -rp) 2>/dev/null || true; lab_down' EXIT
  mkdir -p "$OUT/$1"
  make_certificate
  "record_$1"
  local file
  for file in "$OUT/$1"/*.pcap*; do
    chmod 644 "$file"
    capinfos -TrcsE "$file"
  done
)

main() {
  OUT=""
  while getopts "o:h" option; do
    case $option in
      o) mkdir -p "$OPTARG" && OUT=$(cd "$OPTARG" && pwd) ;;
      *) usage ;;
    esac
  done
  shift $((OPTIND - 1))
  [ -n "$OUT" ] || OUT=$(cd "$(dirname "$0")/../../pcaps" && pwd)
  local wanted=${*:-$CASES} case tool
  for case in $wanted; do
    [[ " $CASES " == *" $case "* ]] || fail "no case \"$case\", expected one of: $CASES"
  done
  for tool in $TOOLS; do
    command -v "$tool" >/dev/null || fail "$tool is missing, see test/record/README.md"
  done
  # `set -e` must hold inside the cases, so none of them may stand in a condition.
  for case in $wanted; do
    echo "record.sh: $case" >&2
    run_case "$case"
  done
}

# isolate: runs this script again inside namespaces of its own. Killing `unshare` kills all that is in them; it ignores gentler
# signals, so this outer script stays and passes them on, and its own sudden death is passed on by the kernel.
isolate() {
  [ "$(id -u)" = 0 ] || fail "needs root for network namespaces"
  mkdir -p /run/netns
  SLUICEGATE_RECORD_SCRATCH=$(mktemp -d)
  export SLUICEGATE_RECORD_SCRATCH
  setpriv --pdeathsig KILL unshare --mount --net --pid --fork --kill-child --mount-proc -- "$0" "$@" &
  local inner=$!
  # shellcheck disable=SC2064 # the values of now
  trap "kill -KILL $inner 2>/dev/null || true; rm -rf '$SLUICEGATE_RECORD_SCRATCH'" EXIT
  trap 'exit 143' TERM INT HUP
  wait "$inner"
}

if [ -z "${SLUICEGATE_RECORD_SCRATCH:-}" ]; then
  isolate "$@"
  exit
fi
mount -t tmpfs none /run/netns
trap 'echo "record.sh: ${BASH_SOURCE[0]}:$LINENO: failed: $BASH_COMMAND" >&2' ERR
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/record/lab.sh
. "$here/lab.sh"
# shellcheck source=test/record/traffic.sh
. "$here/traffic.sh"
# shellcheck source=test/record/cases.sh
. "$here/cases.sh"
main "$@"
