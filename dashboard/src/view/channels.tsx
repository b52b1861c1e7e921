// Where conversations come from and go to, and who creates work.

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { api } from "../relay.ts";
import { link, type Address } from "../router.ts";
import { useFetched, usePoll, usePulse, type Fetched } from "../state/hooks.ts";
import { Status } from "../ui/icon.tsx";
import { DetailPane, Facts, ListPane, Nothing } from "../ui/pane.tsx";
import { Empty, Loading, Trouble } from "../ui/state.tsx";
import { Time, To, useClock, Words } from "../ui/text.tsx";
import type { Channel, Integration } from "../wire.ts";
import { DeadLetters } from "./dead_letters.tsx";

export function Channels({ address }: { address: Address }): JSX.Element {
  const pulse = usePulse(2_000);
  const minute = Math.floor(useClock(30_000) / 30_000);
  const channels = useFetched(() => api.get<Channel[]>("channels"), [pulse, minute]);
  // No event tells what became of a callback.
  const [awaited, setAwaited] = useState(false);
  const poll = usePoll(2_000, awaited);
  const integrations = useFetched(async () => {
    const read = await api.get<Integration[]>("integrations");
    setAwaited(read.some(({ waitingCallbacks }) => waitingCallbacks > 0));
    return read;
  }, [pulse, minute, poll]);
  return (
    <div class="panes">
      <ListPane title="Channels and integrations">
        <div class="scroller" data-roving="" onKeyDown={walk}>
          <h2 class="list-head">Channels</h2>
          <Rows of={channels} none={<NoChannels />}>
            {(channel) => (
              <a
                key={channel.id}
                class="row"
                href={link("channels", channel.id)}
                aria-current={address.view === "channels" && address.id === channel.id ? "true" : undefined}
              >
                <span class="row-top">
                  <strong class="row-title">
                    <Words of={channel.name} />
                  </strong>
                  <Status of={channel.status} />
                </span>
                <span class="row-low">
                  <span class="chip">{channel.type}</span>
                  <span class="row-text">
                    {channel.bindings.length === 1 ? "1 conversation" : `${channel.bindings.length} conversations`}
                  </span>
                  <span class="row-time">
                    <Time at={channel.lastSeenAt} />
                  </span>
                </span>
              </a>
            )}
          </Rows>
          <h2 class="list-head">Integrations</h2>
          <Rows of={integrations} none={<NoIntegrations />}>
            {(integration) => (
              <a
                key={integration.name}
                class="row"
                href={link("integrations", integration.name)}
                aria-current={address.view === "integrations" && address.id === integration.name ? "true" : undefined}
              >
                <span class="row-top">
                  <strong class="row-title">
                    <Words of={integration.name} />
                  </strong>
                  {integration.deadLetters > 0 && <span class="chip warn">{integration.deadLetters} given up</span>}
                </span>
                <span class="row-low">
                  <span class="row-text">
                    {integration.activeTasks} active of {integration.tasks} tasks
                    {integration.configured ? "" : " · not in the settings any more"}
                  </span>
                  <span class="row-time">
                    {integration.lastSeenAt ? <Time at={integration.lastSeenAt} /> : "never seen"}
                  </span>
                </span>
              </a>
            )}
          </Rows>
        </div>
      </ListPane>
      <Detail address={address} channels={channels} integrations={integrations} />
    </div>
  );
}

/** Rows that are all drawn are walked through like those of long lists. */
function walk(event: KeyboardEvent & { currentTarget: HTMLElement }): void {
  const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key];
  if (!step) return;
  const rows = [...event.currentTarget.querySelectorAll<HTMLElement>("a.row")];
  const at = rows.indexOf(document.activeElement as HTMLElement);
  rows[Math.max(0, Math.min(rows.length - 1, at + step))]?.focus();
  event.preventDefault();
}

function Rows<T>({
  of,
  none,
  children,
}: {
  of: Fetched<T[]>;
  none: JSX.Element;
  children: (row: T) => JSX.Element;
}): JSX.Element {
  if (of.problem) return <Trouble problem={of.problem} retry={of.again} />;
  if (!of.value) return <Loading rows={2} />;
  return of.value.length === 0 ? none : <>{of.value.map(children)}</>;
}

