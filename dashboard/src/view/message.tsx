// One message, in full.

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { erase } from "../act/call.ts";
import { useAction } from "../state/hooks.ts";
import { link } from "../router.ts";
import { plain } from "../text/visible.ts";
import { Trouble } from "../ui/state.tsx";
import { Body, Name, Time, To, Words } from "../ui/text.tsx";
import { useNow } from "../ui/surroundings.tsx";
import type { Message } from "../wire.ts";
import { ClaimLine } from "./claim.tsx";
import { Receipts } from "./receipts.tsx";

interface Props {
  message: Message;
  here: boolean;
  /** The heading of the thread, which its first message does not repeat. */
  heading?: string | undefined;
  answer: ((message: Message) => void) | undefined;
}

export function MessageCard({ message, here, heading, answer }: Props): JSX.Element {
  const mine = message.from === "human";
  const step = message.kind === "pair" && typeof message.payload["event"] === "string";
  return (
    <article
      class={`message${mine ? " mine" : ""}${here ? " here" : ""}${step ? " step" : ""}`}
      aria-label={`Message ${message.id} from ${plain(message.from)}`}
    >
      <header>
        <span class="who">
          <strong>
            <Name id={message.from} to />
          </strong>
          <span class="faint"> → </span>
          <To target={message.to} link />
        </span>
        <Marks message={message} />
        <span class="when">
          <a
            class="number"
            href={link("mail", message.threadId, { message: String(message.id) })}
            title="The address of this message"
          >
            #{message.id}
          </a>
          <Time at={message.createdAt} />
        </span>
      </header>
      {message.subject && message.subject !== heading && (
        <h3 class="subject">
          <Words of={message.subject} />
        </h3>
      )}
      {message.deletedAt ? (
        <p class="faint">
          Deleted <Time at={message.deletedAt} as="ago" />.
        </p>
      ) : (
        <Body of={message.body} />
      )}
      {!step && <Data name="payload" of={message.payload} />}
      {message.claimable && <ClaimLine what={message} />}
      <Foot message={message} answer={answer} />
    </article>
  );
}

function Marks({ message }: { message: Message }): JSX.Element {
  const { verified, from, kind, urgency, channel, expiresAt, readBy, claimable, claim } = message;
  const now = useNow();
  // What was read, or taken, was there in time.
  const over = readBy.length > 0 && !(claimable && !claim);
  const expires = expiresAt && (expiresAt > now || !over);
  return (
    <span class="marks">
      {!verified && from !== "system" && (
        <span class="chip warn" title="Nothing proves that it is from who it says">
          unverified
        </span>
      )}
      {kind !== "chat" && <span class="chip">{kind}</span>}
      {urgency !== "normal" && <span class="chip">{urgency}</span>}
      {channel && (
        <span class="chip">
          #<Words of={channel} />
        </span>
      )}
      {expires && (
        <span class="chip">
          {expiresAt <= now ? "expired " : "expires "}
          <Time at={expiresAt} as={expiresAt > now ? "until" : "ago"} />
        </span>
      )}
    </span>
  );
}

function Foot({
  message,
  answer,
}: {
  message: Message;
  answer: ((message: Message) => void) | undefined;
}): JSX.Element {
  const [open, setOpen] = useState(false);
  const [sure, setSure] = useState(false);
  const { problem, run, busy } = useAction();
  const readers = message.readBy.length;
  const readWord =
    readers === 0 ? "Not read yet" : `Read by ${readers >= 32 ? "32 or more" : readers === 1 ? "" : readers}`;
  return (
    <>
      <footer>
        <button type="button" class="link quiet-link" aria-expanded={open} onClick={() => setOpen(!open)}>
          {readWord}
          {readers === 1 && <Name id={message.readBy[0]!} />}
        </button>
        {answer && (
          <button type="button" class="link quiet-link" onClick={() => answer(message)}>
            Reply
          </button>
        )}
        {!message.deletedAt &&
          (sure ? (
            <>
              <button
                type="button"
                class="link danger"
                disabled={busy}
                onClick={() => run(() => erase(message)).then(() => setSure(false))}
              >
                Delete its text for everybody
              </button>
              <button type="button" class="link quiet-link" onClick={() => setSure(false)}>
                Keep
              </button>
            </>
          ) : (
            <button type="button" class="link quiet-link" onClick={() => setSure(true)}>
              Delete
            </button>
          ))}
      </footer>
      {problem && <Trouble problem={problem} />}
      {open && <Receipts message={message} />}
    </>
  );
}

/** Data for programs, for who wants to see it. */
export function Data({ name, of }: { name: string; of: Record<string, unknown> }): JSX.Element | null {
  if (Object.keys(of).length === 0) return null;
  return (
    <details class="data">
      <summary>{name}</summary>
      <pre tabIndex={0}>
        <Words of={JSON.stringify(of, null, 2)} />
      </pre>
    </details>
  );
}
