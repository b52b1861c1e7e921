// Who is there.

import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { link, swap, type Address } from "../router.ts";
import { sync } from "../relay.ts";
import { mentions, sorted } from "../state/select.ts";
import { useStore } from "../state/store.ts";
import { Status } from "../ui/icon.tsx";
import { ListPane, Nothing, Tabs } from "../ui/pane.tsx";
import { Search } from "../ui/search.tsx";
import { Empty, Loading, Trouble } from "../ui/state.tsx";
import { Time, Words } from "../ui/text.tsx";
import { Windowed } from "../ui/windowed.tsx";
import type { Agent } from "../wire.ts";
import { AgentDetail } from "./agent.tsx";

const STATUSES = ["waiting", "busy", "idle", "offline"] as const;

export function Agents({ address }: { address: Address }): JSX.Element {
  const rows = useStore((state) => state.agents.rows);
  const phase = useStore((state) => state.agentsPhase);
  const problem = useStore((state) => state.agentsProblem);
  const { q = "", status = "" } = address.filter;
  const all = useMemo(() => sorted(rows.values()), [rows]);
  const found = useMemo(() => (q ? all.filter((agent) => mentions(agent, q)) : all), [all, q]);
  const shown = useMemo(() => (status ? found.filter((agent) => agent.status === status) : found), [found, status]);
  const counts = useMemo(() => {
    const counts: Record<string, number> = {};
    for (const { status } of found) counts[status] = (counts[status] ?? 0) + 1;
    return counts;
  }, [found]);

  const tabs = [
    { href: link("agents", address.id, { q }), title: "All", here: !status, count: found.length },
    ...STATUSES.map((word) => ({
      href: link("agents", address.id, { q, status: word }),
      title: word[0]!.toUpperCase() + word.slice(1),
      here: status === word,
      count: counts[word] ?? 0,
    })),
  ];

  return (
    <div class="panes">
      <ListPane
        title="Agents"
        tools={
          <Search
            label="Search agents"
            value={q}
            pause={80}
            set={(q) => swap(link("agents", address.id, { q, status }))}
          />
        }
      >
        <Tabs label="Status" items={tabs} />
        {phase === "failed" && problem && <Trouble problem={problem} retry={() => sync.reconnect()} />}
        {phase === "empty" && <Loading />}
        {phase === "ready" && shown.length === 0 && <None filtered={rows.size > 0} />}
        {shown.length > 0 && (
          <Windowed<Agent>
            items={shown}
            keyOf={({ id }) => id}
            stamp={() => 0}
            estimate={60}
            arrive="top"
            label="Agents"
            roving
            show={address.id}
            row={(agent, focusable) => (
              <Row
                agent={agent}
                href={link("agents", agent.id, { q, status })}
                here={agent.id === address.id}
                {...focusable}
              />
            )}
          />
        )}
      </ListPane>
      {address.id ? (
        <AgentDetail address={address} id={address.id} />
      ) : (
        <Nothing>Open an agent to see what it is and does.</Nothing>
      )}
    </div>
  );
}

function Row({
  agent,
  href,
  here,
  tabIndex,
}: {
  agent: Agent;
  href: string;
  here: boolean;
  tabIndex: number;
}): JSX.Element {
  return (
    <a
      class={`row agent-row${agent.status === "offline" ? " gone" : ""}`}
      href={href}
      tabIndex={tabIndex}
      aria-current={here ? "true" : undefined}
    >
      <span class="row-top">
        <strong class="row-title">
          <Words of={agent.label ?? agent.id} />
        </strong>
        <Status of={agent.status} />
      </span>
      <span class="row-low">
        <span class="row-text">
          <Words
            of={[agent.statusDetail, agent.project, agent.machine].filter(Boolean).join(" · ") || agent.provider}
          />
        </span>
        {agent.tags.slice(0, 2).map((tag) => (
          <span key={tag} class="chip">
            <Words of={tag} />
          </span>
        ))}
        <span class="row-time">
          <Time at={agent.lastSeenAt} />
        </span>
      </span>
    </a>
  );
}

function None({ filtered }: { filtered: boolean }): JSX.Element {
  if (filtered) return <Empty title="No agent fits." />;
  return (
    <Empty title="No agents yet.">
      <p>An agent registers when its session starts. By hand, in a terminal:</p>
      <pre>agent-relay join alice</pre>
    </Empty>
  );
}
