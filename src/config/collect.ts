/** Kinds that are dumped as they are, by their full resource names; those with a group may be missing in a cluster. */
const PLAIN_KINDS = [
  "nodes",
  "namespaces",
  "services",
  "ciliumegressgatewaypolicies.cilium.io",
  "isovalentegressgatewaypolicies.isovalent.com",
  "ciliumnodes.cilium.io",
  "ciliumendpoints.cilium.io",
  "ciliumidentities.cilium.io",
] as const;

/**
 * What is kept of a pod. A list of what stays, not of what goes: environments, arguments, probes and annotations (which may repeat all of them) hold
 * secrets, and whatever the next release adds may, too.
 */
const JQ_PODS = `{apiVersion: "v1", kind: "List", items: [.items[] | {
  apiVersion: "v1", kind: "Pod",
  metadata: (.metadata | {name, namespace, uid, labels, creationTimestamp, deletionTimestamp}),
  spec: {
    nodeName: .spec.nodeName, hostNetwork: .spec.hostNetwork, serviceAccountName: .spec.serviceAccountName,
    containers: [.spec.containers[]? | {name, ports}],
    initContainers: [.spec.initContainers[]? | {name, ports}]
  },
  status: {phase: .status.phase, podIP: .status.podIP, podIPs: .status.podIPs}
}]}`;

const PYTHON_PODS = `import json, sys
def pick(source, *names):
    return {name: source[name] for name in names if source.get(name) is not None}
def pod(item):
    spec = item.get("spec") or {}
    kept = pick(spec, "nodeName", "hostNetwork", "serviceAccountName")
    for part in ("containers", "initContainers"):
        kept[part] = [pick(container, "name", "ports") for container in spec.get(part) or []]
    return {
        "apiVersion": "v1", "kind": "Pod", "spec": kept,
        "metadata": pick(item["metadata"], "name", "namespace", "uid", "labels", "creationTimestamp", "deletionTimestamp"),
        "status": pick(item.get("status") or {}, "phase", "podIP", "podIPs"),
    }
json.dump({"apiVersion": "v1", "kind": "List", "items": [pod(item) for item in json.load(sys.stdin)["items"]]}, sys.stdout)`;

const NODE_PODS = `const chunks = [];
process.stdin.on("data", (chunk) => chunks.push(chunk)).on("end", () => {
  const pick = (source, names) => Object.fromEntries(names.filter((name) => source?.[name] != null).map((name) => [name, source[name]]));
  const ports = (list) => (list ?? []).map((container) => pick(container, ["name", "ports"]));
  const items = JSON.parse(Buffer.concat(chunks)).items.map((item) => ({
    apiVersion: "v1", kind: "Pod",
    metadata: pick(item.metadata, ["name", "namespace", "uid", "labels", "creationTimestamp", "deletionTimestamp"]),
    spec: {
      ...pick(item.spec, ["nodeName", "hostNetwork", "serviceAccountName"]),
      containers: ports(item.spec?.containers), initContainers: ports(item.spec?.initContainers),
    },
    status: pick(item.status, ["phase", "podIP", "podIPs"]),
  }));
  process.stdout.write(JSON.stringify({ apiVersion: "v1", kind: "List", items }));
});`;

/** The same for kubectl alone: its Go templates are always there. Values that Go and JSON would quote differently do not occur in these fields. */
const TEMPLATE_PODS = [
  '{"apiVersion":"v1","kind":"List","items":[',
  "{{range $i, $pod := .items}}{{if $i}},{{end}}",
  '{"apiVersion":"v1","kind":"Pod","metadata":{"name":{{printf "%q" .metadata.name}},"namespace":{{printf "%q" .metadata.namespace}}',
  ',"uid":{{printf "%q" .metadata.uid}},"creationTimestamp":{{printf "%q" .metadata.creationTimestamp}}',
  '{{with .metadata.deletionTimestamp}},"deletionTimestamp":{{printf "%q" .}}{{end}}',
  ',"labels":{ {{$first := true}}{{range $key, $value := .metadata.labels}}{{if not $first}},{{end}}{{$first = false}}',
  '{{printf "%q" $key}}:{{printf "%q" $value}}{{end}}}}',
  ',"spec":{"containers":[{{range $j, $c := .spec.containers}}{{if $j}},{{end}}{"name":{{printf "%q" .name}},"ports":[',
  '{{range $k, $p := .ports}}{{if $k}},{{end}}{"containerPort":{{.containerPort}}{{with .name}},"name":{{printf "%q" .}}{{end}}',
  '{{with .protocol}},"protocol":{{printf "%q" .}}{{end}}}{{end}}]}{{end}}]',
  '{{with .spec.nodeName}},"nodeName":{{printf "%q" .}}{{end}}{{with .spec.serviceAccountName}},"serviceAccountName":{{printf "%q" .}}{{end}}',
  '{{if .spec.hostNetwork}},"hostNetwork":true{{end}}}',
  ',"status":{"podIPs":[{{range $j, $ip := .status.podIPs}}{{if $j}},{{end}}{"ip":{{printf "%q" .ip}}}{{end}}]',
  '{{with .status.podIP}},"podIP":{{printf "%q" .}}{{end}}{{with .status.phase}},"phase":{{printf "%q" .}}{{end}}}}',
  "{{end}}]}",
].join("");

