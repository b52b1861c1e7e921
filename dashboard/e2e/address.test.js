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
  const list = page.getByRole("list", { name: "Tasks" });
  await list.getByText("Checkout errors").first().waitFor();
  const shown = await list.innerText();
  assert.ok(!shown.includes("Write the notes"), shown);
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

test("a thread far down in the list is shown there, and what is above it is no news", async () => {
  const page = await signIn(browser, relay, "#/mail");
  const threads = page.getByRole("list", { name: "Threads" });
  const scroller = page.locator(".scroller").first();
  await threads.getByRole("listitem").first().waitFor();
  await scroller.evaluate((element) => (element.scrollTop = element.scrollHeight));
  await threads.getByText("I hung up").last().click();
  await page.getByRole("region", { name: /^Thread / }).waitFor();

  await page.reload();
  await live(page);
  await threads.locator('[aria-current="true"]').waitFor();
  await until("it is scrolled to", () => scroller.evaluate((element) => element.scrollTop > 100));
  assert.equal(await page.locator(".pill").count(), 0, "nothing has come");
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
