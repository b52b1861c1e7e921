// What happens is on the page at once, and what is done on the page reaches the agents in their terminals.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { browse } from "./kit/browser.js";
import { compose, show, signIn, until, untroubled } from "./kit/page.js";
import { Relay } from "./kit/relay.js";

let relay, browser;

before(async () => {
  relay = await Relay.start();
  browser = await browse();
});
after(async () => {
  await browser?.close();
  await relay?.end();
});

test("a message is there without a reload, and says that it is new", async () => {
  const page = await signIn(browser, relay, "#/mail");
  const alice = await relay.agent("alice", { label: "Alice" });
  await page.getByText("No messages yet").or(page.getByRole("list", { name: "Threads" })).first().waitFor({ state: "attached" });
  await page.evaluate(() => (window.kept = true));
  await alice.send("human", "The migration is done.");
  const row = page.getByRole("listitem").filter({ hasText: "The migration is done." });
  await row.waitFor();
  assert.match(await row.innerText(), /Alice/);
  assert.match(await row.innerText(), /new/);
  await show(page, "#/agents");
  await relay.agent("late-comer", { label: "Late" });
  await page.getByRole("listitem").filter({ hasText: "Late" }).waitFor();
  assert.equal(await page.evaluate(() => window.kept), true, "the page was not loaded anew");
  untroubled(page);
  await page.close();
});

test("what is written on the page arrives in a terminal, and its answer on the page", async () => {
  const page = await signIn(browser, relay);
  const bob = await relay.joined("bob");
  bob.type("inbox", "--wait");
  await compose(page, { to: "bob", text: "Which branch is it?" });
  const line = await bob.line("Which branch is it?");
  assert.match(line, /^\[msg:\d+\] from human: Which branch is it\?$/, "verified: nothing says otherwise");
  const id = line.match(/msg:(\d+)/)[1];

  assert.equal(await bob.run("reply", id, "main, since noon"), 0, bob.talk);
  const thread = page.getByRole("region", { name: `Thread ${id}` });
  await thread.getByText("main, since noon").waitFor();

  bob.type("inbox", "--wait");
  await thread.getByRole("textbox", { name: "Answer" }).fill("Thanks, I wait for it.");
  await thread.getByRole("button", { name: "Send" }).click();
  assert.match(await bob.line("Thanks, I wait for it."), /from human/);
  untroubled(page);
  await page.close();
});

test("of two who claim one has it, and the page shows which", async () => {
  const page = await signIn(browser, relay);
  const two = { carol: await relay.joined("carol", "--cap", "review"), dave: await relay.joined("dave", "--cap", "review") };
  await compose(page, { to: "cap:review", text: "Review the pull request.", what: "Work" });
  const thread = page.getByRole("region", { name: /^Thread \d+$/ });
  await thread.getByText("Review the pull request.").first().waitFor();
  const id = (await thread.getAttribute("aria-label")).match(/\d+/)[0];

  const tried = await Promise.all(Object.entries(two).map(async ([name, terminal]) => [name, await terminal.run("claim", id)]));
  const [won, lost] = [0, 1].map((code) => tried.filter(([, ended]) => ended === code).map(([name]) => name));
  assert.deepEqual([won.length, lost.length], [1, 1], JSON.stringify(tried));

  const claim = thread.locator(".claim");
  await claim.getByText(won[0]).waitFor();
  assert.ok(!(await claim.innerText()).includes(lost[0]), await claim.innerText());

  assert.equal(await two[won[0]].run("done", id), 0);
  await until("the page shows it as done", async () => (await claim.innerText()).includes("done"));
  untroubled(page);
  await page.close();
});
