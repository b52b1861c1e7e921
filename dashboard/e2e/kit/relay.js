// The real program: a relay on a port and a database of its own, and the command line beside it.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";

/** `cargo xtask` says which build is looked at; by hand it is the one of `cargo build`. */
const PROGRAM = resolve(process.env.AGENT_RELAY_PROGRAM ?? join(import.meta.dirname, "../../../target/debug/agent-relay"));

/** Whatever takes longer has hung. */
export const PATIENCE = 60_000;

/** A home folder with nothing in it, and none of this machine's settings. */
export function home() {
  const folder = mkdtempSync(join(tmpdir(), "relay-e2e-"));
  const env = {
    PATH: [dirname(PROGRAM), process.env.PATH].join(delimiter),
    HOME: folder,
    XDG_DATA_HOME: join(folder, "data"),
    XDG_STATE_HOME: join(folder, "state"),
    XDG_CONFIG_HOME: join(folder, "config"),
    XDG_RUNTIME_DIR: join(folder, "run"),
    TMPDIR: folder,
    // A page that was built elsewhere can be looked at, too.
    ...(process.env.RELAY_TEST_DASHBOARD_DIR ? { AGENT_RELAY_DASHBOARD_DIR: process.env.RELAY_TEST_DASHBOARD_DIR } : {}),
  };
  return { folder, env, remove: () => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }) };
}

/** A program that runs on, and the lines of its output as they come. */
export class Running {
  #lines = [];
  #wake = () => {};
  ended;

  constructor(program, args, env, input = "ignore") {
    this.child = spawn(program, args, { env, cwd: env.HOME, stdio: [input, "pipe", "pipe"], detached: true });
    this.talk = "";
    this.child.stderr.on("data", (chunk) => (this.talk += chunk));
    createInterface({ input: this.child.stdout }).on("line", (line) => {
      this.#lines.push(line);
      this.#wake();
    });
    this.exit = new Promise((resolve) => {
      this.child.on("close", (code, signal) => {
        this.ended = { code, signal };
        this.#wake();
        resolve(this.ended);
      });
      this.child.on("error", (error) => (this.talk += error));
    });
  }

  /** The next line that holds a text. */
  async line(text) {
    const until = Date.now() + PATIENCE;
    for (;;) {
      while (this.#lines.length > 0) {
        const line = this.#lines.shift();
        if (line.includes(text)) return line;
      }
      if (this.ended || Date.now() > until) throw new Error(`no line with "${text}"; it said: ${this.talk}`);
      await new Promise((resolve) => {
        this.#wake = resolve;
        setTimeout(resolve, 1_000).unref();
      });
    }
  }

  /** Ends it with all that it started. */
  async stop(signal = "SIGTERM") {
    if (!this.ended) process.kill(-this.child.pid, signal);
    return this.exit;
  }
}

/** A terminal: a shell of its own, as which one joins; its commands run one after the other. */
export class Terminal extends Running {
  #count = 0;

  constructor(env) {
    super("sh", [], env, "pipe");
  }

  /** Types a command and waits for its end; returns the exit code. */
  async run(...words) {
    return (await this.type(...words))();
  }

  /** Types a command that may take its time; what is returned waits for its end. */
  type(...words) {
    const mark = `ended-${(this.#count += 1)}:`;
    const quoted = words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
    this.child.stdin.write(`agent-relay ${quoted}; echo ${mark}$?\n`);
    return async () => Number((await this.line(mark)).slice(mark.length));
  }
}

/** A relay that `agent-relay serve` started. */
export class Relay {
  static async start({ args = [], env = {} } = {}) {
    const relay = new Relay();
    relay.home = home();
    relay.args = args;
    relay.extra = env;
    relay.port = 0;
    relay.terminals = [];
    await relay.again();
    return relay;
  }

  /** Starts it, the second time on the port that it had. */
  async again() {
    const args = ["serve", "--port", String(this.port), ...this.args];
    this.server = new Running(PROGRAM, args, { ...this.home.env, ...this.extra });
    const line = await this.server.line("listening on ");
    this.url = line.slice(line.indexOf("http"));
    this.port = new URL(this.url).port;
  }

  /** Cuts its power. */
  async kill() {
    await this.server.stop("SIGKILL");
  }

  async end() {
    for (const terminal of this.terminals) await terminal.stop("SIGKILL");
    await this.server.stop();
    this.home.remove();
  }

  /** The page's address as `agent-relay open` gives it, with the operator's token. */
  async signedIn() {
    const { stdout } = await this.cli("open", "--print");
    return stdout.trim();
  }

  get env() {
    return { ...this.home.env, AGENT_RELAY_URL: this.url, ...(this.extra.AGENT_RELAY_TOKEN ? { AGENT_RELAY_TOKEN: this.extra.AGENT_RELAY_TOKEN } : {}) };
  }

  /** Opens a terminal whose agent is this one. */
  async joined(name, ...args) {
    const terminal = new Terminal(this.env);
    this.terminals.push(terminal);
    const code = await terminal.run("join", name, ...args);
    if (code !== 0) throw new Error(`${name} cannot join: ${terminal.talk}`);
    return terminal;
  }

  /** Runs a command to its end; one that fails is returned, too. */
  async cli(...args) {
    const running = new Running(PROGRAM, args, this.env);
    let stdout = "";
    running.child.stdout.on("data", (chunk) => (stdout += chunk));
    const { code } = await running.exit;
    return { code, stdout, stderr: running.talk };
  }

  /** The API, as an agent or as nobody in particular. */
  async call(method, path, body, token) {
    const headers = { "content-type": "application/json", ...(token ? { authorization: `Bearer ${token}` } : {}) };
    const answer = await fetch(this.url + path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text ? JSON.parse(text) : undefined;
  }

  /** Registers an agent, and returns what speaks for it. */
  async agent(id, about = {}, token) {
    const { token: own } = await this.call("POST", "/api/agents", { id, ...about }, token);
    const call = (method, path, body) => this.call(method, path, body, own);
    return {
      id,
      call,
      send: (to, body, more = {}) => call("POST", "/api/messages", { to, body, ...more }),
    };
  }
}

/** `agent-relay demo`, played to its end and standing still. */
export async function demo() {
  const place = home();
  const running = new Running(PROGRAM, ["demo", "--once", "--speed", "10000", "--port", "0"], place.env);
  const line = await running.line("dashboard");
  await running.line("stands still");
  return {
    address: line.slice(line.indexOf("http")),
    async end() {
      await running.stop("SIGINT");
      place.remove();
    },
  };
}
