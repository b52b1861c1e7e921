// The page's frame: the rail of views, and the view.

import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { open } from "./ui/dialog.tsx";
import { Dialogs } from "./ui/dialogs.tsx";
import { Surroundings } from "./ui/surroundings.tsx";
import { Shortcuts } from "./ui/shortcuts.tsx";
import { Announcer } from "./ui/announcer.tsx";
import type { Problem } from "./api/problem.ts";
import { Empty } from "./ui/state.tsx";
import { useAddress, type Address } from "./router.ts";
import { MINE } from "./state/list.ts";
import { useStore } from "./state/store.ts";
import { Rail } from "./ui/rail.tsx";
import { Agents } from "./view/agents.tsx";
import { Channels } from "./view/channels.tsx";
import { Mail } from "./view/mail.tsx";
import { OverviewPage } from "./view/overview.tsx";
import { Pairs } from "./view/pairs.tsx";
import { Tasks } from "./view/tasks.tsx";

const TITLES = {
  overview: "Overview",
  agents: "Agents",
  mail: "Conversation",
  pairs: "Pairs",
  tasks: "Tasks",
  channels: "Channels",
  integrations: "Integrations",
};

export function App(): JSX.Element {
  const address = useAddress();
  const main = useRef<HTMLElement>(null);
  const refused = useStore((state) => (state.link.phase === "refused" ? state.link.problem : undefined));
  useTitle(address);
  useEffect(() => {
    if (refused) open("token");
  }, [refused]);

  return (
    <Surroundings>
      <div class={`shell${address.id ? " opened" : ""}`}>
        <button type="button" class="skip" onClick={() => main.current?.focus()}>
          Skip to the content
        </button>
        <Rail address={address} />
        <main ref={main} tabIndex={-1} aria-label={TITLES[address.view]}>
          {refused ? <Refused problem={refused} /> : <Shown address={address} />}
        </main>
        <Dialogs />
        <Shortcuts address={address} />
        <Announcer />
      </div>
    </Surroundings>
  );
}

function Refused({ problem }: { problem: Problem }): JSX.Element {
  return (
    <div class="page">
      <Empty title={problem.status === 401 ? "This relay asks for a token." : "The relay does not let this page in."}>
        {problem.status !== 401 && <p>{problem.message}</p>}
        <p>
          <button type="button" class="primary" onClick={() => open("token")}>
            Enter a token
          </button>
        </p>
      </Empty>
    </div>
  );
}

function Shown({ address }: { address: Address }): JSX.Element {
  switch (address.view) {
    case "overview":
      return <OverviewPage />;
    case "agents":
      return <Agents address={address} />;
    case "mail":
      return <Mail address={address} />;
    case "pairs":
      return <Pairs address={address} />;
    case "tasks":
      return <Tasks address={address} />;
    case "channels":
    case "integrations":
      return <Channels address={address} />;
  }
}

function useTitle({ view, id }: Address): void {
  const unread = useStore((state) => state.lists.get(MINE)?.ids.length ?? 0);
  useEffect(() => {
    document.title = `${unread ? `(${unread}) ` : ""}${id ? `${id} · ` : ""}${TITLES[view]} · Agent Relay`;
  }, [view, id, unread]);
}
