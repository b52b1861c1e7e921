// Who looks: the token, asked for when the relay wants one.

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { forgetToken, keepToken, standing, token } from "../session.ts";
import { useStore } from "../state/store.ts";
import { close, Dialog } from "../ui/dialog.tsx";
import { Field } from "../ui/field.tsx";
import { Trouble } from "../ui/state.tsx";

const WHO = {
  operator: "You are human, the operator: what you send is verified.",
  agent: "You look through an agent's token: you see what it sees, and act for it.",
  unproven: "You act as human, but nothing proves it: what you send is marked as unverified, or refused.",
};

export function TokenPrompt(): JSX.Element {
  const refused = useStore((state) => (state.link.phase === "refused" ? state.link.problem : undefined));
  const [secret, setSecret] = useState("");
  const [remember, setRemember] = useState(false);
  const asked = refused?.status === 401;

  function submit(event: Event): void {
    event.preventDefault();
    if (!secret.trim()) return;
    keepToken(secret.trim(), remember);
    location.reload();
  }

  function signOut(): void {
    forgetToken();
    location.reload();
  }

  return (
    <Dialog title={asked ? "This relay asks for a token" : "Who you are"}>
      <form class="form" onSubmit={submit}>
        {refused && token() ? <Trouble problem={refused} /> : !asked && <p class="form-note">{WHO[standing()]}</p>}
        <p class="form-note">
          <code>agent-relay open</code> opens this page with the operator's token. By hand:{" "}
          <code>agent-relay open --print</code>, or what <code>AGENT_RELAY_TOKEN</code> was set to.
        </p>
        <Field label="Token">
          <input
            data-first
            type="password"
            name="token"
            autocomplete="off"
            required
            value={secret}
            onInput={(event) => setSecret(event.currentTarget.value)}
          />
        </Field>
        <label class="check">
          <input type="checkbox" checked={remember} onChange={(event) => setRemember(event.currentTarget.checked)} />
          <span>Remember on this device, until you sign out</span>
        </label>
        <footer>
          {token() && (
            <button type="button" class="quiet" onClick={signOut}>
              Sign out
            </button>
          )}
          {!asked && (
            <button type="button" class="quiet" onClick={close}>
              Cancel
            </button>
          )}
          <button type="submit" class="primary">
            Continue
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
