// Text of others is shown as what it is: what would hide, reorder or colour it becomes a visible mark.

/** A stretch of text to show as it is, or the mark of something that would not be seen. */
export type Piece = { text: string } | { mark: string; name: string };

// The names that Unicode gives to what changes the direction of text or takes no room.
const NAMES: Readonly<Record<number, string>> = {
  0x00ad: "soft hyphen",
  0x061c: "Arabic letter mark",
  0x180e: "Mongolian vowel separator",
  0x200b: "zero width space",
  0x200e: "left-to-right mark",
  0x200f: "right-to-left mark",
  0x202a: "left-to-right embedding",
  0x202b: "right-to-left embedding",
  0x202c: "pop directional formatting",
  0x202d: "left-to-right override",
  0x202e: "right-to-left override",
  0x2028: "line separator",
  0x2029: "paragraph separator",
  0x2060: "word joiner",
  0x2066: "left-to-right isolate",
  0x2067: "right-to-left isolate",
  0x2068: "first strong isolate",
  0x2069: "pop directional isolate",
  0xfeff: "zero width no-break space",
};

const HIDDEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]+/gu;

/** Cuts a text into what is shown as it is and what is shown as a mark. */
export function pieces(text: string): Piece[] {
  const clean = text.replaceAll("\r\n", "\n");
  const out: Piece[] = [];
  let from = 0;
  for (const match of clean.matchAll(HIDDEN)) {
    if (match.index > from) out.push({ text: clean.slice(from, match.index) });
    out.push(...marks(match[0]));
    from = match.index + match[0].length;
  }
  if (from < clean.length) out.push({ text: clean.slice(from) });
  return out;
}

/** The same as one string, for titles and names that can hold no elements. */
export function plain(text: string): string {
  return pieces(text)
    .map((piece) => ("text" in piece ? piece.text : `[${piece.mark}]`))
    .join("");
}

function marks(run: string): Piece[] {
  const out: Piece[] = [];
  let tags = "";
  const flush = () => {
    if (tags) out.push({ mark: `hidden: ${tags}`, name: "text in invisible tag characters" });
    tags = "";
  };
  for (const letter of run) {
    const code = letter.codePointAt(0)!;
    if (code >= 0xe0020 && code < 0xe007f) {
      tags += String.fromCharCode(code - 0xe0000);
      continue;
    }
    flush();
    out.push(markOf(code));
  }
  flush();
  return out;
}

function markOf(code: number): Piece {
  if (code === 0x1b) return { mark: "ESC", name: "escape, as terminals take for colours" };
  const hex = `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
  return { mark: hex, name: NAMES[code] ?? "control character" };
}

/** A stretch of text, or of code between two backticks in a line. */
export interface Span {
  readonly text: string;
  readonly code: boolean;
}

/** Sets short code apart. A backtick without a partner is text. */
export function spans(text: string): Span[] {
  return text
    .split(/`([^`\n]+)`/)
    .map((text, at) => ({ text, code: at % 2 === 1 }))
    .filter(({ text }) => text !== "");
}

/** A part of a body: text, or what stands between two lines of three backticks. */
export type Block = { kind: "text" | "code"; text: string };

/** Sets code apart. A fence that is never closed is text like any other. */
export function blocks(body: string): Block[] {
  const out: Block[] = [];
  const fence = /^```[^\n`]*\n([\s\S]*?)\n?^```[ \t]*$/gm;
  let from = 0;
  for (const match of body.matchAll(fence)) {
    push(out, "text", body.slice(from, match.index).replace(/\n$/, ""));
    push(out, "code", match[1] ?? "");
    from = match.index + match[0].length;
    while (body[from] === "\n") from += 1;
  }
  push(out, "text", body.slice(from));
  return out;
}

function push(out: Block[], kind: Block["kind"], text: string): void {
  if (text !== "" || kind === "code") out.push({ kind, text });
}

/** One line of a text, for a row of a list. */
export function oneLine(text: string, most = 200): string {
  const line = text
    .slice(0, most * 4)
    .replace(/\s+/g, " ")
    .trim();
  return line.length > most ? `${whole(line.slice(0, most))}…` : line;
}

/** A letter outside the basic plane is two units; what was cut in its middle ends before it. */
function whole(cut: string): string {
  return cut.replace(/[\ud800-\udbff]$/, "");
}

const LINES = 18;
const LETTERS = 1_600;

/** The beginning of a long text, or undefined when it is short enough to stand in full. */
export function fold(text: string): { shown: string; lines: number } | undefined {
  const lines = text.split("\n");
  if (lines.length <= LINES + 4 && text.length <= LETTERS + 400) return undefined;
  const shown = lines.slice(0, LINES).join("\n").slice(0, LETTERS);
  return { shown: whole(shown), lines: lines.length };
}
