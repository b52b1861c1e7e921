// A task as a row.

import type { JSX } from "preact";
import { Status } from "../ui/icon.tsx";
import { Name, Time, To, Words } from "../ui/text.tsx";
import type { Task } from "../wire.ts";

export function Severity({ of }: { of: Task["severity"] }): JSX.Element | null {
  if (of === "info") return null;
  const shape = { warning: "!", error: "!!", critical: "!!!" }[of];
  return (
    <span class={`severity v-${of}`}>
      <b aria-hidden="true">{shape}</b> {of}
    </span>
  );
}

export function TaskRow({
  task,
  href,
  here,
  tabIndex,
}: {
  task: Task;
  href: string;
  here?: boolean;
  tabIndex?: number;
}): JSX.Element {
  return (
    <a class="row" href={href} tabIndex={tabIndex} aria-current={here ? "true" : undefined}>
      <span class="row-top">
        <strong class="row-title">
          <Words of={task.title} />
        </strong>
        {task.occurrenceCount > 1 && (
          <span class="count" title={`reported ${task.occurrenceCount} times`}>
            ×{task.occurrenceCount}
          </span>
        )}
        <span class="row-time">
          <Time at={task.updatedAt} />
        </span>
      </span>
      <span class="row-low">
        <Status of={task.status} />
        <Severity of={task.severity} />
        <span class="row-text">
          {task.claim ? <Name id={task.claim.by} /> : <To target={task.target} />}
          {task.progress && (
            <>
              {" · "}
              <Words of={task.progress} />
            </>
          )}
        </span>
      </span>
    </a>
  );
}
