// Text of others, names and times. Nothing here ever becomes markup.

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { blocks, fold, pieces, plain, spans } from "../text/visible.ts";
import { absolute, ago, since, span, until } from "../text/time.ts";
import { parseTarget } from "../text/target.ts";
import { link } from "../router.ts";
import { useName, useNow } from "./surroundings.tsx";

/** A text in one line or few, held together so that its direction cannot reach what stands around it. */
export function Words({ of }: { of: string }): JSX.Element {
  return (
    <bdi>
      {pieces(of).map((piece, at) =>
        "text" in piece ? (
          piece.text
        ) : (
          <span key={at} class="mark" title={piece.name}>
            {piece.mark}
          </span>
        ),
      )}
    </bdi>
  );
}

/** The whole text of a message or task; a long one is folded. */
export function Body({ of, empty }: { of: string; empty?: string }): JSX.Element {
  const [open, setOpen] = useState(false);
  if (of === "") return <p class="faint">{empty ?? "No text."}</p>;
  const folded = fold(of);
  const shown = folded && !open ? folded.shown : of;
  return (
    <div class="body" dir="auto">
      {blocks(shown).map(({ kind, text }, at) =>
        kind === "code" ? (
          <pre key={at} tabIndex={0}>
            <Words of={text} />
          </pre>
        ) : (
          <div key={at} class="text">
            {spans(text).map(({ text, code }, at) =>
              code ? (
                <code key={at}>
                  <Words of={text} />
                </code>
              ) : (
                <Words key={at} of={text} />
              ),
            )}
          </div>
        ),
      )}
      {folded && (
        <button type="button" class="link" aria-expanded={open} onClick={() => setOpen(!open)}>
          {open ? "Show less" : `Show all (${folded.lines > 1 ? `${folded.lines} lines` : `${of.length} characters`})`}
        </button>
      )}
    </div>
  );
}

/** An agent, as people call it; its id is in the title. */
export function Name({ id, to }: { id: string; to?: boolean }): JSX.Element {
  const name = useName(id);
  const special = id === "human" ? "human (you, the operator)" : id === "system" ? "system (the relay itself)" : id;
  const inner = <Words of={name} />;
  if (!to || id === "human" || id === "system")
    return (
      <span class="name" title={plain(special)}>
        {inner}
      </span>
    );
  return (
    <a class="name" title={plain(special)} href={link("agents", id)}>
      {inner}
    </a>
  );
}

/** Whom a message is for. */
export function To({ target, link: linked }: { target: string; link?: boolean }): JSX.Element {
  const { kind, word } = parseTarget(target);
  if (kind === "agent") return <Name id={word} {...(linked ? { to: true } : {})} />;
  return (
    <span class="chip">
      <Words of={target} />
    </span>
  );
}

/** How a moment is told: in a column, in a sentence, as how long it has been so, or how long until then. */
const TOLD = {
  short: ago,
  ago: since,
  for: (at: number, now: number) => span(now - at),
  until,
};

/** A moment, as how long ago it is; the moment itself is in the title. */
export function Time({ at, as = "short" }: { at: number; as?: keyof typeof TOLD }): JSX.Element {
  const now = useNow();
  return (
    <time dateTime={new Date(at).toISOString()} title={absolute(at)}>
      {TOLD[as](at, now)}
    </time>
  );
}

/** The time, every so many milliseconds. */
export function useClock(every: number): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), every);
    return () => clearInterval(timer);
  }, [every]);
  return now;
}
