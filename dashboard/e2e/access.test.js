// For everybody: no serious finding of axe in any view, light and dark; a phone; and no mouse.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { browse } from "./kit/browser.js";
import { show, signIn, until, untroubled, VIEWS } from "./kit/page.js";
import { demo } from "./kit/relay.js";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const GRAVE = ["serious", "critical"];
let relay, opened;

before(async () => {
  relay = await demo();
  opened = [...VIEWS, ...(await details())];
});
after(() => relay?.end());

/** The addresses of one of each kind, open. */
async function details() {
  const { origin, hash } = new URL(relay.address);
  const headers = { authorization: `Bearer ${hash.replace("#token=", "")}` };
  const first = async (path) => (await (await fetch(origin + path, { headers })).json())[0];
  return [
    `agents/${(await first("/api/agents")).id}`,
    `mail/${(await first("/api/messages?q=EXPLAIN")).threadId}`,
    "mail?q=review",
    `pairs/${(await first("/api/pairs")).id}`,
    `tasks/${(await first("/api/tasks?status=blocked")).id}`,
    `channels/${(await first("/api/channels")).id}`,
    "integrations/helpdesk",
  ];
}

for (const colorScheme of ["light", "dark"]) {
  test(`axe finds nothing serious, ${colorScheme}`, async (t) => {
    // The policy would refuse the checker's own script; what the page may do is tested elsewhere.
    const browser = await browse({ colorScheme, bypassCSP: true });
    t.after(() => browser.close());
    const page = await signIn(browser, relay);
    await page.evaluate(AXE);
    const found = [];
    const looked = async (what) => {
      const { violations, passes } = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
      assert.ok(passes.length > 5, "it looked");
      const grave = violations.filter(({ impact }) => GRAVE.includes(impact));
      found.push(...grave.map(({ id, nodes: [{ target, failureSummary }, ...more] }) => `${what}: ${id}: ${target} (and ${more.length} more): ${failureSummary}`));
    };
    for (const view of opened) {
      await show(page, `#/${view}`);
      await looked(view || "overview");
    }
    for (const key of ["c", "p", "?"]) {
      await page.keyboard.press(key);
      await page.getByRole("dialog").waitFor();
      await looked(`the dialog of ${key}`);
      await page.getByRole("button", { name: "Close" }).click();
      await page.getByRole("dialog").waitFor({ state: "detached" });
    }
    assert.deepEqual(found, []);
    untroubled(page);
  });
}

test("a phone of 360 pixels shows every view without scrolling sideways", async (t) => {
  const browser = await browse({ viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true });
  t.after(() => browser.close());
  const page = await signIn(browser, relay);
  for (const view of opened) {
    await show(page, `#/${view}`);
    const wide = await page.evaluate(() => {
      // What is cut off within a box of its own, or scrolls there, does not widen the page.
      const clipped = (element) => {
        for (let at = element; at !== document.body; at = at.parentElement) {
          if (getComputedStyle(at).overflowX !== "visible" || getComputedStyle(at).position === "fixed") return true;
        }
        return false;
      };
      const out = [...document.querySelectorAll("body *")].filter((element) => {
        const box = element.getBoundingClientRect();
        const seen = box.width > 1 && box.height > 1 && (box.right > innerWidth + 1 || box.left < -1);
        return seen && !clipped(element);
      });
      return [document.documentElement.scrollWidth > innerWidth, ...out.slice(0, 3).map((element) => `${element.tagName}.${element.className}`)];
    });
    assert.deepEqual(wide, [false], view || "overview");
  }
  await show(page, "#/mail");
  await page.getByRole("button", { name: "Compose" }).click();
  const dialog = await page.getByRole("dialog").boundingBox();
  assert.ok(dialog.x >= 0 && dialog.x + dialog.width <= 360, JSON.stringify(dialog));
  untroubled(page);
});

test("everything is reached without a mouse", async (t) => {
  const browser = await browse();
  t.after(() => browser.close());
  const page = await signIn(browser, relay);
  const press = async (...keys) => {
    for (const key of keys) await page.keyboard.press(key);
  };
  const focused = () => page.evaluate(() => document.activeElement?.innerText || document.activeElement?.getAttribute("aria-label") || document.activeElement?.tagName);

  await press("Tab");
  assert.match(await focused(), /Skip to the content/);
  await press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.tagName), "MAIN");

  await press("?");
  await page.getByRole("dialog", { name: "Keys" }).waitFor();
  await press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });

  await press("g", "a");
  await page.getByRole("heading", { name: "Agents", level: 1 }).waitFor();
  await press("j");
  await until("a row has the focus", async () => page.evaluate(() => document.activeElement?.classList.contains("row")));
  const before = await focused();
  await press("j");
  await until("the next row has it", async () => (await focused()) !== before);
  await press("Enter");
  await page.getByRole("region", { name: /^Agent / }).waitFor();
  await press("Escape");
  await until("the list is back", () => page.evaluate(() => location.hash === "#/agents"));

  await press("/");
  await page.keyboard.type("ops");
  await until("one is left", async () => (await page.getByRole("list", { name: "Agents" }).getByRole("listitem").count()) === 1);
  await press("Escape", "Escape");

  await press("c");
  const dialog = page.getByRole("dialog", { name: "Write" });
  await dialog.waitFor();
  await page.keyboard.type("rele");
  await dialog.getByRole("option", { name: /^release/ }).waitFor();
  await press("ArrowDown", "Enter", "Tab", "Tab");
  await page.keyboard.type("Written without a mouse.");
  await press("Control+Enter");
  await dialog.waitFor({ state: "detached" });
  const thread = page.getByRole("region", { name: /^Thread / });
  await thread.getByText("Written without a mouse.").first().waitFor();
  await thread.getByText("I am part of the demo").first().waitFor();
  await press("r");
  await page.keyboard.type("Thanks.");
  await press("Control+Enter");
  await thread.getByText("Thanks.", { exact: true }).waitFor();
  untroubled(page);
});
