// Callbacks that were given up on, and sending them again.

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { resend } from "../act/call.ts";
import { api } from "../relay.ts";
import { link } from "../router.ts";
import { useAction, useFetched, usePulse } from "../state/hooks.ts";
import { Trouble } from "../ui/state.tsx";
import { Time, useClock, Words } from "../ui/text.tsx";
import type { DeadLetter } from "../wire.ts";

interface Props {
  integration?: string;
  taskId?: number;
  title: string;
}

export function DeadLetters({ integration, taskId, title }: Props): JSX.Element | null {
  const pulse = usePulse(3_000);
  const minute = Math.floor(useClock(30_000) / 30_000);
  const [sent, setSent] = useState(0);
  const agent = integration?.startsWith("agent:");
  const { value, problem } = useFetched(
    async () =>
      agent
        ? []
        : await api.get<DeadLetter[]>("integrations/dead-letters", {
            ...(integration ? { integration } : {}),
            limit: 500,
          }),
    [integration, pulse, minute, sent],
  );
  // Who may not see callbacks is not told about them.
  if (problem) return problem.status === 403 || problem.status === 404 ? null : <Trouble problem={problem} />;
  const letters = (value ?? []).filter((letter) => taskId === undefined || letter.taskId === taskId);
  if (letters.length === 0) return null;
  return (
    <section class="block">
      <h3>{title}</h3>
      <ul class="letters">
        {letters.map((letter) => (
          <Letter
            key={letter.id}
            letter={letter}
            task={taskId === undefined}
            done={() => setSent((count) => count + 1)}
          />
        ))}
      </ul>
    </section>
  );
}

function Letter({ letter, task, done }: { letter: DeadLetter; task: boolean; done: () => void }): JSX.Element {
  const { busy, problem, run } = useAction();
  return (
    <li>
      <div class="letter">
        <p>
          <strong>{letter.event}</strong>{" "}
          {task && (
            <>
              of <a href={link("tasks", letter.taskId)}>task {letter.taskId}</a>{" "}
            </>
          )}
          to <Words of={letter.integration} />
        </p>
        <p class="faint">
          {letter.attempts === 1 ? "1 attempt" : `${letter.attempts} attempts`}, given up{" "}
          <Time at={letter.diedAt} as="ago" />: <Words of={letter.lastError} />
        </p>
        {problem && <Trouble problem={problem} />}
      </div>
      <button type="button" disabled={busy} onClick={() => run(() => resend(letter)).then((ok) => ok && done())}>
        {busy ? "Sending…" : "Send again"}
      </button>
    </li>
  );
}
