// The relay at a glance: how much moves, what is stuck, what waits for somebody.

import type { ComponentChildren, JSX } from "preact";
import { useMemo } from "preact/hooks";
import { api } from "../relay.ts";
import { link } from "../router.ts";
import { useFetched, useList, usePulse } from "../state/hooks.ts";
import { FEED } from "../state/list.ts";
import { threads } from "../state/select.ts";
import { span } from "../text/time.ts";
import { open } from "../ui/dialog.tsx";
import { Icon } from "../ui/icon.tsx";
import { Empty, Loading, Trouble } from "../ui/state.tsx";
import { useClock } from "../ui/text.tsx";
import type { Message, Stats } from "../wire.ts";
import { Attention, OpenWork } from "./attention.tsx";
import { ThreadRow } from "./mail_row.tsx";
import { Movement } from "./movement.tsx";

export function OverviewPage(): JSX.Element {
  const pulse = usePulse(1_500);
  const slow = usePulse(5_000);
  const half = Math.floor(useClock(15_000) / 15_000);
  const { value: stats, problem, again } = useFetched(() => api.get<Stats>("stats"), [pulse, half]);
  return (
    <div class="page">
      <div class="pane-head">
        <h1>Overview</h1>
        {stats && <Server stats={stats} />}
        <button type="button" class="quiet icon-only phone-only" aria-label="Who you are" onClick={() => open("token")}>
          <Icon name="person" />
        </button>
      </div>
      {problem && <Trouble problem={problem} retry={again} />}
      {stats && stats.agents.total === 0 && stats.messages.total === 0 ? <Welcome /> : null}
      <Counts stats={stats} />
      <div class="columns">
        <div class="column">
          <Movement pulse={slow + half} />
          <Lately />
        </div>
        <div class="column">
          <Attention stats={stats} />
          <OpenWork />
        </div>
      </div>
    </div>
  );
}

function Server({ stats }: { stats: Stats }): JSX.Element {
  const now = useClock(30_000);
  return (
    <p class="faint server">
      relay {stats.version} · up {span(now - stats.startedAt)} ·{" "}
      {stats.streams === 1 ? "1 stream" : `${stats.streams} streams`}
    </p>
  );
}

function Counts({ stats }: { stats: Stats | undefined }): JSX.Element {
  const { agents, messages, tasks, pairs, callbacks } = stats ?? {};
  const active = tasks && tasks.open + tasks.claimed + tasks.inProgress + tasks.blocked;
  return (
    <ul class="counts" aria-busy={!stats}>
      <Count href={link("agents")} title="Agents" value={agents && agents.total - agents.offline}>
        {agents && `${agents.busy} busy · ${agents.idle} idle${agents.waiting ? ` · ${agents.waiting} waiting` : ""}`}
      </Count>
      <Count href={link("mail")} title="Messages" value={messages?.total}>
        {messages && `${messages.open} open as work · ${messages.claimed} claimed`}
      </Count>
      <Count href={link("tasks")} title="Active tasks" value={active}>
        {tasks &&
          `${tasks.open} open · ${tasks.claimed + tasks.inProgress} in hand${tasks.blocked ? ` · ${tasks.blocked} blocked` : ""}`}
      </Count>
      <Count href={link("pairs")} title="Pairs" value={pairs?.active}>
        {pairs && (pairs.pending ? `${pairs.pending} invited` : pairs.active ? "talking now" : "nobody is talking")}
      </Count>
      <Count href={link("channels")} title="Callbacks waiting" value={callbacks?.waiting}>
        {callbacks && (callbacks.dead ? `${callbacks.dead} given up on` : "none given up on")}
      </Count>
    </ul>
  );
}

function Count({
  href,
  title,
  value,
  children,
}: {
  href: string;
  title: string;
  value: number | undefined;
  children: ComponentChildren;
}): JSX.Element {
  return (
    <li>
      <a href={href} class="card">
        <span class="card-title">{title}</span>
        <span class="card-value">{value === undefined ? "–" : value.toLocaleString("en-GB")}</span>
        <span class="card-note">{children ?? " "}</span>
      </a>
    </li>
  );
}

function Lately(): JSX.Element {
  const { list, rows } = useList<Message>(FEED);
  const latest = useMemo(() => threads(rows).slice(0, 7), [rows]);
  return (
    <section class="panel" aria-label="Lately">
      <header>
        <h2>Lately</h2>
        <a href={link("mail")}>All</a>
      </header>
      {latest.length === 0 &&
        (list?.phase === "ready" ? <Empty title="Nobody has said anything yet." /> : <Loading rows={5} />)}
      {latest.map((thread) => (
        <ThreadRow key={thread.id} thread={thread} href={link("mail", thread.id)} />
      ))}
    </section>
  );
}

function Welcome(): JSX.Element {
  return (
    <section class="panel welcome">
      <h2>Nobody is here yet</h2>
      <p>Agents come when their sessions start. To see the relay work, open two terminals:</p>
      <div class="two">
        <pre>agent-relay join alice{"\n"}agent-relay inbox --wait</pre>
        <pre>agent-relay join bob{"\n"}agent-relay send alice "hello from bob"</pre>
      </div>
      <p class="faint">
        Or{" "}
        <button type="button" class="link" onClick={() => open("compose")}>
          write the first message
        </button>{" "}
        yourself.
      </p>
    </section>
  );
}
