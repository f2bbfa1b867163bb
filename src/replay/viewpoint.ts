import * as layout from "../../assembly/outside/layout.js";
import { linkTypeName } from "../capture/link-type.js";
import { type CaptureInterface, type FrameIndex, LINKTYPE_LINUX_SLL, LINKTYPE_LINUX_SLL2 } from "../capture/types.js";
import { engineLink } from "../engine/link.js";
import type { KnownAddress } from "./known-addresses.js";
import type { ViewpointDecision } from "./report-types.js";
import { Scan } from "./scan.js";

export interface ViewpointOptions {
  readonly viewpoint: "auto" | "endpoint" | "network";
  readonly decapsulate: boolean;
  /** Names of the captures, by number of the file. */
  readonly files: readonly string[];
  readonly addresses: ReadonlyMap<string, KnownAddress>;
  readonly tunnelPort: number;
}

/** What holds for the frames of an interface. */
export interface InterfaceSetting {
  readonly file: number;
  readonly number: number;
  readonly link: number;
  /** INTERFACE_FLAG_* */
  readonly flags: number;
  readonly decision: ViewpointDecision;
}

/** One interface of one capture. */
export interface Face {
  /** Number of the capture, from 0. */
  readonly file: number;
  /** Number of the interface within it, from 0. */
  readonly number: number;
  readonly interface: CaptureInterface;
}

/** Frames of an interface that a decision looks at. */
const MAX_SCANNED = 8192;
/** Share of frames seen twice, byte for byte, from which on an interface is taken for a mirror of both directions. */
const TWIN_SHARE = 0.4;
/** Third and later sightings per second one, from which on packets are taken for repeated rather than mirrored. */
const REPEAT_SHARE = 0.1;

/**
 * Decides for each interface from which side its frames are seen, from the first frames on it that lie in memory: bounded, and a pure
 * function of them.
 */
export class Viewpoints {
  readonly #settings = new Map<string, InterfaceSetting>();
  readonly #options: ViewpointOptions;

  constructor(options: ViewpointOptions) {
    this.#options = options;
  }

  /** What was decided for an interface; undefined before `decide` has met a frame on it. */
  setting(face: Face): InterfaceSetting | undefined {
    return this.#settings.get(keyOf(face));
  }

