// One agent: what it says of itself, what it holds, and what it says to others.

import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { api } from "../relay.ts";
import { link, type Address } from "../router.ts";
import { useFetched, useList } from "../state/hooks.ts";
import { ACTIVE_TASKS, FEED, WORK } from "../state/list.ts";
import { held, isTask, pairOf } from "../state/select.ts";
import { useStore } from "../state/store.ts";
import { parseTarget, sameId } from "../text/target.ts";
import { open } from "../ui/dialog.tsx";
import { Icon, Status } from "../ui/icon.tsx";
import { DetailPane, Facts } from "../ui/pane.tsx";
import { Empty, Loading, Trouble } from "../ui/state.tsx";
import { Name, Time, useClock, Words } from "../ui/text.tsx";
import type { Agent, Message, Pair, Task } from "../wire.ts";
import { MessageRow } from "./mail_row.tsx";
import { TaskRow } from "./task_row.tsx";

export function AgentDetail({ address, id }: { address: Address; id: string }): JSX.Element {
  const agent = useStore(
    (state) => state.agents.rows.get(id) ?? [...state.agents.rows.values()].find((agent) => sameId(agent.id, id)),
  );
  const phase = useStore((state) => state.agentsPhase);
  return (
    <DetailPane address={address} label={`Agent ${id}`}>
      {agent ? <Card agent={agent} /> : phase === "ready" ? <Gone id={id} /> : <Loading rows={4} />}
    </DetailPane>
  );
}

function Card({ agent }: { agent: Agent }): JSX.Element {
  const { id } = agent;
  return (
    <div class="detail-scroll">
      <header class="detail-head">
        <div>
          <h2>
            <Words of={agent.label ?? agent.id} />
          </h2>
          <p class="sub">
            <Status of={agent.status} /> {agent.statusDetail && <Words of={agent.statusDetail} />}
            <span class="faint">
              {" for "}
              <Time at={agent.statusAt} as="for" />
            </span>
          </p>
        </div>
        <div class="actions">
          <button type="button" class="primary" onClick={() => open({ name: "compose", draft: { to: id } })}>
            <Icon name="compose" />
            <span>Message</span>
          </button>
          <button type="button" onClick={() => open({ name: "invite", target: id })}>
            <Icon name="pair" />
            <span>Pair</span>
          </button>
          <button type="button" onClick={() => open({ name: "edit", id })}>
            Label and tags
          </button>
        </div>
      </header>
      <Facts
        of={[
          [
            "Id",
            <span class="mono select">
              <Words of={id} />
            </span>,
          ],
          ["Provider", <Words of={[agent.provider, agent.version].filter(Boolean).join(" ")} />],
          ["Machine", <Words of={agent.machine} />],
          ["Project", agent.project && <Words of={agent.project} />],
          [
            "Folder",
            agent.cwd && (
              <span class="mono">
                <Words of={agent.cwd} />
              </span>
            ),
          ],
          ["Approval", agent.approval],
          ["Takes work", agent.ready ? undefined : "not now"],
          ["Tags", chips(agent.tags)],
          ["Capabilities", chips(agent.capabilities)],
          ["Channels", agent.channels === "all" ? "all" : chips(agent.channels)],
          ["Last seen", <Time at={agent.lastSeenAt} as="ago" />],
          ["Registered", <Time at={agent.createdAt} as="ago" />],
          ["Process", agent.epoch > 1 ? `number ${agent.epoch} under this id` : undefined],
        ]}
      />
      <Busy id={id} />
      <Mail id={id} />
    </div>
  );
}

function chips(words: readonly string[]): JSX.Element | undefined {
  if (words.length === 0) return undefined;
  return (
    <span class="chips">
      {words.map((word) => (
        <span key={word} class="chip">
          <Words of={word} />
        </span>
      ))}
    </span>
  );
}

/** Its pair and what it has claimed. */
function Busy({ id }: { id: string }): JSX.Element | null {
  const work = useList<Message>(WORK).rows;
  const tasks = useList<Task>(ACTIVE_TASKS).rows;
  useList<Pair>("pairs?status=active");
  const pairs = useStore((state) => state.pairs.rows);
  const now = useClock(10_000);
  const pair = pairOf(id, pairs.values());
  const mine = useMemo(() => held(work, tasks, now).filter(({ by }) => sameId(by, id)), [work, tasks, now, id]);
  if (!pair && mine.length === 0) return null;
  return (
    <section class="block">
      <h3>Busy with</h3>
      {pair && (
        <a class="row" href={link("pairs", pair.id)}>
          <span class="row-top">
            <strong class="row-title">
              A pair with <Name id={sameId(pair.initiator, id) ? pair.partner : pair.initiator} />
            </strong>
            <Status of={pair.status} />
          </span>
          {pair.objective && (
            <span class="row-low">
              <span class="row-text">
                <Words of={pair.objective} />
              </span>
            </span>
          )}
        </a>
      )}
      {mine.map(({ what }) =>
        isTask(what) ? (
          <TaskRow key={what.id} task={what} href={link("tasks", what.id)} />
        ) : (
          <MessageRow key={what.id} message={what} href={link("mail", what.threadId)} />
        ),
      )}
    </section>
  );
}

/** The newest of what it wrote and of what was written to it, among what is loaded. */
function Mail({ id }: { id: string }): JSX.Element {
  const feed = useList<Message>(FEED).rows;
  const recent = useMemo(() => {
    const about = ({ from, to }: Message) => {
      const { kind, word } = parseTarget(to);
      return sameId(from, id) || (kind === "agent" && sameId(word, id));
    };
    return feed.filter(about).slice(-8).reverse();
  }, [feed, id]);
  return (
    <section class="block">
      <h3>Lately</h3>
      {recent.map((message) => (
        <MessageRow
          key={message.id}
          message={message}
          href={link("mail", message.threadId, { message: String(message.id) })}
        />
      ))}
      <p class="more-links">
        <a href={link("mail", undefined, { for: id })}>All it may read</a>
        <a href={link("mail", undefined, { for: id, unread: "true" })}>What it has not read</a>
        <a href={link("mail", undefined, { from: id })}>All it wrote</a>
      </p>
    </section>
  );
}

/** Not in the list: removed, or never there. */
function Gone({ id }: { id: string }): JSX.Element {
  const { value, problem } = useFetched<Agent>(() => api.get<Agent>(`agents/${encodeURIComponent(id)}`), [id]);
  if (value) return <Card agent={value} />;
  if (!problem) return <Loading rows={4} />;
  if (problem.status !== 404) return <Trouble problem={problem} />;
  return (
    <Empty title="This agent is not here.">
      <p>
        <Words of={id} /> was removed, or never registered. Its mail is kept:{" "}
        <a href={link("mail", undefined, { from: id })}>what it wrote</a>.
      </p>
    </Empty>
  );
}
