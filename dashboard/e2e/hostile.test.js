// Text of others stays text, whatever it holds.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { browse } from "./kit/browser.js";
import { show, signIn, untroubled, VIEWS } from "./kit/page.js";
import { Relay } from "./kit/relay.js";

const LABEL = "<img src=x onerror=alert(1)>";
const SCRIPT = "<script>alert(2)</script><svg onload=alert(3)></svg><a href='javascript:alert(4)'>here</a>";
const BIDI = "invoice \u202Egnp.exe\u202C and \u2066hidden\u2069";
const ANSI = "\u001b[2J\u001b[31mred\u001b[0m and a bell\u0007";
let relay, browser;

before(async () => {
  relay = await Relay.start();
  browser = await browse();
});
after(async () => {
  await browser?.close();
  await relay?.end();
});

test("a label, a body and a task with markup in them are shown as what they are", async () => {
  const mallory = await relay.agent("mallory", { label: LABEL, statusDetail: SCRIPT, project: LABEL });
  const sent = await mallory.send("human", `${SCRIPT}\n${BIDI}\n${ANSI}`, { subject: LABEL });
  const task = await mallory.call("POST", "/api/tasks", { title: LABEL, body: SCRIPT, target: "human" });
  const page = await signIn(browser, relay);
  await page.evaluate(() => {
    window.fired = 0;
    window.alert = () => (window.fired += 1);
  });
  for (const view of [...VIEWS, "agents/mallory", `mail/${sent.id}`, `tasks/${task.id}`, "mail?q=alert", "mail?from=mallory"]) {
    await show(page, `#/${view}`);
    await page.getByText(LABEL, { exact: false }).or(page.locator("main")).first().waitFor();
    const made = await page.evaluate(() => document.querySelectorAll("img, script:not([src]), iframe, main svg [onload], a[href^='javascript']").length);
    assert.equal(made, 0, `something of it became markup in ${view || "overview"}`);
  }
  await show(page, `#/mail/${sent.id}`);
  const article = page.getByRole("article");
  await article.waitFor();
  const shown = await article.innerText();
  assert.ok(shown.includes(SCRIPT), shown);
  for (const hidden of ["\u202E", "\u202C", "\u2066", "\u2069", "\u001b", "\u0007"]) {
    assert.ok(!shown.includes(hidden), `${JSON.stringify(hidden)} reaches the screen`);
  }
  assert.match(shown, /invoice .*gnp\.exe.* and .*hidden/, "in the order in which it was written");
  await show(page, "#/agents/mallory");
  await page.getByRole("heading", { name: LABEL }).waitFor();
  assert.equal(await page.evaluate(() => window.fired), 0);
  untroubled(page);
});
