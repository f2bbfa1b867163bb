import { readDocuments } from "../../config/documents.js";
import { FaultLog } from "../../config/fault-log.js";
import { decode } from "../../config/files.js";
import { UsageError } from "../../errors.js";
import { isRecordFile } from "../../index.js";
import { utf8Text } from "../../net/text.js";
import type { PickedFile } from "../messages.js";

/** Names by which files count as manifests. */
const MANIFEST_NAME = /\.(ya?ml|json)(\.gz)?$/i;
/** Longer files are no scenarios: bytes. */
const LONGEST_SCENARIO = 2 ** 25;
/** First bytes of captures and of gzip data, as big-endian numbers of 32 and 16 bits. */
const CAPTURE_MAGICS = new Set([0xa1b2c3d4, 0xd4c3b2a1, 0xa1b23c4d, 0x4d3cb2a1, 0x0a0d0d0a]);
const GZIP_MAGIC = 0x1f8b;

/** Files by what they are. */
export interface SortedFiles {
  readonly captures: readonly PickedFile[];
  /** Manifests, unpacked, by name. */
  readonly texts: ReadonlyMap<string, Uint8Array>;
  readonly scenario: { readonly name: string; readonly text: string } | undefined;
  /** Files of folders that are nothing of all this. */
  readonly passedOver: readonly string[];
}

/**
 * Tells files apart: manifests by name, as the command line does, but for scenarios and connection records; everything else is a capture,
 * unless it came with a folder and does not begin as one.
 * @throws {UsageError} for a second scenario and broken gzip   @throws the signal's reason
 */
export async function sortFiles(files: readonly PickedFile[], signal: AbortSignal): Promise<SortedFiles> {
  const captures: PickedFile[] = [];
  const texts = new Map<string, Uint8Array>();
  const passedOver: string[] = [];
  let scenario: SortedFiles["scenario"];
  for (const picked of files) {
    signal.throwIfAborted();
    const { name, file } = picked;
    if (!MANIFEST_NAME.test(name)) {
      if (!name.includes("/") || (await looksLikeCapture(picked))) captures.push(picked);
      else passedOver.push(name);
      continue;
    }
    const bytes = decode(name, new Uint8Array(await file.arrayBuffer()));
    if (await isRecordFile({ name, bytes })) captures.push(picked);
    else if (!isScenario(name, bytes)) texts.set(name, bytes);
    else if (scenario) throw new UsageError(`${name}: is a second scenario, expected one: ${scenario.name} is there`);
    else scenario = { name, text: utf8Text(bytes) };
  }
  return { captures, texts, scenario, passedOver };
}

/** By the kind of its first object. Whatever is wrong with the file shows when it is read. */
function isScenario(name: string, bytes: Uint8Array): boolean {
  if (bytes.length > LONGEST_SCENARIO || !utf8Text(bytes).includes("Scenario")) return false;
  const kinds: unknown[] = [];
  readDocuments(name, bytes, new FaultLog([name], { read: () => bytes }), (value) => {
    kinds.push((value as { kind?: unknown } | null)?.kind);
  });
  return kinds[0] === "Scenario";
}

async function looksLikeCapture({ name, file }: PickedFile): Promise<boolean> {
  const head = new Uint8Array(await file.slice(0, 4).arrayBuffer());
  if (head.length < 4) return false;
  const magic = new DataView(head.buffer).getUint32(0);
  return CAPTURE_MAGICS.has(magic) || magic >>> 16 === GZIP_MAGIC || isRecordFile({ name, bytes: file });
}
