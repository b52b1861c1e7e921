// What several tests do on the page.

import assert from "node:assert/strict";
import { PATIENCE } from "./relay.js";

/** The views, by what stands in their address. */
export const VIEWS = ["", "agents", "mail", "pairs", "tasks", "channels", "integrations"];

/** Opens the page as the operator, and waits until it is live. */
export async function signIn(browser, relay, view = "#/") {
  const page = await browser.page();
  await page.goto(relay.address ?? (await relay.signedIn()));
  await live(page);
  await show(page, view);
  return page;
}

export async function live(page) {
  await page.locator(".connection.live").waitFor({ state: "attached" });
}

/** Goes to a view without loading the page anew. */
export async function show(page, view) {
  await page.evaluate((view) => (location.hash = view), view);
  await page.waitForFunction(() => !document.querySelector(".loading"));
}

/** Waits until something holds; what it was last is told when it never does. */
export async function until(what, look) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const seen = await look();
    if (seen) return seen;
    if (Date.now() > end) assert.fail(`it never came to pass that ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Nothing went wrong that a person would not see: no error, no refusal by the policy, no dialog. */
export function untroubled(page) {
  assert.deepEqual(page.trouble, []);
}

/** Writes to somebody as a person does. */
export async function compose(page, { to, text, what = "Message" }) {
  await page.getByRole("button", { name: "Compose" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("radio", { name: what }).check();
  await dialog.getByRole("combobox", { name: "To" }).fill(to);
  await dialog.getByLabel("Text", { exact: true }).fill(text);
  await dialog.getByRole("button", { name: "Send" }).click();
  await dialog.waitFor({ state: "detached" });
}
