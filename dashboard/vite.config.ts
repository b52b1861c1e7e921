import { defineConfig } from "vite";

// `RELAY=http://127.0.0.1:4850 npm run dev` shows the page of this folder over a relay that runs.
const relay = process.env["RELAY"] ?? "http://127.0.0.1:4850";

export default defineConfig({
  // Relative addresses: the page also works below a path of a reverse proxy.
  base: "./",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    target: "es2022",
    // The relay's policy allows no `data:` address, so nothing is put in line.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { proxy: { "/api": relay } },
  preview: { proxy: { "/api": relay } },
});
