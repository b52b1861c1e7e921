// What a person does on the page, and that it is done: seen from terminals, and from an integration's side.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { browse } from "./kit/browser.js";
import { show, signIn, until, untroubled } from "./kit/page.js";
import { Relay } from "./kit/relay.js";

const TOKEN = "the-token-of-monitoring";
let relay, browser, page, receiver;
/** What the integration was told, how it answers, and until when it keeps the relay waiting. */
const told = [];
let answer = 500;
let refuse;
const refused = new Promise((resolve) => (refuse = resolve));

before(async () => {
  receiver = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => (body += chunk));
    request.on("end", async () => {
      if (answer === 200) told.push(JSON.parse(body).event);
      else await refused;
      response.writeHead(answer).end();
    });
  });
  receiver.listen(0, "127.0.0.1");
  await once(receiver, "listening");
  const callbackUrl = `http://127.0.0.1:${receiver.address().port}/`;
  const integration = { name: "monitoring", token: TOKEN, scopes: ["tasks:create"], targets: ["cap:ops"], callbackUrl };
  relay = await Relay.start({ env: { AGENT_RELAY_INTEGRATIONS: JSON.stringify([integration]), AGENT_RELAY_CALLBACK_RETRY_MS: "0,50" } });
  browser = await browse();
  page = await signIn(browser, relay);
});
after(async () => {
  refuse();
  await browser?.close();
  await relay?.end();
  receiver?.close();
});

test("an agent gets a label and tags", async () => {
  await relay.joined("alice");
  await show(page, "#/agents/alice");
  await page.getByRole("button", { name: "Label and tags" }).click();
  const dialog = page.getByRole("dialog", { name: "Label and tags" });
  await dialog.getByLabel("Label").fill("the backend");
  await dialog.getByLabel("Tags").fill("code  urgent");
  await dialog.getByRole("button", { name: "Save" }).click();
  await page.getByRole("heading", { name: "the backend" }).waitFor();
  const { stdout } = await relay.cli("agents", "--json");
  const alice = JSON.parse(stdout).find(({ id }) => id === "alice");
  assert.deepEqual([alice.label, alice.tags.toSorted()], ["the backend", ["code", "urgent"]]);
  untroubled(page);
});

test("two agents are brought together, and watched", async () => {
  const erin = await relay.joined("erin");
  const frank = await relay.joined("frank");
  await show(page, "#/pairs");
  await page.keyboard.press("p");
  const dialog = page.getByRole("dialog", { name: "Invite to a pair" });
  await dialog.getByRole("combobox", { name: "Who invites" }).fill("erin");
  await dialog.getByRole("combobox", { name: "Who is invited" }).fill("frank");
  await dialog.getByLabel("Objective").fill("Find the flaky test");
  await dialog.getByRole("button", { name: "Invite", exact: true }).click();
  const pair = page.getByRole("region", { name: /^Pair p/ });
  await pair.getByText("pending").waitFor();
  assert.equal(await frank.run("pair", "accept"), 0, frank.talk);
  await pair.getByText("active").waitFor();
  assert.equal(await erin.run("pair", "send", "--body", "It waits for a second of real time."), 0, erin.talk);
  await pair.getByText("It waits for a second of real time.").waitFor();
  await pair.getByRole("button", { name: "Hang up" }).click();
  await pair.getByText("It is over.").waitFor();
  untroubled(page);
});

test("a person takes a task, reports, and finishes it", async () => {
  const grace = await relay.joined("grace");
  assert.equal(await grace.run("tasks", "create", "--to", "human", "Approve the migration"), 0, grace.talk);
  await show(page, "#/tasks");
  await page.getByRole("listitem").filter({ hasText: "Approve the migration" }).getByRole("link").click();
  const task = page.getByRole("region", { name: /^Task / });
  await task.getByRole("button", { name: "Claim" }).click();
  await task.getByRole("textbox", { name: "What to report" }).fill("Read it; one question is open.");
  await task.getByRole("button", { name: "Report progress" }).click();
  await task.getByText("in progress").first().waitFor();
  await task.getByRole("textbox", { name: "What to report" }).fill("Approved.");
  await task.getByRole("button", { name: "Done" }).click();
  await until("it is done", async () => {
    const { stdout } = await relay.cli("tasks", "--json", "--all");
    const [found] = JSON.parse(stdout || "[]").filter(({ title }) => title === "Approve the migration");
    return found?.status === "done" && found.result === "Approved." && found.claim.by === "human";
  });
  untroubled(page);
});

test("a person takes a piece of work, gives it back, takes it again and finishes it", async () => {
  const heidi = await relay.joined("heidi");
  assert.equal(await heidi.run("send-claimable", "human", "Sign the release"), 0, heidi.talk);
  const [{ id }] = await relay.call("GET", "/api/messages?from=heidi");
  const claim = async () => (await relay.call("GET", `/api/messages/${id}`)).claim;
  await show(page, `#/mail/${id}`);
  const thread = page.getByRole("region", { name: `Thread ${id}` });
  const press = (name) => thread.getByRole("button", { name, exact: true }).click();
  await press("Claim");
  await thread.getByText("has had it").waitFor();
  assert.equal((await claim()).by, "human");
  await press("Release");
  await thread.getByText("Nobody has it yet.").waitFor();
  assert.equal(await claim(), undefined);
  await press("Claim");
  await press("Done");
  await thread.getByText("finished it").waitFor();
  const { by, doneAt } = await claim();
  assert.ok(by === "human" && doneAt > 0);
  untroubled(page);
});

test("a callback that was given up on is sent again", async () => {
  const event = { type: "alert", severity: "error", dedupeKey: "disk", target: "cap:ops", title: "Disk full", body: "98 %" };
  await relay.call("POST", "/api/integrations/events", event, TOKEN);
  await show(page, "#/integrations/monitoring");
  // It is given up on when the page has long read of the task: no event tells of that.
  await page.getByText("1 waiting, 0 given up on").waitFor();
  await page.waitForResponse(/\/api\/integrations$/);
  refuse();
  const again = page.getByRole("button", { name: "Send again" });
  await again.waitFor();
  assert.deepEqual(told, []);
  answer = 200;
  await again.click();
  await until("the integration was told", () => told.includes("created"));
  await again.waitFor({ state: "detached" });
  untroubled(page);
});
