// Who read, handled, claimed and answered a message, and when.

import type { JSX } from "preact";
import { api } from "../relay.ts";
import { link } from "../router.ts";
import { useFetched } from "../state/hooks.ts";
import { useStore } from "../state/store.ts";
import { Trouble } from "../ui/state.tsx";
import { Name, Time, Words } from "../ui/text.tsx";
import type { Message, Receipt } from "../wire.ts";

export function Receipts({ message }: { message: Message }): JSX.Element {
  // Whatever an event says of the message may be a receipt.
  const touched = useStore((state) => state.messages.touched.get(message.id));
  const replies = useStore((state) => state.lists.get(`messages?thread=${message.threadId}`)?.ids.length);
  const { value, problem } = useFetched(
    () => api.get<Receipt[]>(`messages/${message.id}/receipts`),
    [message.id, touched, replies],
  );
  if (problem) return <Trouble problem={problem} />;
  if (!value) return <p class="faint">Loading…</p>;
  if (value.length === 0) return <p class="faint receipts">Stored. Nobody has read it yet.</p>;
  return (
    <div class="receipts" role="region" aria-label="Receipts" tabIndex={0}>
      <table>
        <thead>
          <tr>
            <th scope="col">Agent</th>
            <th scope="col">Read</th>
            <th scope="col">Handled</th>
            <th scope="col">Claimed</th>
            <th scope="col">Done</th>
            <th scope="col">Answered</th>
          </tr>
        </thead>
        <tbody>
          {value.map((receipt) => (
            <tr key={receipt.agentId}>
              <th scope="row">
                <Name id={receipt.agentId} to />
                {receipt.via && (
                  <small class="faint">
                    {" via "}
                    <Words of={receipt.via} />
                  </small>
                )}
              </th>
              <Moment at={receipt.readAt} />
              <Moment at={receipt.handledAt} />
              <Moment at={receipt.claimedAt} />
              <Moment at={receipt.doneAt} />
              <td>
                {receipt.answeredAt && receipt.answerId ? (
                  <a href={link("mail", message.threadId, { message: String(receipt.answerId) })}>
                    <Time at={receipt.answeredAt} />
                  </a>
                ) : (
                  "–"
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Moment({ at }: { at: number | null | undefined }): JSX.Element {
  return <td>{at ? <Time at={at} /> : "–"}</td>;
}
