import { SUPPORTED_LINK_TYPES } from "../../capture/link-type.js";
import { formatAddress } from "../../net/address.js";
import { bytesOfHex } from "../../net/bytes.js";
import { decodeFrame, destinationAddress, type IpPacket, sourceAddress } from "../../net/decode.js";
import type { FrameExplanation } from "../../replay/explain-types.js";
import { walkBytes, walkSteps } from "../explain-view.js";
import { counted } from "../units.js";
import { html, type Markup } from "./markup.js";
import type { PageSection } from "./section.js";

/** Selected frames, each step by step; undefined where none was selected. */
export function walkSection(walks: readonly FrameExplanation[]): PageSection | undefined {
  if (walks.length === 0) return undefined;
  const body = html`<p>What became of ${counted(walks.length, "selected frame")}, in the order in which it happened. Of the bytes only headers are shown.</p>
${walks.map(walk)}`;
  return { id: "walks", short: "Walks", title: "The walk of selected frames", body };
}

function walk(explanation: FrameExplanation, index: number): Markup {
  const { frame, file, at, action, reason, wireLength, capturedLength } = explanation;
  const cut = capturedLength < wireLength ? `, ${capturedLength} of them captured` : "";
  const steps = walkSteps(explanation).map(
    ([name, ...lines]) => html`<dt>${name}</dt><dd>${lines.map((line) => html`<div>${line}</div>`)}</dd>`,
  );
  return html`<details class="walk"${index === 0 ? html` open` : undefined}><summary>Frame ${frame} of <code>${file}</code>: <b>${action}</b>${reason === "" ? "" : `, ${reason}`}</summary>
<p class="dim">At ${at}, ${counted(wireLength, "byte")} on the wire${cut}.</p>
<dl class="steps">${steps}</dl>
${byteBlock(explanation)}</details>
`;
}

/** The bytes of the headers as they changed. */
function byteBlock(explanation: FrameExplanation): Markup {
  const most = headerLength(explanation);
  if (most === 0) return html`<p class="dim">Its bytes are left out.</p>`;
  const { captured, given, result } = explanation.bytes;
  const cut = (hex: string) => hex.slice(0, 2 * most);
  const headers = { captured: cut(captured), ...(given !== undefined && { given: cut(given) }), result: cut(result) };
  const lines = walkBytes(headers, most).map((line) => {
    const kind = /^([=+-])/.exec(line)?.[1];
    if (kind === "=") return html`<b>${line.slice(1)}</b>\n`;
    if (kind === undefined) return html`${line}\n`;
    return kind === "+" ? html`<span class="good">${line}</span>\n` : html`<span class="bad">${line}</span>\n`;
  });
  const content = explanation.capturedLength - most;
  const note = content > 0 ? html`<p class="dim">${counted(content, "byte")} of content are left out.</p>` : undefined;
  return html`<pre tabindex="0">${lines}</pre>${note}`;
}

/** Bytes of a frame up to what its transport header carries: a report holds no payload. 0 where no header can be read. */
export function headerLength(explanation: FrameExplanation): number {
  const packet = packetOf(explanation);
  return packet?.inner?.payloadAt ?? packet?.payloadAt ?? 0;
}

/** Where things lie in the captured bytes; undefined where no header can be read. */
export function packetOf({ bytes, parse, wireLength }: FrameExplanation): IpPacket | undefined {
  const frame = bytesOfHex(bytes.captured);
  if (!parse) return undefined;
  for (const linkType of SUPPORTED_LINK_TYPES) {
    const packet = decodeFrame(frame, linkType, wireLength);
    if (packet && isSame(packet, frame, parse)) return packet;
  }
  return undefined;
}

/** A frame that was taken out of an overlay has another link type than its capture: the right one is the one that reads the same. */
function isSame(packet: IpPacket, frame: Uint8Array, parse: NonNullable<FrameExplanation["parse"]>): boolean {
  return (
    formatAddress(sourceAddress(frame, packet)) === parse.source &&
    formatAddress(destinationAddress(frame, packet)) === parse.destination
  );
}
