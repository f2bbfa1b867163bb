import type { PolicyModel } from "../config/types.js";
import { familyOf, formatAddress, parseAddress } from "../net/address.js";
import { PROTOCOL_SCTP, PROTOCOL_TCP } from "../net/decode.js";
import { mappedAddressKey } from "../net/tuple.js";
import { PolicyInterpreter } from "../verify/interpreter.js";
import { isOpening } from "./lifetime.js";
import type { LoggedConnection } from "./logged-connection.js";
import { type GatewayName, haveOneAddress, type Way } from "./names.js";

/** What a change does to a running connection. */
export type Effect = "none" | "cut" | "rebound";

/** What another external tuple does to a connection: TCP and SCTP do not survive it, once more than an opening SYN was sent. */
export function effectOf({ protocol, framesIn, state }: LoggedConnection): "cut" | "rebound" {
  if (protocol === PROTOCOL_SCTP) return "cut";
  return protocol === PROTOCOL_TCP && (framesIn > 0 || !isOpening(state)) ? "cut" : "rebound";
}

/** What becomes of a connection in whose middle the manifests change. */
export class MidLife {
  readonly #model: PolicyModel;
  readonly #policies: PolicyInterpreter;
  readonly #startNs: bigint;

  /** @param model the manifests after the change */
  constructor(model: PolicyModel, startNs: bigint) {
    this.#model = model;
    this.#policies = new PolicyInterpreter(model);
    this.#startNs = startNs;
  }

  /** @param from its way so far   @param to the way of a connection that begins after the change */
  effect(connection: LoggedConnection, from: Way, to: Way): Effect {
    const { isOutbound, framesOut, framesIn } = connection;
    const hasMiddle = isOutbound && framesOut + framesIn > 1;
    const hadTuple = from.kind === "gateway" || (from.kind === "pass" && to.kind !== "pass");
    if (!hasMiddle || !hadTuple) return "none";
    if (haveOneAddress(from, to)) return "none";
    if (from.kind === "gateway" && this.#keeps(connection, from.gateway)) return "none";
    return effectOf(connection);
  }

  /** An IsovalentEgressGatewayPolicy keeps a running connection at its gateway while that is one of its own; the other kind never does. */
  #keeps({ endpoint, remote, firstNs }: LoggedConnection, gateway: GatewayName): boolean {
    const [source, destination] = [parseAddress(endpoint)!, parseAddress(remote)!];
    const family = familyOf(source);
    const owner = this.#policies.ownerOfKey(mappedAddressKey(source, family), this.#startNs + BigInt(firstNs));
    const policy = owner && this.#model.policies[this.#policies.decide(owner, destination, family).policy];
    if (policy?.kind !== "IsovalentEgressGatewayPolicy") return false;
    return policy.egresses.some((index) => {
      const { node, egressIPv4, egressIPv6 } = this.#model.egresses[index]!;
      const own = family === 4 ? egressIPv4 : egressIPv6;
      return node === gateway.node && own !== undefined && formatAddress(own) === gateway.egressIP;
    });
  }
}
