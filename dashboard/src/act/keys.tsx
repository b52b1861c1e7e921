// The keys, on one card.

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Dialog } from "../ui/dialog.tsx";
import { keysAreOn, switchKeys } from "../ui/shortcuts.tsx";

const KEYS: readonly [string, string][] = [
  ["j  k", "Next, previous row"],
  ["Enter", "Open the row"],
  ["Esc", "Back to the list; close"],
  ["/", "Search"],
  ["c", "Compose"],
  ["r", "Reply"],
  ["p", "Invite to a pair"],
  ["g o", "Go to the overview"],
  ["g a", "Go to the agents"],
  ["g m", "Go to the conversation"],
  ["g p", "Go to the pairs"],
  ["g t", "Go to the tasks"],
  ["g c", "Go to the channels"],
  ["Ctrl Enter", "Send what is written"],
  ["?", "This card"],
];

export function Keys(): JSX.Element {
  const [on, setOn] = useState(keysAreOn);
  return (
    <Dialog title="Keys" wide>
      <dl class="keys">
        {KEYS.map(([keys, what]) => (
          <div key={keys}>
            <dt>
              {keys.split(/ +/).map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <label class="check">
        <input
          type="checkbox"
          data-first
          checked={on}
          onChange={(event) => {
            switchKeys(event.currentTarget.checked);
            setOn(event.currentTarget.checked);
          }}
        />
        <span>Single keys are shortcuts</span>
      </label>
    </Dialog>
  );
}
