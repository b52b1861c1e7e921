//! Pairs that the cases name: one of each kind, of agents who are in no other.

use serde_json::json;

use super::World;

impl World {
    /// `PAIR_ENDED` and `PAIR_PENDING` are A's, to B; `PAIR_ACTIVE` is of D and E.
    pub(super) async fn add_pairs(&mut self) {
        for (name, id) in [("D", "workshop-ops-3a4b5c6d"), ("E", "workshop-app-7e8f9a0b")] {
            let agent = self.make("POST", "/api/agents", "ADMIN", json!({ "id": id })).await;
            self.values.set(name, id);
            self.keep_secret(&format!("{name}_TOKEN"), agent["token"].as_str().expect("a token"));
        }
        let ended = self.add_pair("PAIR_ENDED", "A", "B").await;
        self.act("B", &ended, "accept").await;
        self.act("A", &ended, "hangup").await;
        self.add_pair("PAIR_PENDING", "A", "B").await;
        let active = self.add_pair("PAIR_ACTIVE", "D", "E").await;
        self.act("E", &active, "accept").await;
    }

    async fn add_pair(&mut self, name: &str, from: &str, target: &str) -> String {
        let invitation = json!({
            "from": self.values.get(from), "target": self.values.get(target),
            "objective": "a secret plan",
        });
        let pair = self.make("POST", "/api/pairs", from, invitation).await;
        let id = pair["id"].as_str().expect("a pair has an id").to_owned();
        self.values.set(name, &id);
        id
    }

    async fn act(&self, who: &str, pair: &str, verb: &str) {
        let by = json!({ "agentId": self.values.get(who) });
        self.make("POST", &format!("/api/pairs/{pair}/{verb}"), who, by).await;
    }
}
