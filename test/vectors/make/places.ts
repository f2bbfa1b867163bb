import type { Ipv4Fields, Ipv6Fields, Layer4 } from "../../support/frames.js";
import { ethernet, ipv4, ipv6 } from "../../support/frames.js";
import type { Flag, Given, Said, Want } from "./say.js";

/** Addresses of a place: who sends, who answers, and what the sender is outside. */
export interface Ends {
  readonly inside: string;
  readonly remote: string;
  readonly ext: string;
  /** Row of the egress. */
  readonly egress: number;
  /** A routed hop lies between endpoint and gateway. */
  readonly hop: boolean;
}

/** Fields of the IP header, and when. */
export interface Fields
  extends Partial<Ipv4Fields>,
    Pick<Partial<Ipv6Fields>, "hopLimit" | "extensions" | "fragment" | "flowLabel"> {
  readonly atMs?: number;
  readonly frameFlags?: number;
  readonly wire?: number;
}

const DEFAULT_TTL = 64;

/** Frames in words between an endpoint and a remote, before and after translation: each is built in full, none is patched. */
export class Place {
  readonly ends: Ends;

  constructor(ends: Ends) {
    this.ends = ends;
  }

  with(ends: Partial<Ends>): Place {
    return new Place({ ...this.ends, ...ends });
  }

  packet(
    l4: Layer4,
    { src, dst, ttl, atMs, hopLimit, frameFlags, wire, ...fields }: Fields & { src: string; dst: string },
  ): Uint8Array {
    void [atMs, frameFlags, wire];
    if (src.includes(":")) return ipv6({ ...fields, src, dst, hopLimit: hopLimit ?? ttl ?? DEFAULT_TTL }, l4);
    return ipv4({ ...fields, src, dst, ttl: ttl ?? DEFAULT_TTL }, l4);
  }

  /** The endpoint sends. */
  send(l4: Layer4, fields: Fields = {}): Given {
    const { inside, remote } = this.ends;
    return given("from-endpoint", ethernet(this.packet(l4, { src: inside, dst: remote, ...fields })), fields);
  }

  /** It left like this. @param port NAT port   @param l4 as the outside sees it */
  left(l4: Layer4, port: number, fields: Fields = {}, ...flags: Flag[]): Want {
    const { ext, remote } = this.ends;
    const out = ethernet(this.packet(l4, { ...this.#hopped(fields), src: ext, dst: fields.dst ?? remote }));
    return this.#translated("snat", port, out, flags);
  }

  /** The remote sends to the external address. */
  answer(l4: Layer4, fields: Fields = {}): Given {
    const { remote, ext } = this.ends;
    return given("from-network", ethernet(this.packet(l4, { src: remote, dst: ext, ...fields })), fields);
  }

  /** It came to the endpoint like this. @param l4 as the endpoint sees it */
  came(l4: Layer4, port: number, fields: Fields = {}, ...flags: Flag[]): Want {
    const { remote, inside } = this.ends;
    const out = ethernet(this.packet(l4, { ...this.#hopped(fields), src: fields.src ?? remote, dst: inside }));
    return this.#translated("reverse", port, out, flags);
  }

  /** Out, with a packet that a builder makes for either port. @param own port of the endpoint   @param port NAT port */
  out(build: (port: number) => Layer4, own: number, port = own, fields: Fields = {}, ...flags: Flag[]): Said {
    return [this.send(build(own), fields), this.left(build(port), port, fields, ...flags)];
  }

  /** Back, likewise. */
  back(build: (port: number) => Layer4, own: number, port = own, fields: Fields = {}, ...flags: Flag[]): Said {
    return [this.answer(build(port), fields), this.came(build(own), port, fields, ...flags)];
  }

  /** A frame that has been translated, whatever link header it has. */
  translated(action: "snat" | "reverse", port: number, out: Uint8Array, ...flags: Flag[]): Want {
    return this.#translated(action, port, out, flags);
  }

  #translated(action: "snat" | "reverse", natPort: number, out: Uint8Array, flags: readonly Flag[]): Want {
    const { ext, egress, hop } = this.ends;
    const all: Flag[] = hop ? [...flags, "hop"] : [...flags];
    return { action, reason: "none", flags: all, egress, egressIP: ext, natPort, out };
  }

  #hopped(fields: Fields): Fields {
    if (!this.ends.hop) return fields;
    return {
      ...fields,
      ttl: (fields.ttl ?? DEFAULT_TTL) - 1,
      ...(fields.hopLimit !== undefined && { hopLimit: fields.hopLimit - 1 }),
    };
  }
}

function given(hook: Given["hook"], bytes: Uint8Array, { atMs, frameFlags, wire }: Fields): Given {
  return {
    hook,
    bytes,
    ...(atMs !== undefined && { atMs }),
    ...(frameFlags !== undefined && { flags: frameFlags }),
    ...(wire !== undefined && { wire }),
  };
}
