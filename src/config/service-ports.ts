import type { PodRecord, ServiceRecord } from "./records.js";
import type { Endpoint } from "./types.js";

type ServicePort = Endpoint["servicePorts"][number];

/** For each pod the ports at which it serves: its containerPorts and the targetPorts of Services that select it. */
export function servicePortsOf(
  pods: readonly PodRecord[],
  services: readonly ServiceRecord[],
): ReadonlyMap<PodRecord, readonly ServicePort[]> {
  const index = new LabelIndex(pods);
  const ports = new Map<PodRecord, Map<string, ServicePort>>();
  for (const pod of pods) for (const { protocol, port } of pod.ports) add(pod, { protocol, port });
  for (const service of services) {
    for (const pod of index.select(service)) {
      for (const { protocol, port } of service.targets) {
        if (typeof port === "number") add(pod, { protocol, port });
        else
          for (const named of pod.ports)
            if (named.name === port && named.protocol === protocol) add(pod, { protocol, port: named.port });
      }
    }
  }
  return new Map([...ports].map(([pod, known]) => [pod, [...known.values()].sort(byPort)]));

  function add(pod: PodRecord, port: ServicePort): void {
    let known = ports.get(pod);
    if (!known) {
      known = new Map();
      ports.set(pod, known);
    }
    known.set(`${port.protocol} ${port.port}`, port);
  }
}

function byPort(a: ServicePort, b: ServicePort): number {
  return a.port - b.port || (a.protocol < b.protocol ? -1 : 1);
}

/** Pods by namespace and one label, so that many Services over many pods stay cheap. */
class LabelIndex {
  readonly #pods = new Map<string, PodRecord[]>();

  constructor(pods: readonly PodRecord[]) {
    for (const pod of pods) {
      for (const [key, value] of pod.metadata.labels) {
        const place = indexKey(pod.metadata.namespace, key, value);
        const known = this.#pods.get(place);
        if (known) known.push(pod);
        else this.#pods.set(place, [pod]);
      }
    }
  }

  /** Pods of the service's namespace that carry all labels of its selector; none for a Service without selector. */
  select(service: ServiceRecord): readonly PodRecord[] {
    let fewest: readonly PodRecord[] | undefined;
    for (const [key, value] of service.selector) {
      const pods = this.#pods.get(indexKey(service.namespace, key, value)) ?? [];
      if (!fewest || pods.length < fewest.length) fewest = pods;
    }
    const selector = [...service.selector];
    return (fewest ?? []).filter((pod) => selector.every(([key, value]) => pod.metadata.labels.get(key) === value));
  }
}

function indexKey(namespace: string, key: string, value: string): string {
  return `${namespace}\0${key}\0${value}`;
}
