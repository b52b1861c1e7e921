// The token: asked for, taken from the address, and kept out of sight.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { browse } from "./kit/browser.js";
import { live, signIn, untroubled } from "./kit/page.js";
import { Relay } from "./kit/relay.js";

const TOKEN = "the-token-of-this-relay";
let relay, browser;

before(async () => {
  relay = await Relay.start({ env: { AGENT_RELAY_TOKEN: TOKEN } });
  browser = await browse();
});
after(async () => {
  await browser?.close();
  await relay?.end();
});

test("a relay with a token is asked with one, and a wrong one is told", async () => {
  const page = await browser.page();
  await page.goto(relay.url);
  const dialog = page.getByRole("dialog", { name: "This relay asks for a token" });
  const enter = async (token) => {
    await dialog.getByLabel("Token", { exact: true }).fill(token);
    await dialog.getByRole("button", { name: "Continue" }).click();
  };
  await enter("another-token-altogether");
  await dialog.getByRole("alert").waitFor();
  assert.equal(await page.locator(".connection.live").count(), 0);
  await enter(TOKEN);
  await live(page);
  assert.equal(await dialog.count(), 0);
  untroubled(page);
  await page.close();
});

test("the token of the address leaves it, and is in no cookie", async () => {
  const page = await signIn(browser, relay);
  const address = page.url();
  assert.ok(!address.includes("arl_operator") && !address.includes("token"), address);
  assert.deepEqual(await browser.context.cookies(), []);
  await page.getByRole("button", { name: "human", exact: true }).waitFor();
  await page.goBack().catch(() => {});
  assert.ok(!page.url().includes("arl_operator"), "not in the history, either");
  untroubled(page);
  await page.close();
});
