// Server-sent events, as far as the relay speaks them.

export interface Frame {
  id: string | undefined;
  name: string;
  data: string;
}

/**
 * Takes the stream's text in pieces, however it was cut, and gives the frames that are complete.
 * Lines may end in `\n`, `\r\n` or `\r`; comments and fields that nobody needs are skipped.
 */
export function parser(): (piece: string) => Frame[] {
  let rest = "";
  let started = false;
  let id: string | undefined;
  let name = "";
  let data: string[] = [];

  function line(text: string, out: Frame[]): void {
    if (text === "") {
      if (data.length > 0) out.push({ id, name: name || "message", data: data.join("\n") });
      id = undefined;
      name = "";
      data = [];
      return;
    }
    const colon = text.indexOf(":");
    if (colon === 0) return;
    const field = colon < 0 ? text : text.slice(0, colon);
    const value = colon < 0 ? "" : text.slice(text[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "data") data.push(value);
    else if (field === "event") name = value;
    else if (field === "id" && !value.includes("\0")) id = value;
  }

  return (piece) => {
    if (!started && piece !== "") {
      started = true;
      if (piece.startsWith("\uFEFF")) piece = piece.slice(1);
    }
    rest += piece;
    const out: Frame[] = [];
    let from = 0;
    for (;;) {
      const end = endOfLine(rest, from);
      if (!end) break;
      line(rest.slice(from, end.at), out);
      from = end.next;
    }
    rest = rest.slice(from);
    return out;
  };
}

/** A `\r` at the very end may be the first half of `\r\n`: it waits for what follows. */
function endOfLine(text: string, from: number): { at: number; next: number } | undefined {
  for (let at = from; at < text.length; at++) {
    const letter = text[at];
    if (letter === "\n") return { at, next: at + 1 };
    if (letter !== "\r") continue;
    if (at + 1 === text.length) return undefined;
    return { at, next: text[at + 1] === "\n" ? at + 2 : at + 1 };
  }
  return undefined;
}
