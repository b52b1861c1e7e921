// Single keys that work wherever nothing is being typed.

import { useEffect } from "preact/hooks";
import { go, link, type Address, type View } from "../router.ts";
import { open } from "./dialog.tsx";

const KEY = "agent-relay.keys";
const PLACES: Record<string, View> = { o: "overview", a: "agents", m: "mail", p: "pairs", t: "tasks", c: "channels" };
/** How long `g` waits for the letter that says where. */
const CHORD = 1_500;

/** Single keys disturb who dictates: they can be switched off. */
export function keysAreOn(): boolean {
  try {
    return localStorage.getItem(KEY) !== "off";
  } catch {
    return true;
  }
}

export function switchKeys(on: boolean): void {
  try {
    localStorage.setItem(KEY, on ? "on" : "off");
  } catch {
    // Without storage they stay on.
  }
}

export function Shortcuts({ address }: { address: Address }): null {
  useEffect(() => {
    let going = -CHORD;
    const press = (event: KeyboardEvent) => {
      if (
        event.defaultPrevented ||
        event.ctrlKey ||
        event.metaKey ||
        event.altKey ||
        document.querySelector("dialog[open]")
      )
        return;
      const typing = isTyping(event.target as HTMLElement);
      if (event.key === "Escape") {
        if (typing) (event.target as HTMLElement).blur();
        else if (address.id) back(address);
        return;
      }
      if (typing || !keysAreOn()) return;
      const place = PLACES[event.key];
      if (event.timeStamp - going < CHORD && place) {
        going = -CHORD;
        event.preventDefault();
        go(link(place));
        return;
      }
      going = event.key === "g" ? event.timeStamp : -CHORD;
      if (act(event.key)) event.preventDefault();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, [address]);
  return null;
}

/** From what is open back to its list, with the focus on the row it was opened from. */
export function back({ view, filter }: Address): void {
  const { message: _, ...rest } = filter;
  go(link(view, undefined, rest));
  requestAnimationFrame(() => requestAnimationFrame(focusRow));
}

function focusRow(): boolean {
  const row = document.querySelector<HTMLElement>('[data-roving] [tabindex="0"]');
  row?.focus();
  return row !== null;
}

function act(key: string): boolean {
  switch (key) {
    case "?":
      open("keys");
      return true;
    case "c":
      open("compose");
      return true;
    case "p":
      open("invite");
      return true;
    case "/":
      return focus('input[type="search"]') || searchMail();
    case "r":
      return focus("[data-reply]");
    case "j":
    case "k":
      return document.activeElement?.closest("[data-roving]") ? false : focusRow();
    default:
      return false;
  }
}

/** Where nothing can be searched, the messages can. */
function searchMail(): boolean {
  go(link("mail"));
  requestAnimationFrame(() => requestAnimationFrame(() => focus('input[type="search"]')));
  return true;
}

function focus(selector: string): boolean {
  const element = document.querySelector<HTMLElement>(selector);
  element?.focus();
  return element !== null;
}

function isTyping(target: HTMLElement): boolean {
  return ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName) || target.isContentEditable;
}
