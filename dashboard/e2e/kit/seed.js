// Many agents and messages, over the API as everything else: several connections at once.

import { Agent, request } from "node:http";

const CONNECTIONS = 48;

const WORDS = "the build is green again after the index was made anew and every test that waited for a clock has one of its own now".split(" ");

/** Registers agents `agent-0…` and lets them write to each other. */
export async function seed(relay, { agents, messages }) {
  const pool = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  try {
    const statuses = ["idle", "busy", "waiting"];
    await times(agents, (n) =>
      post(relay, pool, "/api/agents", { id: `agent-${n}`, label: `Agent ${n}`, machine: `machine-${n % 20}`, project: `project-${n % 50}`, tags: [`team-${n % 10}`], status: statuses[n % 3] }),
    );
    await times(messages, (n) => post(relay, pool, "/api/messages", { from: `agent-${n % agents}`, to: `agent-${(n * 7 + 1) % agents}`, body: text(n) }));
  } finally {
    pool.destroy();
  }
}

/** Texts of one line or several, none like the other. */
function text(n) {
  const words = Array.from({ length: 4 + (n % 23) }, (_, at) => WORDS[(n * 5 + at * 3) % WORDS.length]);
  return `Report ${n}: ${words.join(" ")}${n % 9 === 0 ? `\n\n${words.toReversed().join(" ")}` : ""}`;
}

async function times(count, act) {
  let next = 0;
  const work = async () => {
    while (next < count) {
      const n = next;
      next += 1;
      await act(n);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, work));
}

function post(relay, agent, path, body) {
  const text = JSON.stringify(body);
  return new Promise((done, failed) => {
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(text) };
    const sent = request(relay.url + path, { method: "POST", agent, headers }, (answer) => {
      let said = "";
      answer.on("data", (chunk) => (said += chunk));
      answer.on("end", () => (answer.statusCode === 201 ? done() : failed(new Error(`${path}: ${answer.statusCode} ${said}`))));
    });
    sent.on("error", failed);
    sent.end(text);
  });
}
