import type { Endpoint, PolicyModel } from "../config/types.js";
import { formatAddress, socketText } from "../net/address.js";
import type { Holder, WhoQuery } from "../records/who.js";
import { formatTime } from "../replay/time.js";
import { textTable } from "./text-table.js";
import { counted } from "./units.js";

/** What `who --json` prints. */
export interface WhoReport {
  readonly schema: "sluicegate.io/who/v1";
  readonly query: { readonly egressIP: string; readonly port: number; readonly from: string; readonly to: string };
  readonly answers: readonly WhoAnswer[];
  /** Times at which the tuple is known to have been in use, but not at the one asked for. */
  readonly otherTimes: readonly WhoTimes[];
  /** What the reader has to know before relying on it. */
  readonly notes: readonly string[];
}

/** Null where nobody knows. */
export interface WhoTimes {
  readonly from: string | null;
  readonly until: string | null;
  /** File that says so. */
  readonly source: string;
}

export interface WhoAnswer extends WhoTimes {
  /** `namespace/name`; null where the manifests have no owner of the address at that time, or there are none. */
  readonly pod: string | null;
  readonly node: string | null;
  readonly endpoint: string;
  readonly endpointPort: number;
  readonly protocol: string;
  readonly remote: string;
  readonly remotePort: number;
}

/** Puts names to addresses. @param model undefined where no manifests were given */
export function whoReport(
  { answers, others }: { answers: readonly Holder[]; others: readonly Holder[] },
  query: WhoQuery,
  model: PolicyModel | undefined,
): WhoReport {
  return {
    schema: "sluicegate.io/who/v1",
    query: {
      egressIP: query.egressIP,
      port: query.port,
      from: formatTime(query.fromNs),
      to: formatTime(query.toNs),
    },
    answers: answers.map((holder) => answerOf(holder, query, model)),
    otherTimes: others.map(timesOf),
    notes: notesOn(answers, model),
  };
}

function answerOf(holder: Holder, query: WhoQuery, model: PolicyModel | undefined): WhoAnswer {
  const { endpoint, endpointPort, protocol, remote, remotePort } = holder.pin;
  const owner = model?.endpoints.find((candidate) => owns(candidate, endpoint, query));
  const node = model?.nodes.find(({ internalIPs }) => internalIPs.some((ip) => formatAddress(ip) === endpoint));
  return {
    pod: owner ? `${owner.namespace}/${owner.name}` : null,
    node: owner?.node ?? node?.name ?? null,
    endpoint,
    endpointPort,
    protocol,
    remote,
    remotePort,
    ...timesOf(holder),
  };
}

function owns({ addresses, fromNs, toNs }: Endpoint, address: string, query: WhoQuery): boolean {
  if (fromNs !== undefined && fromNs >= query.toNs) return false;
  if (toNs !== undefined && toNs <= query.fromNs) return false;
  return addresses.some((candidate) => formatAddress(candidate) === address);
}

function timesOf({ fromNs, untilNs, source }: Holder): WhoTimes {
  const text = (ns: bigint | undefined) => (ns === undefined ? null : formatTime(ns));
  return { from: text(fromNs), until: text(untilNs), source };
}

function notesOn(answers: readonly Holder[], model: PolicyModel | undefined): string[] {
  const undated = [...new Set(answers.flatMap(({ untilNs, source }) => (untilNs === undefined ? [source] : [])))];
  const notes = undated.map(
    (source) =>
      `${source} does not say when it was printed: whether the mapping stood at that time is not proven (FILE@TIME says when)`,
  );
  if (answers.length > 1) notes.push("several connections had the tuple: the remote tells them apart (--remote)");
  if (answers.length > 0 && !model) notes.push("no manifests were given (-m): pods are not named");
  return notes;
}

const COLUMNS = ["pod", "endpoint", "protocol", "remote", "from", "until", "source"].map((title) => ({ title }));

/** The answers as a table; what is not known is `?`. */
export function whoTable({ answers }: WhoReport): string {
  const rows = answers.map((answer) => [
    answer.pod ?? (answer.node === null ? "?" : `node ${answer.node}`),
    socketText(answer.endpoint, answer.endpointPort),
    answer.protocol,
    socketText(answer.remote, answer.remotePort),
    answer.from ?? "?",
    answer.until ?? "?",
    answer.source,
  ]);
  return `${textTable(COLUMNS, rows).join("\n")}\n`;
}

/** Why there is no answer, without naming anyone. */
export function whoNone({ query, otherTimes }: WhoReport): string {
  const what = `${socketText(query.egressIP, query.port)}: nobody is known to have had it from ${query.from} to ${query.to}`;
  if (otherTimes.length === 0) return `${what}\n`;
  const shown = otherTimes.slice(0, 3).map(({ from, until }) => `${from ?? "?"} to ${until ?? "?"}`);
  const more =
    otherTimes.length > shown.length ? ` and ${counted(otherTimes.length - shown.length, "other time")}` : "";
  return `${what}; it was in use from ${shown.join(", ")}${more}\n`;
}
