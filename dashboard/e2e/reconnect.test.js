// The relay's power is cut while the page looks: it says so, comes back by itself, and nothing is lost or doubled.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { browse } from "./kit/browser.js";
import { live, signIn, until, untroubled } from "./kit/page.js";
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

test("over two power cuts every message is on the page once, in order", async () => {
  const alice = await relay.agent("alice");
  const first = await alice.send("human", "step 0 of the work");
  const page = await signIn(browser, relay, `#/mail/${first.id}`);
  const thread = page.getByRole("list", { name: "Messages" });
  let count = 1;
  const say = async (times) => {
    for (let i = 0; i < times; i += 1) {
      await alice.send("human", `step ${count} of the work`, { replyTo: first.id });
      count += 1;
    }
  };
  const steps = async () => (await thread.innerText()).match(/step \d+ of the work/g) ?? [];

  await say(3);
  for (let cut = 0; cut < 2; cut += 1) {
    await relay.kill();
    await page.locator(".connection.lost").waitFor({ state: "attached" });
    assert.match(await page.locator(".connection").first().innerText(), /Reconnecting|Offline/);
    await relay.again();
    // Before the page has noticed, so that it must ask for what it missed.
    await say(3);
    await live(page);
    await say(2);
    await until("the newest is there", async () => (await steps()).includes(`step ${count - 1} of the work`));
    const expected = Array.from({ length: count }, (_, step) => `step ${step} of the work`);
    assert.deepEqual(await steps(), expected);
  }
  untroubled(page);
});
