import { expect, test } from "vitest";
import { keyring } from "../src/act/draft.ts";
import { nextOf, withQuery } from "../src/api/client.ts";
import { Problem } from "../src/api/problem.ts";

test("a retry of the same message has the same key, another message another", () => {
  const key = keyring();
  const first = key({ to: "bob", body: "hello" });
  expect(key({ to: "bob", body: "hello" })).toBe(first);
  expect(key({ to: "bob", body: "hello!" })).not.toBe(first);
  expect(keyring()({ to: "bob", body: "hello" })).not.toBe(first);
});

test("a query is added to what is there", () => {
  expect(withQuery("messages?", { limit: 5 })).toBe("messages?limit=5");
  expect(withQuery("messages?q=a", { limit: 5, since: undefined })).toBe("messages?q=a&limit=5");
  expect(withQuery("agents", {})).toBe("agents");
  expect(withQuery("agents", { label: "a b&c" })).toBe("agents?label=a+b%26c");
});

test("the next page is found in the header, also below a path", () => {
  expect(nextOf('</api/messages?before=5&q=a%20b>; rel="next"')).toBe("messages?before=5&q=a%20b");
  expect(nextOf('</relay/api/tasks?before=5>; rel="next"')).toBe("tasks?before=5");
  expect(nextOf('</api/tasks>; rel="prev"')).toBeUndefined();
  expect(nextOf(null)).toBeUndefined();
});

test("a refusal is told in the relay's words, and anything else in ours", async () => {
  const body = '{"error":{"code":"target_not_found","message":"nobody","hint":"did you mean bob?"}}';
  expect(await Problem.of(new Response(body, { status: 404 }))).toMatchObject({
    status: 404,
    code: "target_not_found",
    message: "nobody",
    hint: "did you mean bob?",
  });
  const proxy = await Problem.of(new Response("<html>", { status: 502, headers: { "retry-after": "3" } }));
  expect(proxy).toMatchObject({ status: 502, code: "unexpected", retryAfter: 3_000 });
  expect(Problem.from(new TypeError("fetch failed"))).toMatchObject({ code: "unreachable" });
});
