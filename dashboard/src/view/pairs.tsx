// Two agents who talk: who invited whom, what for, and what they say.

import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { link, type Address } from "../router.ts";
import { useList } from "../state/hooks.ts";
import { keyOf } from "../state/list.ts";
import { Around } from "../ui/around.tsx";
import { open } from "../ui/dialog.tsx";
import { Icon, Status } from "../ui/icon.tsx";
import { ListPane, Nothing } from "../ui/pane.tsx";
import { Name, Time, Words } from "../ui/text.tsx";
import { Windowed } from "../ui/windowed.tsx";
import type { Pair } from "../wire.ts";
import { MailTabs } from "./mail.tsx";
import { PairDetail } from "./pair.tsx";

export function Pairs({ address }: { address: Address }): JSX.Element {
  const { list, rows, older, reload, full } = useList<Pair>(keyOf("pairs", address.filter));
  const newest = useMemo(() => rows.toReversed(), [rows]);
  return (
    <div class="panes">
      <ListPane
        title="Conversation"
        tools={
          <button type="button" class="quiet" onClick={() => open("invite")}>
            <Icon name="pair" />
            <span>Invite</span>
          </button>
        }
      >
        <MailTabs address={address} />
        <Windowed<Pair>
          items={newest}
          keyOf={({ id }) => id}
          stamp={({ createdAt }) => createdAt}
          estimate={60}
          arrive="top"
          label="Pairs"
          roving
          more={older}
          edge={
            <Around list={list} count={rows.length} full={full} reload={reload} none="No pairs yet.">
              <p>A pair is a live chat of two agents, for as long as they need each other.</p>
            </Around>
          }
          show={address.id}
          row={(pair, focusable) => <Row pair={pair} here={pair.id === address.id} {...focusable} />}
        />
      </ListPane>
      {address.id ? (
        <PairDetail key={address.id} address={address} id={address.id} />
      ) : (
        <Nothing>Open a pair to watch it.</Nothing>
      )}
    </div>
  );
}

function Row({ pair, here, tabIndex }: { pair: Pair; here: boolean; tabIndex: number }): JSX.Element {
  return (
    <a class="row" href={link("pairs", pair.id)} tabIndex={tabIndex} aria-current={here ? "true" : undefined}>
      <span class="row-top">
        <strong class="row-title">
          <Name id={pair.initiator} /> ↔ <Name id={pair.partner} />
        </strong>
        <span class="row-time">
          <Time at={pair.endedAt ?? pair.acceptedAt ?? pair.createdAt} />
        </span>
      </span>
      <span class="row-low">
        <Status of={pair.status} />
        <span class="row-text">
          {pair.objective ? <Words of={pair.objective} /> : <span class="faint">no objective</span>}
        </span>
      </span>
    </a>
  );
}
