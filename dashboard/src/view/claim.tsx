// Who has a piece of work, and taking it oneself.

import type { JSX } from "preact";
import { work } from "../act/call.ts";
import { useAction } from "../state/hooks.ts";
import { isFinished, isTask } from "../state/select.ts";
import { sameId } from "../text/target.ts";
import { Status } from "../ui/icon.tsx";
import { useNow } from "../ui/surroundings.tsx";
import { Trouble } from "../ui/state.tsx";
import { Name, Time } from "../ui/text.tsx";
import type { Message, Task } from "../wire.ts";

const STALLED = 15 * 60_000;

export function ClaimLine({ what }: { what: Message | Task }): JSX.Element {
  const { claim } = what;
  const { busy, problem, run } = useAction();
  const now = useNow();
  const finished = isTask(what) ? isFinished(what) : !!claim?.doneAt;
  const expired = !isTask(what) && !!what.expiresAt && what.expiresAt <= now;
  const mine = !!claim && sameId(claim.by, "human");
  const act = (verb: "claim" | "release" | "done") => void run(() => work(what, verb));
  return (
    <div class="claim">
      {!isTask(what) && <Status of={claim?.doneAt ? "done" : claim ? "claimed" : "open"} />}
      <span class="claim-text">
        {!claim && !finished && "Nobody has it yet."}
        {claim && (
          <>
            <Name id={claim.by} to />{" "}
            {claim.doneAt ? (isTask(what) && what.status !== "done" ? "ended it" : "finished it") : "has had it"}{" "}
            {claim.doneAt ? (
              <Time at={claim.doneAt} as="ago" />
            ) : (
              <>
                for <Time at={claim.at} as="for" />
              </>
            )}
            {!finished && !mine && claim.expiresAt && claim.expiresAt > now && claim.expiresAt - now < 60_000 && (
              <>
                , lapses <Time at={claim.expiresAt} as="until" />
              </>
            )}
            {!finished && now - claim.at > STALLED && !(isTask(what) && now - what.updatedAt < STALLED) && (
              <em> · stalled</em>
            )}
          </>
        )}
      </span>
      {!finished && !expired && (
        <span class="actions">
          {!claim && (
            <button type="button" disabled={busy} onClick={() => act("claim")}>
              Claim
            </button>
          )}
          {mine && !isTask(what) && (
            <button type="button" class="primary" disabled={busy} onClick={() => act("done")}>
              Done
            </button>
          )}
          {mine && (
            <button type="button" disabled={busy} onClick={() => act("release")}>
              Release
            </button>
          )}
        </span>
      )}
      {problem && <Trouble problem={problem} />}
    </div>
  );
}
