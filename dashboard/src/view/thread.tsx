// A thread: what was said, oldest first, and an answer to it.

import type { JSX } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { Reply } from "../act/reply.tsx";
import { markRead } from "../act/call.ts";
import { api } from "../relay.ts";
import { link, swap, type Address } from "../router.ts";
import { standing } from "../session.ts";
import { useFetched, useList } from "../state/hooks.ts";
import { keyOf } from "../state/list.ts";
import { isUnreadFor } from "../state/select.ts";
import { oneLine } from "../text/visible.ts";
import { dayName } from "../text/time.ts";
import { Around } from "../ui/around.tsx";
import { DetailPane } from "../ui/pane.tsx";
import { Empty, Loading, Trouble } from "../ui/state.tsx";
import { Name, Words } from "../ui/text.tsx";
import { Windowed } from "../ui/windowed.tsx";
import type { Message } from "../wire.ts";
import { MessageCard } from "./message.tsx";

export function ThreadDetail({ address, id }: { address: Address; id: number }): JSX.Element {
  const listed = useList<Message>(keyOf("messages", { thread: String(id) }));
  const ready = listed.list?.phase === "ready";
  return (
    <DetailPane address={address} label={`Thread ${id}`}>
      {listed.rows.length > 0 ? (
        <Thread address={address} id={id} {...listed} />
      ) : ready ? (
        <Elsewhere address={address} id={id} />
      ) : listed.list?.problem ? (
        <Trouble problem={listed.list.problem} retry={listed.reload} />
      ) : (
        <Loading rows={4} />
      )}
    </DetailPane>
  );
}

/** The number of a message within a thread leads to its thread. */
function Elsewhere({ address, id }: { address: Address; id: number }): JSX.Element {
  const { value, problem } = useFetched(() => api.get<Message>(`messages/${id}`), [id]);
  useEffect(() => {
    if (value && value.threadId !== id) swap(link("mail", value.threadId, { ...address.filter, message: String(id) }));
  }, [value]);
  if (problem?.status === 404)
    return <Empty title={`There is no message ${id}.`}>It may be older than what the relay keeps.</Empty>;
  return problem ? <Trouble problem={problem} /> : <Loading rows={4} />;
}

type Listed = ReturnType<typeof useList<Message>>;

export function Thread({
  address,
  id,
  list,
  rows,
  older,
  reload,
  full,
}: Listed & { address: Address; id: number }): JSX.Element {
  const [answering, setAnswering] = useState<Message | undefined>(undefined);
  const first = rows[0]!;
  const subject = rows.find(({ subject }) => subject)?.subject;
  const people = useMemo(() => [...new Set(rows.map(({ from }) => from))], [rows]);
  const at = Number(address.filter["message"]);
  // The message that the address names may be on an older page.
  const missing = at > 0 && list?.phase === "ready" && !!list.older && !rows.some(({ id }) => id === at);
  useEffect(() => {
    if (missing) older();
  }, [missing, rows.length]);
  return (
    <>
      <header class="detail-head thin">
        <div>
          <h2>
            <Words of={subject ?? oneLine(first.body, 90) ?? `Thread ${id}`} />
          </h2>
          <p class="sub">
            {people.slice(0, 12).map((person) => (
              <Name key={person} id={person} to />
            ))}
            {people.length > 12 && <span>and {people.length - 12} more</span>}
            {first.taskId && <a href={link("tasks", first.taskId)}>Task {first.taskId}</a>}
            {first.pairId && <a href={link("pairs", first.pairId)}>Pair {first.pairId}</a>}
          </p>
        </div>
      </header>
      <Messages
        rows={rows}
        list={list}
        older={older}
        reload={reload}
        full={full}
        at={at || undefined}
        heading={subject ?? undefined}
        answer={setAnswering}
      />
      <Reply threadId={id} rows={rows} to={answering} forget={() => setAnswering(undefined)} />
    </>
  );
}

interface MessagesProps extends Listed {
  at?: number | undefined;
  heading?: string | undefined;
  answer?: (message: Message) => void;
}

export function Messages({ rows, list, older, reload, full, at, heading, answer }: MessagesProps): JSX.Element {
  useReading(rows);
  const now = Date.now();
  const days = useMemo(() => {
    let last = "";
    return rows.map(({ createdAt }) => {
      const day = dayName(createdAt, now);
      const shown = day === last ? undefined : day;
      last = day;
      return shown;
    });
  }, [rows]);
  const positions = useMemo(() => new Map(rows.map(({ id }, at) => [id, at])), [rows]);
  return (
    <Windowed<Message>
      items={rows}
      keyOf={({ id }) => id}
      stamp={({ id }) => id}
      estimate={110}
      arrive="bottom"
      label="Messages"
      news="new"
      more={older}
      edge={
        list?.older || list?.problem ? <Around list={list} count={rows.length} full={full} reload={reload} /> : null
      }
      show={at}
      row={(message) => {
        const day = days[positions.get(message.id)!];
        return (
          <>
            {day && (
              <p class="day">
                <span>{day}</span>
              </p>
            )}
            <MessageCard message={message} here={message.id === at} heading={heading} answer={answer} />
          </>
        );
      }}
    />
  );
}

/** What the operator has opened, the operator has read. */
function useReading(rows: readonly Message[]): void {
  const unread = rows.filter((message) => isUnreadFor(message, "human"));
  const ids = unread.map(({ id }) => id).join(",");
  useEffect(() => {
    if (standing() === "agent" || document.visibilityState !== "visible") return;
    for (const message of unread) markRead(message).catch(() => {});
  }, [ids]);
}
