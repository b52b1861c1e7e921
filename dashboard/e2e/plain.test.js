// The page by itself: its weight, its policy, and what it is where it cannot run.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { browse } from "./kit/browser.js";
import { show, signIn, until, untroubled, VIEWS } from "./kit/page.js";
import { Relay } from "./kit/relay.js";

const MOST_BYTES = 80_000;
let relay;

before(async () => {
  relay = await Relay.start();
});
after(() => relay?.end());

test("all of it takes less than 80 kB, and nothing comes from elsewhere", async (t) => {
  const browser = await browse();
  t.after(() => browser.close());
  const files = new Map();
  const foreign = [];
  const page = await browser.page();
  const asked = new Set();
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.origin !== relay.url) foreign.push(url.href);
    if (!url.pathname.startsWith("/api")) asked.add(url.pathname);
  });
  page.on("requestfinished", async (request) => {
    const { pathname } = new URL(request.url());
    if (asked.has(pathname)) files.set(pathname, (await request.sizes()).responseBodySize);
  });
  const alice = await relay.agent("alice");
  await alice.send("human", "Something to draw.");
  await page.goto(await relay.signedIn());
  await page.locator("canvas").first().waitFor();
  for (const view of VIEWS) await show(page, `#/${view}`);
  await until("every file is weighed", () => files.size === asked.size);
  const total = [...files.values()].reduce((sum, size) => sum + size, 0);
  t.diagnostic(`${total} bytes in ${files.size} files`);
  assert.ok(files.size >= 3 && total > 10_000, "something was loaded");
  assert.ok(total < MOST_BYTES, `${total} bytes: ${JSON.stringify([...files])}`);
  assert.deepEqual(foreign, []);
  untroubled(page);
});

test("every view keeps to the policy, which allows nothing inline", async (t) => {
  const browser = await browse();
  t.after(() => browser.close());
  const page = await signIn(browser, relay);
  const policy = (await page.request.get(relay.url)).headers()["content-security-policy"];
  assert.match(policy, /default-src 'self'/);
  assert.doesNotMatch(policy, /unsafe/);
  await page.evaluate(() => {
    window.refused = [];
    addEventListener("securitypolicyviolation", (event) => window.refused.push(`${event.effectiveDirective} ${event.sourceFile}`));
  });
  for (const view of VIEWS) await show(page, `#/${view}`);
  for (const key of ["?", "Escape", "c", "Escape", "p", "Escape"]) await page.keyboard.press(key);
  assert.deepEqual(await page.evaluate(() => window.refused), []);
  untroubled(page);
});

test("without JavaScript it says what it is", async (t) => {
  const browser = await browse({ javaScriptEnabled: false });
  t.after(() => browser.close());
  const page = await browser.page();
  await page.goto(relay.url);
  const text = await page.locator("body").innerText();
  assert.match(text, /Agent Relay/);
  assert.match(text, /JavaScript/);
  assert.match(text, /agent-relay status/);
});

test("a relay without a build says how to build it, and its API goes on", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "relay-no-page-"));
  const bare = await Relay.start({ env: { AGENT_RELAY_DASHBOARD_DIR: folder } });
  const browser = await browse();
  t.after(async () => {
    await browser.close();
    await bare.end();
    rmSync(folder, { recursive: true });
  });
  const page = await browser.page();
  const answer = await page.goto(bare.url);
  assert.equal(answer.status(), 200);
  const text = await page.locator("body").innerText();
  assert.match(text, /has not been built/);
  assert.match(text, /cargo xtask serve/);
  assert.notEqual(await page.locator("section").first().evaluate((element) => getComputedStyle(element).borderStyle), "none", "its style is allowed");
  await bare.agent("alice");
  untroubled(page);
});
