//! `agent-relay status`: who I am, to which relay I talk, and what waits for me.

use relay_core::{
    agent::Agent,
    api::query::{Messages, Within},
    id::AgentId,
    message::Message,
    pair::Pair,
    stats::{MessageCounts, TaskCounts},
    text::Slug,
    version::{self, VERSION},
};
use serde::Serialize;

use super::pair;
use crate::{
    context::Context,
    failure::Failure,
    output::{self, agent},
    speaker::Proof,
};

/// Show who this is, which relay it talks to, and what waits for it
#[derive(Debug, clap::Args)]
pub struct Status {}

/// What `status --json` prints: the agent as the API has it, and the counts beside it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    agent: Agent,
    relay_url: String,
    /// The name under which this user knows the relay.
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<Slug>,
    relay_version: String,
    version: &'static str,
    unread: usize,
    more_unread: bool,
    claims: Vec<i64>,
    /// Everybody's claimable messages, those of tasks among them.
    messages: MessageCounts,
    /// Everybody's tasks that are not finished.
    tasks: TaskCounts,
    /// The pair it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pair: Option<Pair>,
}

impl Status {
    /// Asks for everything at once.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let report = context.alive_while(Box::pin(report(context))).await?;
        context.output.show(&report, || report.told(context))?;
        if let Some(warning) = version::warning(VERSION, &report.relay_version) {
            context.output.warn(&warning);
        }
        Ok(())
    }
}

async fn report(context: &Context) -> Result<Report, Failure> {
    let (relay, me) = (&context.relay, context.me());
    let page =
        Messages { reader: Some(me.clone()), limit: Some(Within(500)), ..Messages::default() };
    let unread = Messages { unread: Some(true), ..page.clone() };
    let newest_pair = pair::newest(me);
    let (agent, stats, unread, newest, pairs) = tokio::try_join!(
        relay.agent(me),
        relay.stats(),
        relay.messages(&unread),
        relay.messages(&page),
        relay.pairs(&newest_pair)
    )?;
    Ok(Report {
        agent,
        relay_url: relay.url().to_owned(),
        context: context.context.clone(),
        relay_version: stats.version,
        version: VERSION,
        unread: unread.items.len(),
        more_unread: unread.has_more(),
        claims: newest.items.iter().filter(|m| is_held_by(m, me)).map(|m| m.id.0).collect(),
        messages: stats.messages,
        tasks: stats.tasks,
        pair: pair::live(pairs.items),
    })
}

fn is_held_by(message: &Message, me: &AgentId) -> bool {
    message.claim.as_ref().is_some_and(|claim| claim.by == *me && claim.done_at.is_none())
}

impl Report {
    fn told(&self, context: &Context) -> String {
        let agent = &self.agent;
        let label = agent.label.as_ref().map(|label| format!(" \"{label}\"")).unwrap_or_default();
        let claims = match self.claims.as_slice() {
            [] => "none".to_owned(),
            ids => ids.iter().map(|id| format!("msg:{id}")).collect::<Vec<_>>().join(" "),
        };
        let pair = self.pair.as_ref().map(|pair| output::pair::brief(pair, &agent.id));
        let named =
            self.context.as_ref().map(|name| format!(", context {name}")).unwrap_or_default();
        let more = if self.more_unread { " or more" } else { "" };
        [
            ("agent", format!("{}{label} ({})", agent.id, agent::status(agent))),
            ("proven", proof(context.speaker.proof).to_owned()),
            ("relay", format!("{}{named} (version {})", self.relay_url, self.relay_version)),
            ("tags", agent::words(&agent.tags)),
            ("unread", format!("{}{more}", self.unread)),
            ("claims", claims),
            ("pair", pair.unwrap_or_else(|| "none".to_owned())),
            ("work", work(&self.messages)),
            ("tasks", tasks(&self.tasks)),
        ]
        .map(|(name, value)| format!("{name:<8}{value}"))
        .join("\n")
    }
}

/// Claimable messages that are not finished.
fn work(counts: &MessageCounts) -> String {
    let MessageCounts { open, claimed, stalled, .. } = *counts;
    listed(&[(open, "open"), (claimed, "claimed"), (stalled, "stalled")])
}

/// Tasks that are not finished.
fn tasks(counts: &TaskCounts) -> String {
    let TaskCounts { open, claimed, in_progress, blocked } = *counts;
    let all =
        [(open, "open"), (claimed, "claimed"), (in_progress, "in progress"), (blocked, "blocked")];
    listed(&all)
}

fn listed(counts: &[(u64, &str)]) -> String {
    let some = counts.iter().filter(|(count, _)| *count > 0);
    let texts: Vec<_> = some.map(|(count, what)| format!("{count} {what}")).collect();
    if texts.is_empty() { "none".to_owned() } else { texts.join(", ") }
}

fn proof(proof: Proof) -> &'static str {
    match proof {
        Proof::Own => "by its own token",
        Proof::Operator => "by the operator's token",
        Proof::None => "no: what it sends is marked as unverified",
    }
}
