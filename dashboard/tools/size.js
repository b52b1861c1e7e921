// Refuses a build that would send more than 80 kB, compressed, charts included; or anything in line
// that the relay's content security policy forbids.

import { readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";

const LIMIT = 80_000;
const dist = path.join(import.meta.dirname, "..", "dist");

const files = readdirSync(dist, { recursive: true })
  .map(String)
  .filter((name) => statSync(path.join(dist, name)).isFile())
  .map((name) => ({ name, bytes: gzipSync(readFileSync(path.join(dist, name)), { level: 9 }).length }))
  .sort((a, b) => b.bytes - a.bytes);

for (const { name, bytes } of files) console.log(`${String(bytes).padStart(7)}  ${name}`);
const total = files.reduce((sum, file) => sum + file.bytes, 0);
console.log(`${String(total).padStart(7)}  in all, of ${LIMIT} allowed`);

const page = readFileSync(path.join(dist, "index.html"), "utf8");
const inline = /<style|\sstyle=|<script(?![^>]*\ssrc=)|\son[a-z]+=|javascript:|data:/i.exec(page);
if (inline) {
  console.error(`index.html holds \`${inline[0].trim()}\`, which the content security policy forbids`);
  process.exit(1);
}
if (total > LIMIT) {
  console.error(`the page is ${total - LIMIT} bytes too large`);
  process.exit(1);
}
