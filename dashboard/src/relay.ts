// The relay that served this page, and the one reader that keeps the store true.

import { connect } from "./api/client.ts";
import { store } from "./state/store.ts";
import { startSync } from "./sync.ts";
import { takeToken, token } from "./session.ts";

// Before anything else reads the address or calls the relay; and again when `agent-relay open` finds this tab.
takeToken();
addEventListener("hashchange", () => takeToken() && location.reload());

const here = new URL("./", location.href.replace(/[?#].*$/, ""));

export const api = connect(here, token);

export const sync = startSync(api, store, (wake) => {
  const seen = () => document.visibilityState === "visible" && wake();
  addEventListener("online", wake);
  document.addEventListener("visibilitychange", seen);
  return () => {
    removeEventListener("online", wake);
    document.removeEventListener("visibilitychange", seen);
  };
});