/** The shell script that `sluicegate collect` prints: POSIX sh and kubectl; it only reads, and leaves one JSON file per kind. */
export function collectScript(): string {
  for (const part of [JQ_PODS, PYTHON_PODS, NODE_PODS, TEMPLATE_PODS]) {
    if (part.includes("'")) throw new Error("a filter with a single quote would end its shell string");
  }
  return `#!/bin/sh
# Dumps what Sluicegate needs of a cluster: one JSON file per kind. Only reads; asks for no Secrets.
# Of pods only names, labels, addresses, ports and times are kept: no environments, arguments, probes or annotations.
#
#   sh collect.sh [FOLDER]        FOLDER is made where it does not exist; default: sluicegate-dump
#   sluicegate check -m FOLDER
#
# Devices of gateway nodes are not in a cluster's objects. Run this on each of them and put the file into FOLDER, too:
#   ip -j addr > NODE.addr.json
set -eu
umask 077
folder=\${1:-sluicegate-dump}
failures=0

if ! command -v kubectl >/dev/null 2>&1; then
  echo "collect: kubectl is not on the PATH" >&2
  exit 2
fi
mkdir -p "$folder"

# finish FILE KIND STATUS: keeps what kubectl printed, or says why there is nothing.
finish() {
  if [ "$3" -eq 0 ] && [ -s "$1.part" ]; then
    mv "$1.part" "$1"
    echo "collect: $2" >&2
  elif grep -q -e "doesn't have a resource type" -e "could not find the requested resource" "$1.errors"; then
    rm -f "$1.part"
    echo "collect: $2 is unknown to this cluster, left out" >&2
  elif [ "$3" -eq 0 ]; then
    rm -f "$1.part"
    echo "collect: $2: nothing there" >&2
  else
    rm -f "$1.part"
    sed "s/^/collect: $2: /" "$1.errors" >&2
    failures=$((failures + 1))
  fi
  rm -f "$1.errors"
}

# dump FILE KIND [OPTION...]: all objects of a kind as JSON.
dump() {
  file=$folder/$1.json
  kind=$2
  shift 2
  status=0
  kubectl get "$kind" -A -o json "$@" >"$file.part" 2>"$file.errors" || status=$?
  finish "$file" "$kind" "$status"
}

strip_jq='${JQ_PODS}'
strip_python='${PYTHON_PODS}'
strip_node='${NODE_PODS}'
template='${TEMPLATE_PODS}'

# strip_pods: standard input to standard output, with whatever tool is here.
strip_pods() {
  case $tool in
    jq) jq -c "$strip_jq" ;;
    python3) python3 -c "$strip_python" ;;
    node) node -e "$strip_node" ;;
  esac
}

dump_pods() {
  file=$folder/pods.json
  status=0
  if [ "$tool" = kubectl ]; then
    kubectl get pods -A -o go-template="$template" >"$file.part" 2>"$file.errors" || status=$?
  else
    # The exit code of kubectl must not get lost in the pipe; nothing unstripped touches the disk.
    { kubectl get pods -A -o json 2>"$file.errors" || echo "kubectl failed" >>"$file.errors"; } | strip_pods >"$file.part" 2>>"$file.errors" || status=$?
    if grep -q "^kubectl failed$" "$file.errors"; then status=1; fi
  fi
  finish "$file" pods "$status"
}

tool=kubectl
for candidate in jq python3 node; do
  if "$candidate" --version >/dev/null 2>&1; then
    tool=$candidate
    break
  fi
done

${PLAIN_KINDS.map((kind) => `dump ${kind.replace(/\..*/, "")} ${kind}`).join("\n")}
dump cilium-config configmaps --field-selector metadata.name=cilium-config
dump_pods

if [ "$failures" -gt 0 ]; then
  echo "collect: $failures kinds failed, $folder is not complete" >&2
  exit 1
fi
echo "collect: done, see $folder" >&2
`;
}
