// What is stuck, and what waits for somebody to take it.

import type { JSX } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import { sync } from "../relay.ts";
import { link } from "../router.ts";
import { useList } from "../state/hooks.ts";
import { ACTIVE_TASKS, FEED, MINE, WORK } from "../state/list.ts";
import { held, isTask, openWork, waitingMail } from "../state/select.ts";
import { useStore } from "../state/store.ts";
import { oneLine } from "../text/visible.ts";
import { Status } from "../ui/icon.tsx";
import { Name, Time, To, useClock, Words } from "../ui/text.tsx";
import type { Message, Stats, Task } from "../wire.ts";
import { MessageRow } from "./mail_row.tsx";
import { TaskRow } from "./task_row.tsx";

const MOST = 5;

/** Leases are renewed without an event, so what is held is read again while this is looked at. */
const REREAD = 20_000;

function useHeld(): { now: number; work: Message[]; tasks: Task[] } {
  const now = useClock(5_000);
  const turn = Math.floor(now / REREAD);
  useEffect(() => {
    if (document.visibilityState !== "visible") return;
    void sync.reload(WORK);
    void sync.reload(ACTIVE_TASKS);
  }, [turn]);
  return { now, work: useList<Message>(WORK).rows, tasks: useList<Task>(ACTIVE_TASKS).rows };
}

export function Attention({ stats }: { stats: Stats | undefined }): JSX.Element {
  const { now, work, tasks } = useHeld();
  const feed = useList<Message>(FEED).rows;
  const mine = useList<Message>(MINE).rows;
  const agents = useStore((state) => state.agents.rows);
  const waiting = useMemo(() => [...agents.values()].filter(({ status }) => status === "waiting"), [agents]);
  const minute = Math.floor(now / 30_000);
  const unread = useMemo(
    () => waitingMail(feed, now).filter(({ to }) => agents.has(to.replace(/^id:/, ""))),
    [feed, agents, minute],
  );
  const stuck = held(work, tasks, now).filter(({ trouble }) => trouble);
  const blocked = tasks.filter(({ status }) => status === "blocked");
  const dead = stats?.callbacks.dead ?? 0;
  const calm = waiting.length + unread.length + stuck.length + blocked.length + mine.length + dead === 0;

  return (
    <section class="panel" aria-label="Needs attention">
      <header>
        <h2>Needs attention</h2>
      </header>
      {calm && (
        <p class="calm">
          <Status of="done" quiet /> Nothing is stuck.
        </p>
      )}
      <Group title="Waiting for a person" count={waiting.length} all={link("agents", undefined, { status: "waiting" })}>
        {waiting.slice(0, MOST).map((agent) => (
          <a key={agent.id} class="row one" href={link("agents", agent.id)}>
            <Status of="waiting" quiet />
            <span class="row-text">
              <strong>
                <Name id={agent.id} />
              </strong>{" "}
              {agent.statusDetail && <Words of={agent.statusDetail} />}
            </span>
            <span class="row-time">
              <Time at={agent.statusAt} />
            </span>
          </a>
        ))}
      </Group>
      <Group
        title="Unread, for you"
        count={mine.length}
        all={link("mail", undefined, { for: "human", unread: "true" })}
      >
        {mine
          .slice(-MOST)
          .reverse()
          .map((message) => (
            <MessageRow
              key={message.id}
              message={message}
              href={link("mail", message.threadId, { message: String(message.id) })}
            />
          ))}
      </Group>
      <Group title="Claims in trouble" count={stuck.length}>
        {stuck.slice(0, MOST).map(({ what, by, since, expiresAt, trouble }) => (
          <a key={what.id} class="row one" href={isTask(what) ? link("tasks", what.id) : link("mail", what.threadId)}>
            <Status of="claimed" quiet />
            <span class="row-text">
              <Words of={isTask(what) ? what.title : oneLine(what.subject ?? what.body, 60)} />
              <span class="faint">
                {" · "}
                <Name id={by} />
              </span>
            </span>
            <span class="row-time loud">
              {trouble === "lapsing" && expiresAt ? (
                <>
                  lapses <Time at={expiresAt} as="until" />
                </>
              ) : (
                <>
                  stalled for <Time at={since} as="for" />
                </>
              )}
            </span>
          </a>
        ))}
      </Group>
      <Group title="Blocked" count={blocked.length} all={link("tasks")}>
        {blocked.slice(0, MOST).map((task) => (
          <TaskRow key={task.id} task={task} href={link("tasks", task.id)} />
        ))}
      </Group>
      <Group title="Not read for five minutes" count={unread.length} note={`Among the newest ${feed.length} messages.`}>
        {unread
          .slice(-MOST)
          .reverse()
          .map((message) => (
            <a key={message.id} class="row one" href={link("mail", message.threadId, { message: String(message.id) })}>
              <span class="row-text">
                <strong>
                  <To target={message.to} />
                </strong>{" "}
                <span class="faint">
                  from <Name id={message.from} />:
                </span>{" "}
                <Words of={oneLine(message.body, 80)} />
              </span>
              <span class="row-time">
                <Time at={message.createdAt} />
              </span>
            </a>
          ))}
      </Group>
      {dead > 0 && (
        <p class="note-row">
          <Status of="failed" quiet />
          <a href={link("channels")}>
            {dead === 1 ? "1 callback was given up on" : `${dead} callbacks were given up on`}
          </a>
        </p>
      )}
    </section>
  );
}

export function OpenWork(): JSX.Element {
  const work = useList<Message>(WORK).rows;
  const tasks = useList<Task>(ACTIVE_TASKS).rows;
  const now = useClock(20_000);
  const open = useMemo(() => openWork(work, tasks, now), [work, tasks, Math.floor(now / 20_000)]);
  return (
    <section class="panel" aria-label="Open work">
      <header>
        <h2>Open work {open.length > 0 && <span class="count">{open.length}</span>}</h2>
        <a href={link("tasks")}>Tasks</a>
      </header>
      {open.length === 0 && <p class="calm faint">Everything that was offered is taken.</p>}
      {open
        .slice(0, 8)
        .map((what) =>
          isTask(what) ? (
            <TaskRow key={what.id} task={what} href={link("tasks", what.id)} />
          ) : (
            <MessageRow key={what.id} message={what} href={link("mail", what.threadId)} />
          ),
        )}
      {open.length > 8 && (
        <p class="note-row faint">
          and {open.length - 8} more: <a href={link("mail", undefined, { claimable: "true" })}>messages</a>,{" "}
          <a href={link("tasks")}>tasks</a>
        </p>
      )}
    </section>
  );
}

function Group({
  title,
  count,
  all,
  note,
  children,
}: {
  title: string;
  count: number;
  all?: string;
  note?: string;
  children: JSX.Element[];
}): JSX.Element | null {
  if (count === 0) return null;
  return (
    <div class="group">
      <h3 title={note}>
        {title} <span class="count">{count}</span>
        {all && count > MOST && <a href={all}>All</a>}
      </h3>
      {children}
    </div>
  );
}
