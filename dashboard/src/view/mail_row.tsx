// A message, and a thread, as a row.

import type { JSX } from "preact";
import type { Thread } from "../state/select.ts";
import { isUnreadFor } from "../state/select.ts";
import { oneLine } from "../text/visible.ts";
import { Status } from "../ui/icon.tsx";
import { Name, Time, To, Words } from "../ui/text.tsx";
import type { Message } from "../wire.ts";

interface Link {
  href: string;
  here?: boolean;
  tabIndex?: number;
}

export function ThreadRow({ thread, href, here, tabIndex }: Link & { thread: Thread }): JSX.Element {
  const { first, last, count, people, unread } = thread;
  const subject = first?.subject ?? last.subject;
  const others = people.filter((id) => id !== last.from);
  return (
    <a class={`row${unread ? " unread" : ""}`} href={href} tabIndex={tabIndex} aria-current={here ? "true" : undefined}>
      <span class="row-top">
        <strong class="row-title">
          <Name id={last.from} />
          {others.length > 0 && (
            <span class="others">
              , <Name id={others[0]!} />
              {others.length > 1 && ` +${others.length - 1}`}
            </span>
          )}
          {others.length === 0 && (
            <span class="others">
              {" "}
              → <To target={last.to} />
            </span>
          )}
        </strong>
        {count > 1 && (
          <span class="count" title={`${count} messages are loaded`}>
            {count}
          </span>
        )}
        <span class="row-time">
          <Time at={last.createdAt} />
        </span>
      </span>
      <span class="row-low">
        <Flags message={first ?? last} />
        <span class="row-text">
          {subject && (
            <span class="subject">
              <Words of={subject} />
              {" · "}
            </span>
          )}
          <Text message={last} />
        </span>
        {unread && <span class="dot">new</span>}
      </span>
    </a>
  );
}

export function MessageRow({ message, href, here, tabIndex }: Link & { message: Message }): JSX.Element {
  const unread = isUnreadFor(message, "human");
  return (
    <a class={`row${unread ? " unread" : ""}`} href={href} tabIndex={tabIndex} aria-current={here ? "true" : undefined}>
      <span class="row-top">
        <strong class="row-title">
          <Name id={message.from} />
          <span class="others">
            {" "}
            → <To target={message.to} />
          </span>
        </strong>
        <span class="row-time">
          <Time at={message.createdAt} />
        </span>
      </span>
      <span class="row-low">
        <Flags message={message} />
        <span class="row-text">
          {message.subject && (
            <span class="subject">
              <Words of={message.subject} />
              {" · "}
            </span>
          )}
          <Text message={message} />
        </span>
        {unread && <span class="dot">new</span>}
      </span>
    </a>
  );
}

function Text({ message }: { message: Message }): JSX.Element {
  return message.deletedAt ? <em class="faint">deleted</em> : <Words of={oneLine(message.body)} />;
}

function Flags({ message }: { message: Message }): JSX.Element | null {
  const { claimable, claim, kind, channel } = message;
  return (
    <>
      {claimable && <Status of={claim?.doneAt ? "done" : claim ? "claimed" : "open"} />}
      {kind !== "chat" && kind !== "task" && <span class="chip">{kind}</span>}
      {channel && (
        <span class="chip">
          #<Words of={channel} />
        </span>
      )}
    </>
  );
}
