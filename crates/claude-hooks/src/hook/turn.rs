//! Turns: mail comes into the context as they begin and after each tool, and is done with as they
//! end.

use relay_core::{agent::Status, prompt::Reader};
use serde_json::json;

use super::{Answer, Desk, Input};
use crate::{clock, nudge, path::Via, program::ring, status::Mood};

/// A person's prompt, or a nudge of ours.
pub fn begin(desk: Desk, input: &Input) -> Answer {
    keep_mode(&desk, &input.permission_mode);
    let via = nudge::via(&input.prompt);
    let given = give(desk.mailbox.clone(), &reader(&desk), &input.hook_event_name, via, true);
    let answer = match given {
        None if is_late(&desk, &input.prompt) => late(),
        given => {
            desk.be(Status::Busy, None);
            given.unwrap_or_default()
        }
    };
    // The companion may have died; the next turn's mail needs one.
    let after = answer.after;
    Answer { after: None, ..answer }.then(move || {
        if let Some(after) = after {
            after();
        }
        super::session::ring_or_start(&desk.place, &desk.seat);
    })
}

/// A nudge alone, for mail that was taken before it came. In a running turn it costs nothing.
fn is_late(desk: &Desk, prompt: &str) -> bool {
    let idle = Mood::of_hooks(&desk.mailbox).is_some_and(|mood| mood.status == Status::Idle);
    idle && nudge::is_alone(prompt) && desk.mailbox.pending() == 0
}

/// No turn: Claude Code says so in two lines, and the model hears nothing of it.
fn late() -> Answer {
    let reason = "Agent Relay: the mail that this nudge was for has come already.";
    let stdout = json!({"decision": "block", "reason": reason, "suppressOutput": true});
    Answer { stdout: stdout.to_string(), ..Answer::default() }
}

/// Between two tools the model reads what has come meanwhile. A subagent is not who is written to.
pub fn after_tool(desk: Desk, input: &Input) -> Answer {
    if input.agent_id.is_some() {
        return Answer::default();
    }
    let waited = Mood::of_hooks(&desk.mailbox).is_some_and(|mood| mood.status != Status::Busy);
    if waited {
        desk.be(Status::Busy, None);
        ring(&desk.mailbox);
    }
    if desk.mailbox.pending() == 0 {
        return Answer::default();
    }
    let (reader, event) = (reader(&desk), &input.hook_event_name);
    give(desk.mailbox, &reader, event, Via::Tool, false).unwrap_or_default()
}

/// Gives what has come. Nothing while another hook gives it, and where there is nothing.
fn give(
    mailbox: crate::mailbox::Mailbox,
    reader: &Reader,
    event: &str,
    via: Via,
    later: bool,
) -> Option<Answer> {
    let lock = mailbox.try_lock()?;
    let batch = mailbox.batch(reader, later);
    if batch.text.is_empty() {
        return None;
    }
    let answer = Answer::context(event, &batch.text);
    Some(answer.then(move || {
        mailbox.taken(&batch, via);
        drop(lock);
        ring(&mailbox);
    }))
}

/// A person is asked.
pub fn wait(desk: &Desk, input: &Input) -> Answer {
    desk.be(Status::Waiting, Some(&format!("permission: {}", input.tool_name)));
    ring(&desk.mailbox);
    Answer::default()
}

/// A tool is a question to the person.
pub fn ask(desk: &Desk, input: &Input) -> Answer {
    if input.agent_id.is_none() {
        desk.be(Status::Waiting, Some("question"));
        ring(&desk.mailbox);
    }
    Answer::default()
}

/// The model has finished: what it had is handled.
pub fn end(desk: &Desk) -> Answer {
    desk.mailbox.end_turn();
    desk.be(Status::Idle, None);
    ring(&desk.mailbox);
    Answer::default()
}

/// The turn has ended without an answer, so that what it had is not handled.
pub fn fail(desk: &Desk) -> Answer {
    desk.be(Status::Idle, None);
    ring(&desk.mailbox);
    Answer::default()
}

/// The watched file has changed. With code 2 what stands on stderr becomes a turn.
pub fn wake(desk: &Desk, input: &Input) -> Answer {
    let ours = desk.mailbox.nudge_file();
    if std::path::Path::new(&input.file_path) != ours || input.event == "unlink" {
        return Answer::default();
    }
    let line = std::fs::read_to_string(&ours).unwrap_or_default();
    if desk.mailbox.pending() == 0 || line.is_empty() {
        return Answer::default();
    }
    Answer { stderr: line, code: 2, ..Answer::default() }
}

/// Where nothing is asked, the session's socket holds back what does not come from its children.
fn keep_mode(desk: &Desk, mode: &str) {
    let file = desk.mailbox.file("mode");
    if !mode.is_empty() && std::fs::read_to_string(&file).ok().as_deref() != Some(mode) {
        let _ = relay_client::place::write_private(&file, mode);
    }
}

fn reader(desk: &Desk) -> Reader {
    Reader { me: desk.seat.agent.clone(), now: clock::now() }
}
