// The answer to a thread. What is typed is kept until it was sent.

import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { useAction } from "../state/hooks.ts";
import { sameId } from "../text/target.ts";
import { oneLine } from "../text/visible.ts";
import { Icon } from "../ui/icon.tsx";
import { Trouble } from "../ui/state.tsx";
import { To, Words } from "../ui/text.tsx";
import type { Message } from "../wire.ts";
import { send } from "./call.ts";
import { sendsNow } from "./compose.tsx";
import { keep, kept, keyring } from "./draft.ts";

interface Props {
  threadId: number;
  rows: readonly Message[];
  /** The message that is answered; without it the last that somebody else wrote. */
  to: Message | undefined;
  forget: () => void;
}

export function Reply({ threadId, rows, to, forget }: Props): JSX.Element {
  const answered = to ?? rows.findLast(({ from }) => !sameId(from, "human") && from !== "system") ?? rows.at(-1)!;
  const target = sameId(answered.from, "human") ? answered.to : answered.from;
  const key = useRef(keyring());
  return (
    <Saying
      place={`thread.${threadId}`}
      label={to ? "Answer this message" : "Answer"}
      focus={to?.id}
      say={async (body) => {
        const message = { to: target, body, replyTo: answered.id };
        await send(message, key.current(message));
        forget();
      }}
    >
      <span class="reply-to">
        To <To target={target} />
        {to && (
          <>
            <span class="faint">
              {" · re #"}
              {to.id} <Words of={oneLine(to.body, 40)} />
            </span>
            <button type="button" class="quiet icon-only small" aria-label="Answer the thread instead" onClick={forget}>
              <Icon name="close" />
            </button>
          </>
        )}
      </span>
    </Saying>
  );
}

interface SayingProps {
  place: string;
  label: string;
  /** Takes the focus whenever this becomes another one. */
  focus?: number | undefined;
  say: (body: string) => Promise<void>;
  children?: JSX.Element;
}

/** A field that grows, and a button; used for threads and for pairs. */
export function Saying({ place, label, focus, say, children }: SayingProps): JSX.Element {
  const [body, setBody] = useState(() => kept(place, { body: "" }).body);
  const { busy, problem, run } = useAction();
  const field = useRef<HTMLTextAreaElement>(null);

  useEffect(() => {
    if (focus) field.current?.focus();
  }, [focus]);
  useEffect(() => {
    const element = field.current!;
    element.style.height = "auto";
    element.style.height = `${Math.min(element.scrollHeight + 2, 280)}px`;
  }, [body]);

  function set(text: string): void {
    setBody(text);
    keep(place, text ? { body: text } : undefined);
  }

  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    if (busy || body.trim() === "") return;
    if (await run(() => say(body))) set("");
  }

  return (
    <form class="reply" onSubmit={submit} onKeyDown={(event) => sendsNow(event) && submit(event)}>
      {children}
      {problem && <Trouble problem={problem} />}
      <div class="reply-line">
        <textarea
          ref={field}
          data-reply
          rows={1}
          aria-label={label}
          placeholder={`${label}…`}
          dir="auto"
          value={body}
          onInput={(event) => set(event.currentTarget.value)}
        />
        <button type="submit" class="primary" disabled={busy || body.trim() === ""}>
          {busy ? "Sending…" : "Send"}
        </button>
      </div>
    </form>
  );
}
