// Every view has an address of its own: it survives a reload, can be shared, and is gone back to.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { browse } from "./kit/browser.js";
import { live, show, signIn, until, untroubled } from "./kit/page.js";
import { demo } from "./kit/relay.js";

let relay, browser;

before(async () => {
  relay = await demo();
  browser = await browse();
});
after(async () => {
  await browser?.close();
  await relay?.end();
});

test("what is open, and the filter, stand in the address", async () => {
  const page = await signIn(browser, relay, "#/tasks");
  await page.getByRole("link", { name: "Done", exact: true }).click();
  await page.getByRole("listitem").filter({ hasText: "Search is slow" }).getByRole("link").click();
  const task = page.getByRole("region", { name: /^Task \d+$/ });
  await task.getByText("p95 is at 190 ms.").first().waitFor();
  const address = page.url();
  assert.match(address, /#\/tasks\/\d+\?status=done$/);

  await page.reload();
  await live(page);
  await task.getByText("p95 is at 190 ms.").first().waitFor();
  const shown = await page.getByRole("list", { name: "Tasks" }).innerText();
  assert.ok(shown.includes("Checkout errors") && !shown.includes("Write the notes"), shown);
  assert.equal(page.url(), address);

  await show(page, "#/mail?q=EXPLAIN");
  await page.getByRole("listitem").filter({ hasText: "Two findings" }).waitFor();
  assert.equal(await page.getByRole("searchbox").inputValue(), "EXPLAIN");
  await page.goBack();
  await task.waitFor();
  await page.goForward();
  await until("the search is back", () => page.url().endsWith("q=EXPLAIN"));
  untroubled(page);
  await page.close();
});

test("an address that leads nowhere says so", async () => {
  const page = await signIn(browser, relay);
  for (const [view, words] of [
    ["#/agents/nobody", /not here/],
    ["#/mail/999999", /no message/i],
    ["#/tasks/999999", /no .*task|not here/i],
    ["#/pairs/pzzzzz", /no such pair/i],
  ]) {
    await show(page, view);
    await page.locator("main").getByText(words).first().waitFor();
  }
  await show(page, "#/no-such-view/at/all?x=y");
  await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
  untroubled(page);
  await page.close();
});
