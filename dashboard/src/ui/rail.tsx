// The rail of views, how the connection is, and who is looking.

import type { JSX } from "preact";
import { sync } from "../relay.ts";
import { link, type Address, type View } from "../router.ts";
import { standing } from "../session.ts";
import { ACTIVE_TASKS, MINE } from "../state/list.ts";
import { useStore } from "../state/store.ts";
import { clock } from "../text/time.ts";
import { open } from "./dialog.tsx";
import { Icon, type IconName } from "./icon.tsx";
import { useClock } from "./text.tsx";

const ITEMS: readonly { view: View; title: string; icon: IconName; also?: View }[] = [
  { view: "overview", title: "Overview", icon: "overview" },
  { view: "agents", title: "Agents", icon: "agents" },
  { view: "mail", title: "Conversation", icon: "mail", also: "pairs" },
  { view: "tasks", title: "Tasks", icon: "tasks" },
  { view: "channels", title: "Channels", icon: "channels", also: "integrations" },
];

export function Rail({ address }: { address: Address }): JSX.Element {
  const waiting = useStore((state) => {
    let count = 0;
    for (const agent of state.agents.rows.values()) if (agent.status === "waiting") count += 1;
    return count;
  });
  const unread = useStore((state) => state.lists.get(MINE)?.ids.length ?? 0);
  const tasks = useStore((state) => state.lists.get(ACTIVE_TASKS)?.ids.length ?? 0);
  const moreTasks = useStore((state) => !!state.lists.get(ACTIVE_TASKS)?.older);
  const counts: Partial<Record<View, { count: number; what: string; loud: boolean; more?: boolean }>> = {
    agents: { count: waiting, what: "waiting for a person", loud: true },
    mail: { count: unread, what: "unread for you", loud: true },
    tasks: { count: tasks, what: "active", loud: false, more: moreTasks },
  };
  return (
    <header class="rail">
      <a class="brand" href={link("overview")} aria-label="Agent Relay">
        <svg viewBox="0 0 32 32" aria-hidden="true">
          <rect width="32" height="32" rx="8" />
          <path d="M10.500 12.500 21 9.500M10.500 15 21 21.500" />
          <circle cx="9" cy="14" r="3.600" />
          <circle cx="22.500" cy="9" r="3.200" />
          <circle cx="22.500" cy="22.500" r="3.200" />
        </svg>
        <span>Agent Relay</span>
      </a>
      <button type="button" class="primary compose" onClick={() => open("compose")} title="Write a message (c)">
        <Icon name="compose" />
        <span>Compose</span>
      </button>
      <nav aria-label="Views">
        {ITEMS.map(({ view, title, icon, also }) => {
          const here = address.view === view || address.view === also;
          const count = counts[view];
          return (
            <a key={view} href={link(view)} aria-current={here ? "page" : undefined}>
              <Icon name={icon} />
              <span class="word">{title}</span>
              {count && count.count > 0 && (
                <span class={`count${count.loud ? " loud" : ""}`} title={`${count.count} ${count.what}`}>
                  {count.count > 999 ? "999+" : `${count.count}${count.more ? "+" : ""}`}
                  <span class="hidden"> {count.what}</span>
                </span>
              )}
            </a>
          );
        })}
      </nav>
      <div class="rail-end">
        <Connection />
        <button type="button" class="quiet" onClick={() => open("token")} title="Who you are to the relay">
          <Icon name="person" />
          <span>{{ operator: "human", agent: "an agent", unproven: "human, unproven" }[standing()]}</span>
        </button>
        <button type="button" class="quiet" onClick={() => open("keys")} title="The keys (?)">
          <Icon name="keys" />
          <span>Keys</span>
        </button>
      </div>
    </header>
  );
}

/** A blip is called reconnecting; what lasts says since when. */
const BLIP = 8_000;

export function Connection(): JSX.Element {
  const state = useStore((state) => state.link);
  const now = useClock(2_000);
  if (state.phase === "live") {
    return (
      <p class="connection live" title={`Connected to relay ${state.version}; what happens is shown at once`}>
        <i aria-hidden="true" />
        <span>Live</span>
      </p>
    );
  }
  if (state.phase === "connecting") return <p class="connection">Connecting…</p>;
  if (state.phase === "refused") {
    return (
      <p class="connection lost">
        <span>{state.problem.status === 401 ? "Token needed" : "Not allowed"}</span>
      </p>
    );
  }
  const long = now - state.since > BLIP || !navigator.onLine;
  return (
    <p class="connection lost">
      <span>
        <i aria-hidden="true" />
        {long ? `Offline since ${clock(state.since)}` : "Reconnecting…"}
      </span>
      {long && (
        <button type="button" class="link" onClick={() => sync.reconnect()}>
          Try now
        </button>
      )}
    </p>
  );
}
