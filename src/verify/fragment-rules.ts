import { isFragment, sourceAddress } from "../net/decode.js";
import { addressKey } from "../net/tuple.js";
import { type Datagram, pieceOf } from "./fragments.js";
import { egressAddressKey, type Frame } from "./judge.js";
import { beginsNothing, fragmentFault, isImpossible } from "./malformed.js";

const TAKEN = "fragment-id-taken";
const WITHOUT_FIRST = "fragment-without-first";
const DUPLICATE = "fragment-duplicate";

/** Drops for what a fragment is by itself: they leave its datagram as it was. */
const BY_ITSELF = new Set(
  `truncated snaplen-cut not-ip bad-header source-route bad-source bad-checksum fragment-tiny fragment-unsupported
  unsupported-protocol ipv6-unsupported`.split(/\s+/),
);

/** 65,535 bytes in packets of 1,280 (RFC 8200 section 5) are some more: nobody needs so many fragments. */
const ENOUGH_FRAGMENTS = 50;

/** Only a later fragment that waits for its first one may be held, and only where the profile says so. */
export function judgeHold(frame: Frame): void {
  const { judge, packet, datagram } = frame;
  const faults = [
    packet.kind !== "later-fragment" && "only a later fragment may be held",
    judge.options.natProfile !== "rfc" && "this profile holds nothing",
    !datagram && "no gateway has to do with it",
    datagram?.hasBegun && !datagram.isUnsure && "its first fragment has left before",
  ];
  const why = faults.find(Boolean);
  if (why) frame.find("fragment", "a final action", "hold", why);
}

/**
 * Judges a fragment as a part of its datagram, which is `frame.datagram` from then on (RFC 791 section 3.2, RFC 8200 section 4.5).
 * @returns true where nothing else can be said of the frame
 */
export function judgeFragment(frame: Frame): boolean {
  const { judge, o, packet, nowMs } = frame;
  const { action, reason, fragmentsEvicted = 0 } = o;
  if (!isFragment(packet) || !wasTaken(frame)) return false;
  if (!concernsGateway(frame)) return wasHeld(frame);
  const memory = judge.fragments;
  const { toward, own, held } = keysOf(frame);
  const isGone = action === "drop" || action === "lost";
  const heldFor = action === "hold" || reason === DUPLICATE ? undefined : memory.takeBack(held, o.given);
  const isBack = heldFor !== undefined;
  let datagram = memory.find(toward, own, nowMs);
  if (isGone && datagram?.refusal !== reason && isByItself(frame)) return false;
  let isUnsure = judge.options.resumed === true || judge.options.foreign === true;
  if (datagram && memory.mayBeGone(datagram, nowMs, fragmentsEvicted)) {
    isUnsure = true;
    memory.forget(datagram);
    datagram = undefined;
  }
  const isFirst = packet.fragmentOffset === 0;
  const mayOpen = isFirst || judge.options.natProfile === "rfc" || isUnsure;
  if (!datagram && (!mayOpen || isBack)) {
    if (!isUnsure && !memory.hasForgotten) checkUnknown(frame, toward, own);
    return isGone;
  }
  datagram ??= memory.open(toward, own, nowMs, fragmentsEvicted, isUnsure);
  frame.datagram = datagram;
  const misfit = datagram.misfitOf(pieceOf(packet));
  const fault = !isBack ? misfit : heldFor === datagram ? "" : WITHOUT_FIRST;
  const wanted = (isBack && fault) || datagram.refusal || fault;
  if (!datagram.isUnsure) checkFate(frame, datagram, wanted, isBack);
  if (fault === "fragment-overlap") datagram.refusal ||= fault;
  if (!wanted) {
    if (!isBack) datagram.pieces.push(pieceOf(packet));
    if (isGone) giveUp(frame, datagram, isBack);
    else if (isFirst) datagram.hasBegun = true;
  }
  if (action === "hold") memory.hold(held, o.given, datagram);
  if (datagram.isComplete && !datagram.isUnsure && !memory.holds(held)) memory.forget(datagram);
  return isGone && (wanted !== "" || (!isFirst && action === "drop"));
}

/** The engine saw the frame, and took it for a fragment. */
function wasTaken({ o: { action, reason } }: Frame): boolean {
  return action !== "skipped" && (action !== "lost" || reason === "gateway-down") && reason !== "unsupported-passed";
}

/** A policy selects it, or it goes to an egress IP. Of other datagrams nothing is kept. */
function concernsGateway({ judge, o, packet }: Frame): boolean {
  const { policies } = judge;
  const { family, sourceAt, destinationAt } = packet;
  const isOut = o.hook === "from-endpoint";
  const own = addressKey(o.given, isOut ? sourceAt : destinationAt, family);
  if (!isOut && judge.model.egresses.some((egress) => egressAddressKey(egress, family) === own)) return true;
  const endpoint = policies.ownerOfKey(own, o.timeNs);
  const remote = isOut ? { ...packet, sourceAt: destinationAt } : packet;
  return endpoint !== undefined && policies.decide(endpoint, sourceAddress(o.given, remote), family).selected;
}

/** It waited for its first fragment in vain while it concerned a gateway: it does not go on because it does so no longer. */
function wasHeld(frame: Frame): boolean {
  const { judge, o } = frame;
  if (o.action !== "drop" || o.reason !== WITHOUT_FIRST) return false;
  return judge.fragments.takeBack(keysOf(frame).held, o.given) !== undefined || judge.options.resumed === true;
}

/**
 * Remote, identification and protocol, and the other address with who has it now; under `held` without: what was held may come again when
 * somebody else has it. The next header of later IPv6 fragments may be another (RFC 8200 section 4.5).
 */
