//! What is wrong with an answer.

use serde_json::Value;

use crate::{
    case::Case,
    template::render,
    wire::Answer,
    world::{PATIENCE, World},
};

/// The most characters of a request that may come back in an error.
const MOST_ECHOED: usize = 200;

/// Tries a case and lists what did not go as it should.
pub async fn on(world: &World, case: &Case) -> Vec<String> {
    let before = world.stored().await;
    let sending = case.sending(&world.values);
    let answers = match sending.exchange(world.relay.address(), PATIENCE).await {
        Ok(answers) => answers,
        Err(why) => return vec![why],
    };
    let mut complaints = Vec::new();
    for answer in &answers {
        complaints.extend(on_answer(world, case, answer));
        complaints.extend(echo(&sending.bytes, answer));
    }
    let succeeded = answers.iter().all(|answer| (200..300).contains(&answer.status));
    if (!succeeded || case.only_reads()) && world.stored().await != before {
        complaints.push("something was stored".into());
    }
    complaints.extend(on_health(world).await);
    complaints
}

/// What an answer by itself shows.
pub fn on_answer(world: &World, case: &Case, answer: &Answer) -> Vec<String> {
    let mut complaints = Vec::new();
    let guarded = world.values.token("ADMIN").is_some();
    let status = if guarded { case.status } else { case.open.unwrap_or(case.status) };
    let code = case.code.as_deref().filter(|_| status == case.status);
    if answer.status != status || code.is_some_and(|code| code != said(answer)) {
        complaints.push(format!(
            "expected {status} {}, got {} {}",
            code.unwrap_or_default(),
            answer.status,
            answer.text().chars().take(300).collect::<String>()
        ));
    }
    // What the HTTP library refuses before there is a request has no body.
    let is_request = case.request.is_some() && case.method() != Some("HEAD");
    if answer.status >= 400 && (is_request || !answer.body.is_empty()) {
        complaints.extend(form(answer));
    }
    let whole = format!("{}{}", answer.head, answer.text());
    if world.secrets.iter().any(|secret| whole.contains(secret)) {
        complaints.push("a secret came back".into());
    }
    if answer.status == status {
        complaints.extend(details(world, case, answer));
    }
    complaints
}

fn said(answer: &Answer) -> String {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    body["error"]["code"].as_str().unwrap_or_default().to_owned()
}

/// An error is an object with a code and a message, of the right media type.
fn form(answer: &Answer) -> Option<String> {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let good = body["error"]["code"].is_string()
        && body["error"]["message"].as_str().is_some_and(|message| !message.is_empty())
        && answer.header("content-type") == Some("application/json");
    (!good).then(|| format!("no error of the API's form: {} {}", answer.head, answer.text()))
}

fn details(world: &World, case: &Case, answer: &Answer) -> Vec<String> {
    let mut complaints = Vec::new();
    let text = answer.text();
    let holds = |part: &str| {
        let part = render(part, &world.values);
        text.contains(&*String::from_utf8_lossy(&part))
    };
    for part in case.says.iter().filter(|part| !holds(part)) {
        complaints.push(format!("`{part}` is not in the body: {text}"));
    }
    for part in case.hides.iter().filter(|part| holds(part)) {
        complaints.push(format!("`{part}` is in the body: {text}"));
    }
    for header in &case.has {
        let (name, value) = header.split_once(": ").unwrap_or((header, ""));
        if !answer.header(name).is_some_and(|own| own.contains(value)) {
            complaints.push(format!("`{header}` is not in the head: {}", answer.head));
        }
    }
    for name in case.lacks.iter().filter(|name| answer.header(name).is_some()) {
        complaints.push(format!("`{name}` is in the head: {}", answer.head));
    }
    complaints
}

/// An error may name what was wrong, and not repeat it all.
fn echo(sent: &[u8], answer: &Answer) -> Option<String> {
    if answer.status < 400 {
        return None;
    }
    let sent = String::from_utf8_lossy(sent);
    let text: Vec<char> = answer.text().chars().collect();
    let echoed = text
        .windows(MOST_ECHOED + 1)
        .map(|window| window.iter().collect::<String>())
        .find(|window| sent.contains(window.as_str()));
    echoed.map(|text| format!("more than {MOST_ECHOED} characters came back: {text}"))
}

/// What is wrong with the relay after it answered.
pub async fn on_health(world: &World) -> Option<String> {
    if !world.without_streams().await {
        return Some("its stream stayed open".into());
    }
    let health = world.ask("GET", "/health", None, None).await;
    (health.status != 200).then(|| format!("/health says {}", health.status))
}
