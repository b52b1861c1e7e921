// Calls of the relay's API. The token goes into a header, never into an address.

import { Problem } from "./problem.ts";

export type Query = Record<string, string | number | boolean | undefined>;

/** One page of a list, and the path of the next, if there is more. */
export interface Page<T> {
  rows: T[];
  next: string | undefined;
}

export interface Api {
  get<T>(path: string, query?: Query): Promise<T>;
  page<T>(path: string, query?: Query): Promise<Page<T>>;
  send<T>(
    method: "POST" | "PATCH" | "DELETE",
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<T>;
  /** A response whose body is read as it comes. */
  open(path: string, headers: Record<string, string>, signal: AbortSignal): Promise<Response>;
}

const TIMEOUT = 20_000;

/** `base` is where `api/` lives. `refused` is told of every 401, whatever asked. */
export function connect(base: URL, token: () => string | null, refused: () => void = () => {}): Api {
  async function call(path: string, init: RequestInit, headers: Record<string, string>): Promise<Response> {
    const secret = token();
    const all = { ...headers, ...(secret ? { authorization: `Bearer ${secret}` } : {}) };
    let response: Response;
    try {
      response = await fetch(new URL(`api/${path}`, base), { cache: "no-store", ...init, headers: all });
    } catch (error) {
      throw Problem.from(error);
    }
    if (response.status === 401) refused();
    if (!response.ok) throw await Problem.of(response);
    return response;
  }

  async function json<T>(response: Response): Promise<T> {
    if (response.status === 204) return undefined as T;
    try {
      return (await response.json()) as T;
    } catch (error) {
      throw Problem.from(error);
    }
  }

  const read = (path: string, query: Query = {}) =>
    call(withQuery(path, query), { signal: AbortSignal.timeout(TIMEOUT) }, { accept: "application/json" });

  return {
    get: async (path, query) => json(await read(path, query)),
    page: async <T>(path: string, query?: Query) => {
      const response = await read(path, query);
      return { rows: await json<T[]>(response), next: nextOf(response.headers.get("link")) };
    },
    send: async (method, path, body, headers = {}) => {
      const content = body === undefined ? {} : { body: JSON.stringify(body) };
      const type: Record<string, string> = body === undefined ? {} : { "content-type": "application/json" };
      const init = { method, ...content, signal: AbortSignal.timeout(TIMEOUT) };
      return json(await call(path, init, { ...type, ...headers }));
    },
    open: (path, headers, signal) => call(path, { signal }, headers),
  };
}

/** Adds what is set in `query` to a path that may have a query already. */
export function withQuery(path: string, query: Query): string {
  const set = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
  if (set.length === 0) return path;
  const text = new URLSearchParams(set.map(([name, value]) => [name, String(value)])).toString();
  return `${path}${path.endsWith("?") ? "" : path.includes("?") ? "&" : "?"}${text}`;
}

/** The path below `api/` that a `Link` header names as `rel="next"`. */
export function nextOf(link: string | null): string | undefined {
  return /<[^>]*?\/api\/([^>]+)>;\s*rel="?next"?/.exec(link ?? "")?.[1];
}
