// Who says what to whom: threads, or the messages that a search or a filter finds.

import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";
import { link, swap, type Address } from "../router.ts";
import { useList } from "../state/hooks.ts";
import { FEED, keyOf, MINE } from "../state/list.ts";
import { threads, type Thread } from "../state/select.ts";
import { useStore } from "../state/store.ts";
import { Icon } from "../ui/icon.tsx";
import { ListPane, Nothing, Tabs } from "../ui/pane.tsx";
import { Search } from "../ui/search.tsx";
import { Windowed } from "../ui/windowed.tsx";
import { Around } from "../ui/around.tsx";
import type { Message } from "../wire.ts";
import { Filters } from "./filters.tsx";
import { MessageRow, ThreadRow } from "./mail_row.tsx";
import { ThreadDetail } from "./thread.tsx";

const NARROWING = ["q", "for", "from", "to", "kind", "channel", "claimable", "unread"];

export function Mail({ address }: { address: Address }): JSX.Element {
  const { filter } = address;
  const narrowed = NARROWING.some((name) => filter[name]);
  const { message: _, ...kept } = filter;
  const chosen = NARROWING.slice(1).filter((name) => filter[name]).length;
  const [open, setOpen] = useState(false);
  const set = (changes: Record<string, string>) => swap(link("mail", address.id, { ...kept, ...changes }));

  return (
    <div class="panes">
      <ListPane
        title="Conversation"
        tools={
          <>
            <Search label="Search messages" value={filter["q"] ?? ""} pause={300} set={(q) => set({ q })} />
            <button
              type="button"
              class={`quiet icon-only${chosen > 0 ? " on" : ""}`}
              aria-expanded={open}
              aria-label={chosen > 0 ? `Filters, ${chosen} set` : "Filters"}
              title="Filters"
              onClick={() => setOpen(!open)}
            >
              <Icon name="filter" />
            </button>
          </>
        }
      >
        <MailTabs address={address} />
        {(open || (chosen > 0 && filter["for"] !== "human" && filter["claimable"] !== "true")) && (
          <Filters filter={filter} set={set} />
        )}
        {narrowed ? <Found address={address} kept={kept} /> : <Threads address={address} />}
      </ListPane>
      {address.id ? (
        <ThreadDetail key={address.id} address={address} id={Number(address.id)} />
      ) : (
        <Nothing>Open a thread to read it. Press c to write.</Nothing>
      )}
    </div>
  );
}

export function MailTabs({ address }: { address: Address }): JSX.Element {
  const unread = useStore((state) => state.lists.get(MINE)?.ids.length ?? 0);
  const { view, filter } = address;
  const only = (name: string, value: string) => view === "mail" && filter[name] === value;
  const mine = only("for", "human");
  const work = only("claimable", "true");
  return (
    <Tabs
      label="Which messages"
      items={[
        { href: link("mail"), title: "Threads", here: view === "mail" && !mine && !work },
        { href: link("mail", undefined, { for: "human" }), title: "For you", here: mine, count: unread },
        { href: link("mail", undefined, { claimable: "true" }), title: "Work", here: work },
        { href: link("pairs"), title: "Pairs", here: view === "pairs" },
      ]}
    />
  );
}

function Threads({ address }: { address: Address }): JSX.Element {
  const { list, rows, older, reload, full } = useList<Message>(FEED);
  const all = useMemo(() => threads(rows), [rows]);
  const edge = <Around list={list} count={all.length} full={full} reload={reload} end="That is all there is." />;
  return (
    <Windowed<Thread>
      items={all}
      keyOf={({ id }) => id}
      stamp={({ last }) => last.id}
      estimate={60}
      arrive="top"
      label="Threads"
      roving
      more={older}
      edge={edge}
      show={address.id === undefined ? undefined : Number(address.id)}
      row={(thread, focusable) => (
        <ThreadRow
          thread={thread}
          href={link("mail", thread.id)}
          here={address.id === String(thread.id)}
          {...focusable}
        />
      )}
    />
  );
}

function Found({ address, kept }: { address: Address; kept: Record<string, string> }): JSX.Element {
  const { list, rows, older, reload, full } = useList<Message>(keyOf("messages", kept));
  const newest = useMemo(() => rows.toReversed(), [rows]);
  const at = Number(address.filter["message"]);
  const none = kept["q"] ? "No message has all these words." : "No message fits.";
  return (
    <Windowed<Message>
      items={newest}
      keyOf={({ id }) => id}
      stamp={({ id }) => id}
      estimate={60}
      arrive="top"
      label="Messages found"
      roving
      more={older}
      edge={
        <Around list={list} count={rows.length} full={full} reload={reload} end="That is all there is." none={none} />
      }
      show={at || undefined}
      row={(message, focusable) => (
        <MessageRow
          message={message}
          href={link("mail", message.threadId, { ...kept, message: String(message.id) })}
          here={message.id === at}
          {...focusable}
        />
      )}
    />
  );
}
