//! How tasks read: a table, one in full, its history, and what happens to it live.

use anstyle::{AnsiColor, Style};
use relay_core::{
    event::ReleaseReason,
    id::AgentId,
    message::Claim,
    task::{Kind, Severity, Task, TaskEvent},
    time::Timestamp,
};
use serde_json::Value;

use super::{
    STRONG, inline,
    message::{indented, lines},
    table,
};
use crate::input::short;

const BAD: Style = AnsiColor::Red.on_default();
const DOUBTFUL: Style = AnsiColor::Yellow.on_default();
/// Where the values stand in the lines of a task.
const INDENT: &str = "          ";

/// Tasks as a table, in the order they came.
pub fn list(tasks: &[Task], now: Timestamp) -> String {
    let header = ["task", "status", "severity", "title", "source", "for", "holder", "seen"];
    table(&header, tasks.iter().map(|task| row(task, now)))
}

fn row(task: &Task, now: Timestamp) -> Vec<String> {
    vec![
        task.id.to_string(),
        task.status.to_string(),
        task.severity.to_string(),
        inline(&task.title),
        task.source.to_string(),
        inline(&task.target.to_string()),
        task.claim.as_ref().map_or("-".to_owned(), |claim| holder(task, claim, now)),
        seen(task, now),
    ]
}

/// Who has it, since when, and whether that can be relied on; who had it at the end.
fn holder(task: &Task, claim: &Claim, now: Timestamp) -> String {
    let by = if claim.by.is_system() { "its source" } else { claim.by.as_str() };
    let age = short(now.since(claim.at));
    match claim.done_at {
        Some(_) => by.to_owned(),
        None if claim.expires_at.is_some_and(|at| at <= now) => format!("{by}, lapsed"),
        None if task.is_stalled(now) => format!("{by} {age}, stalled"),
        None => format!("{by} {age}"),
    }
}

fn seen(task: &Task, now: Timestamp) -> String {
    let last = ago(now, task.last_seen_at);
    match task.occurrence_count {
        ..=1 => last,
        count => format!("{count}x, {last}"),
    }
}

fn ago(now: Timestamp, at: Timestamp) -> String {
    format!("{} ago", short(now.since(at)))
}

/// A task with all that is known of it.
pub fn whole(task: &Task, now: Timestamp) -> String {
    let title = format!("{STRONG}[task {}] {}{STRONG:#}", task.id, inline(&task.title));
    let body = lines(&task.body).map(|line| format!("    {line}"));
    let facts = facts(task, now).into_iter().map(|(name, value)| format!("{name:<10}{value}"));
    std::iter::once(title).chain(body).chain(facts).collect::<Vec<_>>().join("\n")
}

fn facts(task: &Task, now: Timestamp) -> Vec<(&'static str, String)> {
    let severity = severity(task.severity);
    let key = task.dedupe_key.as_ref().map(|key| format!(", key {}", inline(key)));
    let channel = task.channel.as_ref().map(|channel| format!(" on {channel}"));
    let target = inline(&task.target.to_string());
    let mut facts = vec![
        ("status", format!("{}, {severity}, {}", task.status, task.kind)),
        ("source", format!("{}{}", task.source, key.unwrap_or_default())),
        ("for", format!("{target}{}", channel.unwrap_or_default())),
        ("reported", reported(task, now)),
    ];
    facts.extend(task.message_id.map(|id| ("message", format!("msg:{id}"))));
    facts.extend(task.claim.as_ref().map(|claim| claimed(task, claim, now)));
    let said = |text: &Option<String>| text.as_ref().map(|text| indented(text, INDENT));
    facts.extend(said(&task.progress).map(|text| ("progress", text)));
    facts.extend(said(&task.result).map(|text| ("result", text)));
    facts.extend(task.meta.iter().map(|(name, value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        ("meta", inline(&format!("{name}={value}")))
    }));
    facts
}

fn reported(task: &Task, now: Timestamp) -> String {
    let first = ago(now, task.created_at);
    match task.occurrence_count {
        ..=1 => first,
        count => format!("{count} times, first {first}, last {}", ago(now, task.last_seen_at)),
    }
}

fn claimed(task: &Task, claim: &Claim, now: Timestamp) -> (&'static str, String) {
    let holder = holder(task, claim, now);
    match claim.done_at {
        Some(at) => ("ended", format!("{} by {holder}", ago(now, at))),
        None => ("holder", format!("{holder} (grant {})", claim.generation)),
    }
}

fn severity(severity: Severity) -> String {
    let style = match severity {
        Severity::Info => Style::new(),
        Severity::Warning => DOUBTFUL,
        Severity::Error | Severity::Critical => BAD,
    };
    format!("{style}{severity}{style:#}")
}

/// A task's history, oldest first, a line or more each.
pub fn history(events: &[TaskEvent], now: Timestamp) -> String {
    let line = |event: &TaskEvent| {
        let (when, what) = (ago(now, event.at), indented(&step(event), INDENT));
        format!("    {when:<9} {what}")
    };
    let lines = events.iter().map(line);
    std::iter::once("history".to_owned()).chain(lines).collect::<Vec<_>>().join("\n")
}

/// What happened, and by whom: `claimed by bob`, `progress by bob: 40 %`.
pub fn step(event: &TaskEvent) -> String {
    let by = event.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
    let said = |name: &str| match event.data.get(name).and_then(Value::as_str) {
        Some(text) => format!(": {text}"),
        None => String::new(),
    };
    match event.kind {
        Kind::Repeated => match event.data.get("occurrenceCount").and_then(Value::as_i64) {
            Some(count) => format!("reported again{by} ({count} times)"),
            None => format!("reported again{by}"),
        },
        Kind::Released => format!("open again: {}", released(event)),
        Kind::Done if event.by.is_none() => format!("done: its source says so{}", said("result")),
        Kind::Progress | Kind::Blocked => format!("{}{by}{}", event.kind, said("progress")),
        Kind::Created => format!("created{by}"),
        Kind::Claimed => format!("claimed{by}"),
        Kind::Done | Kind::Failed | Kind::Cancelled => {
            format!("{}{by}{}", event.kind, said("result"))
        }
    }
}

fn released(event: &TaskEvent) -> String {
    let reason = event.data.get("reason").cloned().unwrap_or_default();
    let reason = serde_json::from_value(reason).unwrap_or(ReleaseReason::Unknown);
    let by = event.by.as_ref().map_or("its holder", AgentId::as_str);
    match reason {
        ReleaseReason::Lapsed => format!("{by} was not heard of"),
        ReleaseReason::Offline => format!("{by} went offline"),
        _ => format!("released by {by}"),
    }
}

/// What happened to a task, in a line of the live stream.
pub fn happened(task: &Task, event: &TaskEvent) -> String {
    let (id, what) = (task.id, inline(&step(event)));
    match event.kind {
        Kind::Created => format!(
            "task {id} from {} ({}, for {}): {}",
            task.source,
            task.severity,
            inline(&task.target.to_string()),
            inline(&task.title)
        ),
        _ => format!("task {id} {what}"),
    }
}

#[cfg(test)]
mod tests;
