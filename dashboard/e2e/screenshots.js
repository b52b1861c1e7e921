// Pictures of every view, light and dark, from `agent-relay demo` standing still: docs/screenshots.

import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { browse } from "./kit/browser.js";
import { demo } from "./kit/relay.js";

const FOLDER = join(import.meta.dirname, "../../docs/screenshots");
const DESK = { width: 1280, height: 800 };
/** What a clone should have to carry for each. */
const MOST_BYTES = 200_000;
const PHONE = { width: 390, height: 844 };

/** Each view, and what is open in it. */
const VIEWS = [
  ["overview", async () => "#/", DESK],
  ["agents", async () => `#/agents/${(await named("/api/agents", "label", "ops")).id}`, DESK],
  ["conversation", async () => `#/mail/${(await named("/api/messages?q=EXPLAIN")).threadId}`, DESK],
  ["pairs", async () => `#/pairs/${(await named("/api/pairs")).id}`, DESK],
  ["tasks", async () => `#/tasks/${(await named("/api/tasks?status=blocked")).id}`, DESK],
  ["integrations", async () => "#/integrations/helpdesk", DESK],
  ["phone", async () => "#/mail", PHONE],
];

const relay = await demo();
mkdirSync(FOLDER, { recursive: true });
try {
  for (const colorScheme of ["light", "dark"]) {
    for (const [name, view, viewport] of VIEWS) {
      await take(`${name}-${colorScheme}.png`, await view(), { colorScheme, viewport });
    }
  }
} finally {
  await relay.end();
}

async function take(file, view, options) {
  const browser = await browse(options);
  try {
    const page = await browser.page();
    await page.goto(relay.address);
    await page.locator(".connection.live").waitFor({ state: "attached" });
    await page.goto(new URL(view, page.url()).href);
    await settled(page);
    await page.screenshot({ path: join(FOLDER, file) });
    const { size } = statSync(join(FOLDER, file));
    if (size > MOST_BYTES) throw new Error(`${file} has ${size} bytes; ${MOST_BYTES} are allowed`);
    console.log(`${file} ${size}`);
  } finally {
    await browser.close();
  }
}

/** Waits until nothing loads any more and two frames in a row were drawn. */
async function settled(page) {
  await page.waitForFunction(() => !document.querySelector(".loading"));
  await page.evaluate(async () => {
    await document.fonts.ready;
    for (let frame = 0; frame < 2; frame += 1) await new Promise((drawn) => requestAnimationFrame(drawn));
  });
}

/** The first of a list, or the one whose field has this value. */
async function named(path, field, value) {
  const { origin, hash } = new URL(relay.address);
  const headers = { authorization: `Bearer ${hash.replace("#token=", "")}` };
  const all = await (await fetch(origin + path, { headers })).json();
  return field ? all.find((one) => one[field] === value) : all[0];
}
