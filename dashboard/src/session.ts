// Who looks at the page: the token, where it comes from and where it is kept.

const KEY = "agent-relay.token";

/**
 * Takes the token out of the address's fragment, where `agent-relay open` puts it, and out of the
 * history with it. What comes after it in the fragment is the view to show. True when there was one.
 */
export function takeToken(): boolean {
  const match = /^#token=([^&#/]+)&?(.*)$/.exec(location.hash);
  if (!match) return false;
  keepToken(decodeURIComponent(match[1] ?? ""), false);
  history.replaceState(null, "", `${location.pathname}${location.search}${match[2] ? `#${match[2]}` : "#/"}`);
  return true;
}

export function token(): string | null {
  return read(() => sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY));
}

/** Keeps the token until the tab is closed, or on this device. */
export function keepToken(secret: string, remember: boolean): void {
  forgetToken();
  read(() => (remember ? localStorage : sessionStorage).setItem(KEY, secret));
}

export function forgetToken(): void {
  read(() => sessionStorage.removeItem(KEY));
  read(() => localStorage.removeItem(KEY));
}

/** Whoever has an agent's token speaks as that agent, which the relay reads from the token. */
export function speaker(): { from?: string } {
  return token()?.startsWith("arl_agent_") ? {} : { from: "human" };
}

/** The same for the calls that name who acts. */
export function actor(): { agentId?: string } {
  return token()?.startsWith("arl_agent_") ? {} : { agentId: "human" };
}

/** In how far the relay knows that it is the operator who speaks. */
export function standing(): "operator" | "agent" | "unproven" {
  const secret = token();
  if (secret?.startsWith("arl_operator_")) return "operator";
  return secret?.startsWith("arl_agent_") ? "agent" : "unproven";
}

/** A browser may refuse all storage; the page then works without it. */
function read<T>(from: () => T): T | null {
  try {
    return from();
  } catch {
    return null;
  }
}