  /** All that was decided so far, for others who are to take it as decided. */
  settings(): InterfaceSetting[] {
    return [...this.#settings.values()];
  }

  /** Takes over what somebody else has decided. */
  adopt(settings: readonly InterfaceSetting[]): void {
    for (const setting of settings) this.#settings.set(keyOf(setting), setting);
  }

  /** All decisions, by file and interface. */
  decisions(): ViewpointDecision[] {
    return [...this.#settings.values()]
      .sort((a, b) => a.file - b.file || a.number - b.number)
      .map(({ decision }) => decision);
  }

  /**
   * Decides for every interface with frames in `index` that has no decision yet.
   * @param faces interfaces by the numbers that `index` uses
   * @returns the decisions made now
   */
  decide(memory: Uint8Array, index: FrameIndex, faces: readonly Face[]): ViewpointDecision[] {
    const scans = new Map<Face, Scan>();
    for (let i = 0; i < index.count; i++) {
      const face = faces[index.interfaceIndex[i]!]!;
      const scan = scans.get(face) ?? this.#newScan(face);
      if (!scan || scan.frames >= MAX_SCANNED) continue;
      scans.set(face, scan);
      scan.add(memory, index, i, face.interface.linkType);
    }
    const hasOthers = faces.length > 1 || this.#options.files.length > 1;
    return [...scans].map(([face, scan]) => {
      const setting = this.#settingFor(face, scan, hasOthers);
      this.#settings.set(keyOf(face), setting);
      return setting.decision;
    });
  }

  #newScan(face: Face): Scan | undefined {
    return this.setting(face) ? undefined : new Scan(this.#options.addresses, this.#options.tunnelPort);
  }

  #settingFor(face: Face, scan: Scan, hasOthers: boolean): InterfaceSetting {
    const { linkType, name } = face.interface;
    const reasons: string[] = [];
    const hints: string[] = [];
    const viewpoint = this.#viewpoint(scan, reasons, hints);
    const decapsulate = this.#decapsulate(scan, reasons);
    const twins = scan.twins > scan.packets * TWIN_SHARE && scan.repeats < scan.twins * REPEAT_SHARE;
    const copies = looksForCopies(scan, linkType, hasOthers, twins, reasons);
    if (engineLink(linkType) === 0) reasons.push(`${linkTypeName(linkType)} cannot be read: its frames are skipped`);
    const flags =
      (decapsulate ? layout.INTERFACE_FLAG_DECAPSULATE : 0) |
      (copies ? layout.INTERFACE_FLAG_COPIES : 0) |
      (twins ? layout.INTERFACE_FLAG_TWINS : 0) |
      (viewpoint === "network" ? layout.INTERFACE_FLAG_NETWORK : 0);
    const decision: ViewpointDecision = {
      file: this.#options.files[face.file]!,
      interface: name ?? String(face.number),
      linkType: linkTypeName(linkType),
      viewpoint,
      copies,
      decapsulate,
      reasons,
      hints,
      framesSeen: scan.frames,
    };
    return { file: face.file, number: face.number, link: engineLink(linkType), flags, decision };
  }

  #viewpoint(scan: Scan, reasons: string[], hints: string[]): "endpoint" | "network" {
    const { viewpoint } = this.#options;
    const ofEndpoints = scan.fromEndpoint + scan.toEndpoint + scan.innerOfEndpoint;
    if (scan.translated > 0) {
      reasons.push(
        `${scan.translated} frames leave from a node or an egress IP: they were translated before they were captured`,
      );
      hints.push("judge another system's translation with `sluicegate verify BEFORE AFTER`");
    }
    if (scan.encrypted > 0) {
      reasons.push(`${scan.encrypted} frames are encrypted between nodes (ESP or WireGuard)`);
      hints.push("capture on the pods' own interfaces, or inside of the encryption (cilium_wg0)");
    }
    if (viewpoint !== "auto") {
      reasons.push(`--viewpoint ${viewpoint}`);
      return viewpoint;
    }
    if (ofEndpoints === 0 && scan.toEgress > 0 && scan.translated === 0) {
      reasons.push(
        `${scan.toEgress} frames go to egress IPs and none is a pod's: network view, they enter as they are`,
      );
      return "network";
    }
    reasons.push(
      ofEndpoints > 0
        ? `${scan.fromEndpoint} frames are sent by pods and ${scan.toEndpoint} received by them: endpoint view`
        : "no frame of a pod among the first ones: endpoint view",
    );
    return "endpoint";
  }

  #decapsulate(scan: Scan, reasons: string[]): boolean {
    if (!this.#options.decapsulate) {
      if (scan.overlay > 0) reasons.push(`${scan.overlay} overlay packets stay as they are: --no-decap`);
      return false;
    }
    // None among the first frames says nothing about the later ones.
    if (scan.overlay === 0) return true;
    if (scan.overlayReadable === 0) {
      reasons.push(`${scan.overlay} packets go to an overlay's port but hold no frame that can be read`);
      return false;
    }
    reasons.push(`${scan.overlay} overlay packets (VXLAN or Geneve): the inner frames are used`);
    return true;
  }
}

function keyOf(face: Pick<Face, "file" | "number">): string {
  return `${face.file} ${face.number}`;
}

function looksForCopies(scan: Scan, linkType: number, hasOthers: boolean, twins: boolean, reasons: string[]): boolean {
  if (twins) {
    reasons.push(
      `${scan.twins} of ${scan.packets} packets come twice, byte for byte: a mirror port; each is used once`,
    );
    return true;
  }
  if (scan.copies > 0) {
    reasons.push(
      `${scan.copies} packets show up several times: the endpoint's copy is used, the others are duplicates`,
    );
    return true;
  }
  if (linkType === LINKTYPE_LINUX_SLL || linkType === LINKTYPE_LINUX_SLL2) {
    reasons.push("a capture of all interfaces: copies of a packet are looked for");
    return true;
  }
  if (scan.fromEndpoint + scan.toEndpoint + scan.innerOfEndpoint === 0) {
    reasons.push("the first frames do not show whether packets come several times: copies of a packet are looked for");
    return true;
  }
  if (hasOthers) reasons.push("one of several interfaces: copies of a packet are looked for");
  return hasOthers;
}
