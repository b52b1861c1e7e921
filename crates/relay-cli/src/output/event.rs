//! How an event of the live stream reads: one line for what a person would tell another.

use relay_core::{
    agent::Agent,
    event::{Event, Name, ReleaseReason},
    id::AgentId,
    message::Message,
};

use super::{FAINT, agent::status, inline, message::View, pair, task};

/// The event in a line; none where there is nothing to tell.
pub fn line(event: &Event, view: &View) -> Option<String> {
    if let (Name::MessageNew, Some(message)) = (event.name, &event.message) {
        return Some(new(event, message, view));
    }
    let text = if let Some(message) = &event.message {
        about_message(event, message)?
    } else if let (Some(task), Some(step)) = (&event.task, &event.task_event) {
        task::happened(task, step)
    } else if let Some(pair) = &event.pair {
        pair::happened(pair, event)?
    } else if let Some(agent) = &event.agent {
        about_agent(event, agent)?
    } else {
        about_reading(event)?
    };
    Some(format!("{FAINT}{text}{FAINT:#}"))
}

/// A message; one that waited for this reader says why it comes now.
fn new(event: &Event, message: &Message, view: &View) -> String {
    let text = view.brief(message);
    match &event.addressed_to {
        Some(agent) => format!("{FAINT}now open to {agent}:{FAINT:#} {text}"),
        None => text,
    }
}

fn about_message(event: &Event, message: &Message) -> Option<String> {
    let task_tells = message.task_id.is_some() && event.name != Name::MessageDeleted;
    if task_tells {
        return None;
    }
    let (id, by) = (message.id, who(event.by.as_ref()));
    Some(match event.name {
        Name::MessageClaimed => format!("msg:{id} claimed by {by}"),
        Name::MessageDone => format!("msg:{id} done by {by}"),
        Name::MessageDeleted => format!("msg:{id} deleted by {by}"),
        Name::MessageClaimReleased => match event.reason {
            Some(ReleaseReason::Lapsed) => format!("msg:{id} is open again: {by} was not heard of"),
            Some(ReleaseReason::Offline) => format!("msg:{id} is open again: {by} went offline"),
            _ => format!("msg:{id} is open again: released by {by}"),
        },
        _ => return None,
    })
}

fn about_agent(event: &Event, agent: &Agent) -> Option<String> {
    let label = agent.label.as_ref().map(|l| format!(" \"{}\"", inline(l))).unwrap_or_default();
    let who = format!("{}{label}", agent.id);
    Some(match event.name {
        Name::AgentRegistered if event.taken_over => format!("{who} joined, without proof"),
        Name::AgentRegistered => format!("{who} joined"),
        Name::AgentStatus => format!("{who} is {}", status(agent)),
        Name::AgentRemoved => format!("{who} was removed"),
        _ => return None,
    })
}

fn about_reading(event: &Event) -> Option<String> {
    let (id, by) = (event.message_id?, who(event.by.as_ref()));
    Some(match event.name {
        Name::MessageRead => format!("msg:{id} read by {by}"),
        Name::MessageHandled => format!("msg:{id} handled by {by}"),
        _ => return None,
    })
}

fn who(agent: Option<&AgentId>) -> &str {
    agent.map_or("somebody", AgentId::as_str)
}

#[cfg(test)]
mod tests {
    use relay_core::{id::Seq, time::Timestamp};
    use serde_json::{Value, json};

    use super::*;

    fn told(extra: &Value) -> Option<String> {
        let mut event = json!({"seq": 9, "at": 0});
        event.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let event: Event = serde_json::from_value(event).unwrap();
        let view = View { me: "me".parse().unwrap(), now: Timestamp(0) };
        line(&event, &view).map(|text| anstream::adapter::strip_str(&text).to_string())
    }

    #[test]
    fn what_happened_is_told_in_a_line() {
        let message = json!({
            "id": 7, "from": "a", "to": "me", "body": "hi", "kind": "chat", "urgency": "normal",
            "threadId": 7, "claimable": true, "verified": true, "createdAt": 0,
        });
        for (event, text) in [
            (json!({"name": "message.new", "message": message}), "[msg:7] from a (claimable): hi"),
            (
                json!({"name": "message.claimed", "message": message, "by": "b"}),
                "msg:7 claimed by b",
            ),
            (
                json!({"name": "message.claim_released", "message": message, "by": "b", "reason": "lapsed"}),
                "msg:7 is open again: b was not heard of",
            ),
            (json!({"name": "message.read", "messageId": 7, "by": "b"}), "msg:7 read by b"),
            (
                json!({"name": "message.new", "message": message, "addressedTo": "me"}),
                "now open to me: [msg:7] from a (claimable): hi",
            ),
        ] {
            assert_eq!(told(&event).as_deref(), Some(text));
        }
    }

    #[test]
    fn an_event_of_a_newer_relay_is_passed_over() {
        assert_eq!(told(&json!({"name": "moon.phase"})), None);
        let event = Event::new(Seq(1), Name::Hello, Timestamp(0));
        let view = View { me: "me".parse().unwrap(), now: Timestamp(0) };
        assert_eq!(line(&event, &view), None);
    }
}
