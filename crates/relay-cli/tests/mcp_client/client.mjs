// The official TypeScript client against `agent-relay mcp` (arguments: PROGRAM) or against `/mcp`
// (arguments: URL). Prints one line of JSON for each step; the test reads them.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const [where] = process.argv.slice(2);
const connect = async (name) => {
  const transport = where.startsWith("http")
    ? new StreamableHTTPClientTransport(new URL(where))
    : new StdioClientTransport({ command: where, args: ["mcp"], env: process.env });
  const client = new Client({ name, version: "1.0.0" });
  await client.connect(transport);
  return { client, transport };
};
const print = (step, value) => console.log(JSON.stringify({ step, ...value }));
const called = (result) => ({ error: result.isError === true, text: result.content[0].text });
const call = async (of, name, args = {}) => called(await of.client.callTool({ name, arguments: args }));

const one = await connect("first");
print("hello", { server: one.client.getServerVersion(), said: one.client.getInstructions() });
const { tools } = await one.client.listTools();
print("list", { tools: tools.map(({ name, annotations }) => ({ name, annotations })) });

const two = await connect("second");
const me = (await call(two, "status")).text.split(" ")[2];
const waiting = call(two, "inbox", { wait: 60 });
print("sent", await call(one, "send", { to: me, text: "Tests pass." }));
print("read", await waiting);
print("refused", await call(one, "reply", { id: 999999, text: "?" }));
print("unknown", await one.client
  .callTool({ name: "nope", arguments: {} })
  .then(called, (error) => ({ code: error.code, text: error.message })));

const stop = new AbortController();
const stopped = two.client
  .callTool({ name: "inbox", arguments: { wait: 60 } }, undefined, { signal: stop.signal })
  .then(() => "answered", () => "cancelled");
await call(two, "agents");
stop.abort("enough");
await call(one, "send", { to: me, text: "Still here?" });
print("cancelled", { text: await stopped, then: (await call(two, "inbox", { wait: 60 })).text });

for (const { client, transport } of [one, two]) {
  await transport.terminateSession?.();
  await client.close();
}
print("closed", { agent: me });
