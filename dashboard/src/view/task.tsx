// One task: what it is, who has it, and what happened to it.

import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { api, sync } from "../relay.ts";
import { link, type Address } from "../router.ts";
import { useFetched } from "../state/hooks.ts";
import { isFinished } from "../state/select.ts";
import { useStore } from "../state/store.ts";
import { Status } from "../ui/icon.tsx";
import { DetailPane, Facts } from "../ui/pane.tsx";
import { Empty, Loading, Trouble } from "../ui/state.tsx";
import { Body, Name, Time, To, Words } from "../ui/text.tsx";
import type { Task, TaskEvent } from "../wire.ts";
import { ClaimLine } from "./claim.tsx";
import { DeadLetters } from "./dead_letters.tsx";
import { Data } from "./message.tsx";
import { Report } from "./report.tsx";
import { Severity } from "./task_row.tsx";

export function TaskDetail({ address, id }: { address: Address; id: number }): JSX.Element {
  const known = useStore((state) => state.tasks.rows.get(id));
  const { value, problem } = useFetched(() => api.get<Task>(`tasks/${id}`), [id]);
  const task = known ?? value;
  return (
    <DetailPane address={address} label={`Task ${id}`}>
      {task ? (
        <Card task={task} />
      ) : problem?.status === 404 ? (
        <Empty title={`There is no task ${id}.`} />
      ) : problem ? (
        <Trouble problem={problem} />
      ) : (
        <Loading rows={4} />
      )}
    </DetailPane>
  );
}

function Card({ task }: { task: Task }): JSX.Element {
  return (
    <div class="detail-scroll">
      <header class="detail-head">
        <div>
          <h2>
            <Words of={task.title} />
          </h2>
          <p class="sub">
            <Status of={task.status} /> <Severity of={task.severity} /> <span class="faint">#{task.id}</span>
          </p>
        </div>
      </header>
      <ClaimLine what={task} />
      {!isFinished(task) && <Report task={task} />}
      {task.result && (
        <section class="block">
          <h3>Result</h3>
          <Body of={task.result} />
        </section>
      )}
      {task.progress && !task.result && (
        <section class="block">
          <h3>Progress</h3>
          <Body of={task.progress} />
        </section>
      )}
      <section class="block">
        <h3>What it is</h3>
        <Body of={task.body} empty="Nothing but its title." />
        <Data name="meta" of={task.meta} />
      </section>
      <Facts
        of={[
          ["For", <To target={task.target} link />],
          [
            "From",
            <a href={link("tasks", task.id, { source: task.source, status: "all" })}>
              <Words of={task.source} />
            </a>,
          ],
          ["Type", task.type],
          ["Channel", task.channel && <Words of={task.channel} />],
          [
            "Key",
            task.dedupeKey && (
              <span class="mono">
                <Words of={task.dedupeKey} />
              </span>
            ),
          ],
          [
            "Reported",
            task.occurrenceCount > 1 ? (
              <>
                {task.occurrenceCount} times, last <Time at={task.lastSeenAt} as="ago" />
              </>
            ) : undefined,
          ],
          ["Created", <Time at={task.createdAt} as="ago" />],
          ["Message", task.messageId ? <a href={link("mail", task.messageId)}>#{task.messageId}</a> : undefined],
        ]}
      />
      <History task={task} />
      <DeadLetters taskId={task.id} integration={task.source} title="Callbacks given up on" />
    </div>
  );
}

function History({ task }: { task: Task }): JSX.Element {
  const events = useStore((state) => state.histories.get(task.id));
  const { problem, again } = useFetched(() => sync.history(task.id), [task.id]);
  useEffect(() => {
    // A longer history than one answer holds, or an event that came before it: the task itself tells.
    const last = events?.at(-1);
    if (last && last.at < task.updatedAt) again();
  }, [task.updatedAt]);
  return (
    <section class="block">
      <h3>History</h3>
      {problem && <Trouble problem={problem} retry={again} />}
      {!events && !problem && <Loading rows={3} />}
      {events && (
        <ol class="history">
          {events.map((event) => (
            <Entry key={event.id} event={event} />
          ))}
        </ol>
      )}
    </section>
  );
}

const WORDS: Record<TaskEvent["type"], string> = {
  created: "created it",
  repeated: "reported it again",
  claimed: "claimed it",
  progress: "made progress",
  blocked: "is blocked",
  released: "gave it back",
  done: "finished it",
  failed: "could not do it",
  cancelled: "cancelled it",
};

const SHAPES: Partial<Record<TaskEvent["type"], string>> = {
  created: "open",
  repeated: "open",
  progress: "in_progress",
  released: "open",
};

function Entry({ event }: { event: TaskEvent }): JSX.Element {
  const { type, by, data, at } = event;
  const said = [data["progress"], data["result"]].find(
    (text): text is string => typeof text === "string" && text !== "",
  );
  const reason =
    data["reason"] === "lapsed" ? "its claim lapsed" : data["reason"] === "offline" ? "it went offline" : "";
  const count =
    type === "repeated" && typeof data["occurrenceCount"] === "number" ? ` (${data["occurrenceCount"]})` : "";
  return (
    <li>
      <Status of={SHAPES[type] ?? type} quiet />
      <div>
        <p>
          {by ? <Name id={by} to /> : "The source"} {by || type === "created" || type === "repeated" ? "" : "says: "}
          {reason ? `lost it: ${reason}` : WORDS[type]}
          {count}
          <span class="row-time">
            <Time at={at} />
          </span>
        </p>
        {said && <Body of={said} />}
      </div>
    </li>
  );
}
