// One pair: watched, or, by one of its two, talked in.

import type { JSX } from "preact";
import { actOnPair, sayInPair } from "../act/call.ts";
import { Saying } from "../act/reply.tsx";
import { api } from "../relay.ts";
import type { Address } from "../router.ts";
import { useAction, useFetched, useList } from "../state/hooks.ts";
import { keyOf } from "../state/list.ts";
import { store, useStore } from "../state/store.ts";
import { sameId } from "../text/target.ts";
import { Status } from "../ui/icon.tsx";
import { DetailPane } from "../ui/pane.tsx";
import { Empty, Loading, Trouble } from "../ui/state.tsx";
import { Name, Time, Words } from "../ui/text.tsx";
import type { Message, Pair } from "../wire.ts";
import { Messages } from "./thread.tsx";

export function PairDetail({ address, id }: { address: Address; id: string }): JSX.Element {
  const known = useStore((state) => state.pairs.rows.get(id));
  const { value, problem } = useFetched(() => api.get<Pair>(`pairs/${encodeURIComponent(id)}`), [id]);
  const pair = known ?? value;
  return (
    <DetailPane address={address} label={`Pair ${id}`}>
      {pair ? (
        <Watched pair={pair} />
      ) : problem?.status === 404 ? (
        <Empty title="There is no such pair." />
      ) : problem ? (
        <Trouble problem={problem} />
      ) : (
        <Loading rows={4} />
      )}
    </DetailPane>
  );
}

function Watched({ pair }: { pair: Pair }): JSX.Element {
  const inIt = sameId(pair.initiator, "human") || sameId(pair.partner, "human");
  const { problem, run, busy } = useAction();
  const act = (verb: "accept" | "reject" | "hangup", as: string) => void run(() => actOnPair(pair, verb, as));
  const over = pair.status !== "active" && pair.status !== "pending";
  const invited = pair.status === "pending" && sameId(pair.partner, "human");
  return (
    <>
      <header class="detail-head thin">
        <div>
          <h2>
            <Name id={pair.initiator} to /> ↔ <Name id={pair.partner} to />
          </h2>
          <p class="sub">
            <Status of={pair.status} /> <When pair={pair} />
          </p>
          {pair.objective && (
            <p class="objective">
              <Words of={pair.objective} />
            </p>
          )}
        </div>
        <div class="actions">
          {invited && (
            <>
              <button type="button" class="primary" disabled={busy} onClick={() => act("accept", "human")}>
                Accept
              </button>
              <button type="button" disabled={busy} onClick={() => act("reject", "human")}>
                Decline
              </button>
            </>
          )}
          {!over && !invited && (
            <button type="button" disabled={busy} onClick={() => act("hangup", inIt ? "human" : pair.initiator)}>
              {pair.status === "pending" ? "Take back" : "Hang up"}
            </button>
          )}
        </div>
        {problem && <Trouble problem={problem} />}
      </header>
      <Talk pair={pair} />
      {inIt && pair.status === "active" ? (
        <Saying
          place={`pair.${pair.id}`}
          label="Say something"
          say={async (body) => void (await sayInPair(pair, body))}
        />
      ) : (
        <p class="watching faint">
          {over ? "It is over." : inIt ? "Waiting for an answer." : "You are watching. They do not see you."}
        </p>
      )}
    </>
  );
}

function When({ pair }: { pair: Pair }): JSX.Element {
  const { createdAt, acceptedAt, endedAt, endReason } = pair;
  const reason =
    endReason && endReason !== "unknown"
      ? { hangup: "by hanging up", offline: "because one went offline" }[endReason]
      : "";
  if (endedAt)
    return (
      <span>
        <Time at={endedAt} as="ago" />
        {reason && `, ${reason}`}
      </span>
    );
  return acceptedAt ? (
    <span>
      for <Time at={acceptedAt} as="for" />
    </span>
  ) : (
    <span>
      invited <Time at={createdAt} as="ago" />
    </span>
  );
}

/** What they say is one thread, which the invitation begins. */
function Talk({ pair }: { pair: Pair }): JSX.Element {
  const { value: thread, problem, again } = useFetched(() => threadOf(pair), [pair.id]);
  if (problem) return <Trouble problem={problem} retry={again} />;
  if (thread === undefined) return <Loading rows={4} />;
  if (thread === null) return <Empty title="What they said is not kept any more." />;
  return <Said thread={thread} />;
}

function Said({ thread }: { thread: number }): JSX.Element {
  const listed = useList<Message>(keyOf("messages", { thread: String(thread) }));
  if (listed.rows.length === 0) return <Loading rows={4} />;
  return <Messages {...listed} />;
}

/** A pair does not say where its thread begins; one of its messages does. */
async function threadOf(pair: Pair): Promise<number | null> {
  for (const message of store.get().messages.rows.values()) if (message.pairId === pair.id) return message.threadId;
  let since = 0;
  for (let pages = 0; pages < 20; pages++) {
    const rows = await api.get<Message[]>("messages", {
      kind: "pair",
      from: pair.initiator,
      to: pair.partner,
      since,
      limit: 500,
    });
    const found = rows.find(({ pairId }) => pairId === pair.id);
    if (found) return found.threadId;
    const last = rows.at(-1);
    if (!last || rows.length < 500) return null;
    since = last.id;
  }
  return null;
}