function keysOf({ judge, o, packet }: Frame): Pick<Datagram, "toward" | "own"> & { readonly held: string } {
  const { family, sourceAt, destinationAt, fragmentId, protocol } = packet;
  const source = addressKey(o.given, sourceAt, family);
  const destination = addressKey(o.given, destinationAt, family);
  const isOut = o.hook === "from-endpoint";
  const id = String.fromCharCode(fragmentId >>> 16, fragmentId & 0xffff, family === 4 ? protocol : 0);
  const [toward, address] = isOut ? [`>${id}${destination}`, source] : [`<${id}${source}`, destination];
  const owner = judge.policies.ownerOfKey(address, o.timeNs)?.uid ?? "";
  return { toward, own: `${address}${owner}`, held: toward + address };
}

/** Impossible TCP flags are what a frame is dropped for after it was taken for a fragment. */
function isByItself(frame: Frame): boolean {
  const { o, packet } = frame;
  const isByFlags = packet.kind === "tcp" && (isImpossible(packet.tcpFlags) || beginsNothing(packet));
  if (o.reason === "bad-header" && isByFlags) return fragmentFault(o.given, packet) !== "";
  return BY_ITSELF.has(o.reason) && !isUnfinished(frame);
}

/** A CRC over all fragments cannot follow a new port from the first one alone: SCTP's datagrams may be given up for it. */
function isUnfinished({ o, packet }: Frame): boolean {
  return packet.kind === "sctp" && o.reason === "fragment-unsupported";
}

/** A fragment of a datagram that nobody knows, and that does not make it known. */
function checkUnknown(frame: Frame, toward: string, own: string): void {
  const { action, reason, hook } = frame.o;
  if (action === "hold") return;
  if (action !== "drop") return frame.find("fragment", "drop", action, "its first fragment did not leave before");
  const isTaken = reason === TAKEN && hook === "from-endpoint";
  if (isTaken ? frame.judge.fragments.rivalsOf(toward, own).length > 0 : reason === WITHOUT_FIRST) return;
  const why = isTaken
    ? "nobody else's datagram with its identification is under way"
    : "nothing was seen of its datagram";
  frame.find("drop-reason", isTaken ? "snat" : WITHOUT_FIRST, reason, why);
}

/** @param wanted reason under which it has to be dropped, empty = none   @param isBack it was held */
function checkFate(frame: Frame, datagram: Datagram, wanted: string, isBack: boolean): void {
  const { action, reason } = frame.o;
  const isFirst = frame.packet.fragmentOffset === 0;
  const isGone = action === "drop" || action === "lost";
  const field = isGone ? "drop-reason" : "fragment";
  if (wanted !== "") {
    const why = datagram.refusal ? "its datagram was given up" : "its bytes were seen before";
    if (!isGone || reason !== wanted) frame.find(field, `drop, ${wanted}`, isGone ? reason : action, why);
  } else if (isGone) {
    const isRivalled = reason === TAKEN && frame.judge.fragments.rivalsOf(datagram.toward, datagram.own).length > 0;
    const isOdd = reason.startsWith("fragment-") && !isUnfinished(frame) && !isRivalled;
    const refuted = isFirst ? isOdd && "it is the first" : refutation(frame, datagram, isBack);
    if (refuted) frame.find(field, "it goes the way of its datagram", reason, refuted);
  } else if (isFirst) checkRivals(frame, datagram);
  else if (action !== "hold" && !datagram.hasBegun)
    frame.find(field, "hold or drop", action, "its first fragment did not leave before");
}

/** Why a later fragment cannot have been dropped for the reason given; empty where it can. */
function refutation(frame: Frame, datagram: Datagram, isBack: boolean): string {
  const { hasBegun, connection, mapping, pieces } = datagram;
  const { o, packet } = frame;
  switch (o.reason) {
    case WITHOUT_FIRST: {
      if (isBack && !hasBegun) return "it was held, and its time is not over";
      const isHere = hasBegun && connection && connection.mapping === mapping && frame.surelyLives(connection);
      return isHere ? "its first fragment has left, and the connection lives" : "";
    }
    case "ttl-exceeded":
      return o.given[packet.ttlAt]! > 1 ? `TTL ${o.given[packet.ttlAt]} survives a hop` : "";
    case "table-full":
      return pieces.length < ENOUGH_FRAGMENTS ? `only ${pieces.length} fragments came before` : "";
    case "gateway-down":
      return "";
    default:
      return "nothing that a later fragment is dropped for";
  }
}

/** RFC 6864 section 4: to its receiver, what has one source, destination, protocol and identification is one datagram. */
function checkRivals(frame: Frame, { toward, own }: Datagram): void {
  const { judge, o, packet, nowMs } = frame;
  if (o.action !== "snat") return;
  const address = addressKey(o.result, packet.sourceAt, packet.family);
  const rival = judge.fragments.rivalsOf(toward, own).find((other) => {
    const isUnderWay = other.hasBegun && !other.isUnsure && other.mapping?.address === address;
    return isUnderWay && !judge.fragments.mayBeGone(other, nowMs, o.fragmentsEvicted ?? 0);
  });
  const why = "another endpoint's datagram with this identification is under way to the remote";
  if (rival) frame.find("fragment", `drop, ${TAKEN}`, "snat", why);
}

/** What becomes of a first fragment becomes of all. Without room to hold one or to remember one, the whole is given up as well. */
function giveUp({ o: { reason }, packet }: Frame, datagram: Datagram, isBack: boolean): void {
  const isUnheld = reason === WITHOUT_FIRST && !datagram.hasBegun && !isBack;
  if (packet.fragmentOffset === 0 || isUnheld || reason === "table-full") datagram.refusal = reason;
}
