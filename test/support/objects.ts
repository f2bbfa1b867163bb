// Manifests that tests write: objects as a cluster dump holds them.

const LONG_AGO = "1970-01-01T00:00:00Z";

interface NodeParts {
  readonly labels: Record<string, string>;
  readonly annotations: Record<string, string>;
}

/** A Node that has been there for ever. */
export function nodeObject(name: string, internalIP: string, parts: NodeParts): object {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, uid: `uid-${name}`, creationTimestamp: LONG_AGO, ...parts },
    status: { addresses: [{ type: "InternalIP", address: internalIP }] },
  };
}

interface PodParts {
  readonly uid: string;
  readonly app: string;
  /** Nobody knows where it runs where this is left out. */
  readonly node?: string | undefined;
  /** RFC 3339; left out = for ever, and to the end. */
  readonly created?: string | undefined;
  readonly deleted?: string | undefined;
  /** Of its container, TCP. */
  readonly ports?: readonly number[] | undefined;
  /** Its address of the other family. */
  readonly otherIP?: string | undefined;
}

/** A running Pod with one address, or one of each family. */
export function podObject(name: string, ip: string, parts: PodParts): object {
  const { uid, app, node, created = LONG_AGO, deleted, ports = [], otherIP } = parts;
  const containerPorts = ports.map((containerPort) => ({ containerPort, protocol: "TCP" }));
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace: "default",
      uid,
      creationTimestamp: created,
      ...(deleted !== undefined && { deletionTimestamp: deleted }),
      labels: { app },
    },
    spec: {
      ...(node !== undefined && { nodeName: node }),
      containers: [{ name: "main", image: "none", ports: containerPorts }],
    },
    status: { phase: "Running", podIP: ip, podIPs: [{ ip }, ...(otherIP === undefined ? [] : [{ ip: otherIP }])] },
  };
}
