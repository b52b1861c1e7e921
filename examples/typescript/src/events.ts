// The live stream, read with fetch: EventSource cannot send the token in a header.

import { Refused, type Schemas } from "./relay.js";

/** One frame of the stream. Names that this version of the document does not know are to be skipped. */
export type Frame = { id: string } & (
  | { name: "hello"; data: Schemas["Hello"] }
  | { name: "gap"; data: Schemas["Gap"] }
  | { name: Exclude<Schemas["Name"], "hello" | "gap">; data: Schemas["Event"] }
);

/** The relay says something every 15 seconds; who is silent for three times as long is gone. */
const SILENCE = 45_000;

/** The frames of one connection, until it ends. */
export async function* frames(url: string, headers: Record<string, string>, stop: AbortSignal): AsyncGenerator<Frame> {
  const lost = new AbortController();
  const response = await fetch(url, { headers, signal: AbortSignal.any([stop, lost.signal]) });
  if (!response.ok || !response.body) throw await Refused.by(response);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = ""; ; ) {
    const silent = setTimeout(() => lost.abort(new Error("the stream fell silent")), SILENCE);
    const { done, value } = await reader.read().finally(() => clearTimeout(silent));
    if (done) return;
    const parts = (text + value).split("\n\n");
    text = parts.pop() ?? "";
    for (const part of parts) {
      const frame = parse(part);
      if (frame) yield frame;
    }
  }
}

/** Reads `id:`, `event:` and one line of `data:`; a comment is no frame. */
function parse(part: string): Frame | undefined {
  const field = (name: string) => part.split("\n").find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
  const [id, name, data] = [field("id"), field("event"), field("data")];
  if (id === undefined || name === undefined || data === undefined) return undefined;
  return { id, name, data: JSON.parse(data) } as Frame;
}
