// What is being written. It outlives the dialog and the page, until it was sent or thrown away.

export interface Draft {
  what: "message" | "work" | "task";
  to: string;
  subject: string;
  body: string;
  urgency: "normal" | "later" | "interrupt";
  channel: string;
  severity: "info" | "warning" | "error" | "critical";
}

export const BLANK: Draft = {
  what: "message",
  to: "",
  subject: "",
  body: "",
  urgency: "normal",
  channel: "",
  severity: "info",
};

const PREFIX = "agent-relay.draft.";

/** The draft of a place: the compose dialog, or the answer to a thread. */
export function kept<T>(place: string, blank: T): T {
  try {
    const text = sessionStorage.getItem(PREFIX + place);
    return text ? { ...blank, ...(JSON.parse(text) as Partial<T>) } : blank;
  } catch {
    return blank;
  }
}

export function keep(place: string, draft: unknown): void {
  try {
    if (draft === undefined) sessionStorage.removeItem(PREFIX + place);
    else sessionStorage.setItem(PREFIX + place, JSON.stringify(draft));
  } catch {
    // A browser may refuse all storage; the draft then lives as long as its field.
  }
}

/**
 * A key against sending twice. As long as the same thing is sent, it stays the same, so that a retry
 * after a lost answer gets the first message; when something was changed, it is another message.
 */
export function keyring(): (body: unknown) => string {
  let last: { text: string; key: string } | undefined;
  return (body) => {
    const text = JSON.stringify(body);
    if (last?.text !== text)
      last = { text, key: crypto.randomUUID?.() ?? `web-${Date.now()}-${Math.random().toString(36).slice(2)}` };
    return last.key;
  };
}
