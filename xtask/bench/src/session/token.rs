//! Tokens: what stands in the model's context because of us, besides the messages' own text.
//!
//! Claude's tokenizer is not public; `o200k_base`, which is, counts in its place.

use std::io;

use relay_core::{
    agent::Approval,
    message::Message,
    prompt::{Primer, Reader},
    time::Timestamp,
};
use serde_json::json;
use tiktoken_rs::CoreBPE;

use super::Rows;

/// Messages in a batch.
const BATCH: i64 = 100;
const BODY: &str = "Migration looks clean, tests pass.";

/// Adds the rows.
pub fn count(rows: &mut Rows) -> io::Result<()> {
    let tokens = tiktoken_rs::o200k_base().map_err(io::Error::other)?;
    let count = |text: &str| tokens.encode_ordinary(text).len() as f64;
    rows.add("primer", count(&primer()?), "tokens", Some(925.0));
    rows.add("per message, alone", added(&tokens, 1)?, "tokens", Some(22.0));
    rows.add("per message, 100 at once", added(&tokens, BATCH)?, "tokens", Some(8.0));
    rows.add("  of which the nudge, once for all that wait", count(&nudge(1)), "tokens", None);
    Ok(())
}

fn primer() -> io::Result<String> {
    let me = "build-01-web-app-0f3a9c1d".parse().map_err(io::Error::other)?;
    let primer = Primer {
        me: &me,
        relay: "http://localhost:4850",
        version: Some("0.1.0"),
        approval: Approval::Open,
        warnings: &[],
    };
    Ok(primer.text())
}

fn nudge(count: i64) -> String {
    claude_hooks::nudge::text(count.unsigned_abs() as usize, 7)
}

/// What so many messages and their nudge cost above their own text, for each of them.
fn added(tokens: &CoreBPE, count: i64) -> io::Result<f64> {
    let me = "build-01-web-app-0f3a9c1d".parse().map_err(io::Error::other)?;
    let reader = Reader { me, now: Timestamp(1_000_000) };
    let texts: Result<Vec<_>, serde_json::Error> =
        (0..count).map(|number| Ok(reader.message(&message(4_200 + number)?))).collect();
    let shown = format!("{}\n{}", nudge(count), texts?.join("\n"));
    let all = tokens.encode_ordinary(&shown).len() as f64;
    let own = tokens.encode_ordinary(BODY).len() as f64 * count as f64;
    Ok((all - own) / count as f64)
}

fn message(id: i64) -> serde_json::Result<Message> {
    serde_json::from_value(json!({
        "id": id, "from": "backend-agent", "to": "build-01-web-app-0f3a9c1d", "body": BODY,
        "kind": "chat", "urgency": "normal", "threadId": id, "claimable": false, "verified": true,
        "createdAt": 1_000_000,
    }))
}
