// Work with a history: what is open, who has it, how far it is.

import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { link, type Address } from "../router.ts";
import { useList } from "../state/hooks.ts";
import { keyOf } from "../state/list.ts";
import { Around } from "../ui/around.tsx";
import { open } from "../ui/dialog.tsx";
import { Icon } from "../ui/icon.tsx";
import { ListPane, Nothing, Tabs } from "../ui/pane.tsx";
import { Words } from "../ui/text.tsx";
import { Windowed } from "../ui/windowed.tsx";
import type { Task } from "../wire.ts";
import { TaskDetail } from "./task.tsx";
import { TaskRow } from "./task_row.tsx";

const STATES = [
  ["active", "Active"],
  ["all", "All"],
  ["done", "Done"],
  ["failed", "Failed"],
  ["cancelled", "Cancelled"],
] as const;

export function Tasks({ address }: { address: Address }): JSX.Element {
  const { status = "active", source = "", target = "" } = address.filter;
  const query = { status: status === "all" ? "" : status, source, target };
  const { list, rows, older, reload, full } = useList<Task>(keyOf("tasks", query));
  const newest = useMemo(() => rows.toReversed(), [rows]);
  const here = (id: string | number | undefined, changes = {}) => link("tasks", id, { ...address.filter, ...changes });
  return (
    <div class="panes">
      <ListPane
        title="Tasks"
        tools={
          <button type="button" class="quiet" onClick={() => open({ name: "compose", draft: { what: "task" } })}>
            <Icon name="compose" />
            <span>New task</span>
          </button>
        }
      >
        <Tabs
          label="Status"
          items={STATES.map(([word, title]) => ({
            href: here(undefined, { status: word === "active" ? "" : word }),
            title,
            here: status === word,
          }))}
        />
        {(source || target) && (
          <p class="narrowed">
            {source && (
              <>
                from <Words of={source} />{" "}
              </>
            )}
            {target && (
              <>
                for <Words of={target} />{" "}
              </>
            )}
            <a href={here(address.id, { source: "", target: "" })}>Show all</a>
          </p>
        )}
        <Windowed<Task>
          items={newest}
          keyOf={({ id }) => id}
          stamp={({ id }) => id}
          estimate={60}
          arrive="top"
          label="Tasks"
          roving
          more={older}
          edge={
            <Around
              list={list}
              count={rows.length}
              full={full}
              reload={reload}
              none={status === "active" ? "No task is open." : "No task fits."}
              end={status === "active" ? "" : "That is all there is."}
            >
              {status === "active" && (
                <p>Integrations, agents and people create tasks. What is finished is under All.</p>
              )}
            </Around>
          }
          show={address.id === undefined ? undefined : Number(address.id)}
          row={(task, focusable) => (
            <TaskRow task={task} href={here(task.id)} here={address.id === String(task.id)} {...focusable} />
          )}
        />
      </ListPane>
      {address.id ? (
        <TaskDetail key={address.id} address={address} id={Number(address.id)} />
      ) : (
        <Nothing>Open a task to see its history.</Nothing>
      )}
    </div>
  );
}