function Detail({
  address,
  channels,
  integrations,
}: {
  address: Address;
  channels: Fetched<Channel[]>;
  integrations: Fetched<Integration[]>;
}): JSX.Element {
  const { view, id } = address;
  if (!id) return <Nothing>Open a channel or an integration.</Nothing>;
  if (view === "channels") {
    const channel = channels.value?.find((channel) => channel.id === id);
    return (
      <DetailPane address={address} label={`Channel ${id}`}>
        {channel ? (
          <ChannelCard channel={channel} />
        ) : channels.value ? (
          <Empty title="There is no such channel." />
        ) : (
          <Loading rows={3} />
        )}
      </DetailPane>
    );
  }
  const integration = integrations.value?.find(({ name }) => name === id);
  return (
    <DetailPane address={address} label={`Integration ${id}`}>
      {integration ? (
        <IntegrationCard integration={integration} />
      ) : integrations.value ? (
        <Empty title="There is no such integration." />
      ) : (
        <Loading rows={3} />
      )}
    </DetailPane>
  );
}

function ChannelCard({ channel }: { channel: Channel }): JSX.Element {
  return (
    <div class="detail-scroll">
      <header class="detail-head">
        <div>
          <h2>
            <Words of={channel.name} />
          </h2>
          <p class="sub">
            <Status of={channel.status} /> <span class="chip">{channel.type}</span>
          </p>
        </div>
        <div class="actions">
          <a class="button" href={link("agents", channel.id)}>
            Its agent
          </a>
        </div>
      </header>
      <Facts
        of={[
          [
            "Agent",
            <span class="mono">
              <Words of={channel.id} />
            </span>,
          ],
          ["Last seen", <Time at={channel.lastSeenAt} as="ago" />],
        ]}
      />
      <section class="block">
        <h3>Conversations</h3>
        {channel.bindings.length === 0 && (
          <p class="faint">None is bound: what people write there is for nobody here yet.</p>
        )}
        {channel.bindings.length > 0 && (
          <table class="plain-table">
            <thead>
              <tr>
                <th scope="col">There</th>
                <th scope="col">Here</th>
              </tr>
            </thead>
            <tbody>
              {channel.bindings.map(({ chat, target }) => (
                <tr key={chat}>
                  <td>
                    <Words of={chat} />
                  </td>
                  <td>
                    <To target={target} link />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </section>
    </div>
  );
}

function IntegrationCard({ integration }: { integration: Integration }): JSX.Element {
  const list = (words: readonly string[]) =>
    words.includes("*") ? "all" : words.length === 0 ? "none" : <Words of={words.join(", ")} />;
  const { waitingCallbacks, deadLetters } = integration;
  return (
    <div class="detail-scroll">
      <header class="detail-head">
        <div>
          <h2>
            <Words of={integration.name} />
          </h2>
          <p class="sub">
            {integration.configured ? "configured" : "not in the settings any more; its tasks are kept"}
          </p>
        </div>
        <div class="actions">
          <a class="button" href={link("tasks", undefined, { source: integration.name, status: "all" })}>
            Its tasks
          </a>
        </div>
      </header>
      <Facts
        of={[
          ["Tasks", `${integration.activeTasks} active, ${integration.tasks} in all`],
          ["May", integration.configured ? list(integration.scopes) : undefined],
          ["Targets", integration.configured ? list(integration.targets) : undefined],
          ["Channels", integration.configured ? list(integration.channels) : undefined],
          [
            "Callbacks",
            integration.callback ? `${waitingCallbacks} waiting, ${deadLetters} given up on` : "not called back",
          ],
          ["Last event", integration.lastSeenAt ? <Time at={integration.lastSeenAt} as="ago" /> : "none yet"],
        ]}
      />
      {deadLetters > 0 && <DeadLetters integration={integration.name} title="Callbacks given up on" />}
    </div>
  );
}

function NoChannels(): JSX.Element {
  return (
    <Empty title="No channel.">
      <p>A channel carries conversations to where people already talk, Telegram for one.</p>
    </Empty>
  );
}

function NoIntegrations(): JSX.Element {
  return (
    <Empty title="No integration.">
      <p>Monitoring, a CI or a support desk creates work through one; they stand in AGENT_RELAY_INTEGRATIONS.</p>
    </Empty>
  );
}
