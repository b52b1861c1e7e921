// A real browser: the one that is installed, with a profile of its own and nothing from outside.

import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { chromium } from "playwright-core";
import { PATIENCE } from "./relay.js";

const NAMES = ["chromium", "chromium-browser", "google-chrome"];

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Where the browser is; `AGENT_RELAY_BROWSER` names another. */
export function installed() {
  if (process.env.AGENT_RELAY_BROWSER) return process.env.AGENT_RELAY_BROWSER;
  const folders = (process.env.PATH ?? "").split(delimiter);
  const files = NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
  const found = files.find(runs);
  if (!found) throw new Error(`no browser is installed: none of ${NAMES.join(", ")} is on the path`);
  return found;
}

function runs(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Opens a browser. `options` are those of a context: size, scheme, scripts. */
export async function browse(options = {}) {
  const profile = mkdtempSync(join(tmpdir(), "relay-browser-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: installed(),
    headless: true,
    args: FLAGS,
    viewport: { width: 1280, height: 800 },
    timezoneId: "UTC",
    locale: "en-GB",
    reducedMotion: "reduce",
    ...options,
  });
  context.setDefaultTimeout(PATIENCE / 2);
  return {
    context,
    page: () => watched(context),
    async close() {
      await context.close();
      // Processes of the browser that are just ending may still write there.
      rmSync(profile, { recursive: true, force: true, maxRetries: 10 });
    },
  };
}

/**
 * A page of which everything is kept that should not happen: errors, refusals by the policy, dialogs.
 * What the browser says of a lost connection or a refused token is part of those tests, and left out.
 */
async function watched(context) {
  const page = await context.newPage();
  const trouble = [];
  page.on("pageerror", (error) => trouble.push(`error: ${error.message}`));
  page.on("dialog", async (dialog) => {
    trouble.push(`dialog: ${dialog.message()}`);
    await dialog.dismiss();
  });
  page.on("console", (message) => {
    const expected = message.text().startsWith("Failed to load resource");
    if (["error", "warning"].includes(message.type()) && !expected) trouble.push(`console: ${message.text()}`);
  });
  return Object.assign(page, { trouble });
}
