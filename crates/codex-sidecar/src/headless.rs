//! A session without a terminal: a thread that is kept alive until somebody ends it, and the command
//! that attaches a terminal to it.

use std::{ffi::OsString, path::Path, process::ExitCode, time::Duration};

use relay_client::{
    Config,
    config::state_dir,
    core::{id::AgentId, version::VERSION},
    identity::{self, Found, Lookup},
    place::write_private,
};
use serde::Serialize;
use serde_json::json;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use crate::{
    app_server::{
        Address, CallError, Client, Notices,
        protocol::{Input, NameThread, ResumeThread, StartThread, StartTurn},
    },
    args::Session,
    bridge::Mode,
    failure::{Failure, data, note},
    launch::{Launch, Signals, TOKEN_VARIABLE, remove},
};

/// How long the bridge may take to make the thread an agent, before the command is printed without.
const AGENT: Duration = Duration::from_secs(5);
/// Between one look, or attempt, and the next.
const PAUSE: Duration = Duration::from_millis(200);

/// What is printed.
#[derive(Serialize)]
struct Attachment<'a> {
    url: &'a str,
    thread: &'a str,
    agent: Option<AgentId>,
    attach: &'a str,
}

/// Runs it until somebody ends it.
pub async fn run(session: Session, json: bool) -> Result<ExitCode, Failure> {
    let task = Task::read(&session)?;
    let configuration = configuration(&session)?;
    let mut signals = Signals::listen()
        .map_err(|error| Failure::refused(format_args!("cannot begin: {error}")))?;
    let mut launch = Launch::start(&session, &configuration, Mode::Headless).await?;
    let file = launch.seat.file("token");
    let ended = tokio::select! {
        ended = attend(&mut launch, &task, &file, json) => ended,
        () = signals.ended_or_typed() => Ok(()),
    };
    remove(&file);
    launch.end().await;
    ended.map(|()| ExitCode::SUCCESS)
}

/// What the thread is, and is to do.
#[derive(Debug, PartialEq, Eq)]
struct Task {
    resume: Option<String>,
    prompt: Option<String>,
}

impl Task {
    fn read(session: &Session) -> Result<Self, Failure> {
        let words: Vec<_> = session.words.iter().map(|word| word.to_string_lossy()).collect();
        let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
        let (resume, prompt) = match words[..] {
            [] => (None, None),
            ["resume", id] => (Some(id), None),
            ["resume", id, prompt] => (Some(id), Some(prompt)),
            ["resume" | "fork" | "agents", ..] => {
                return Err(Failure::usage("a session without a terminal cannot ask which one")
                    .hint("codex-relay --headless resume ID"));
            }
            [prompt] => (None, Some(prompt)),
            [_, more, ..] => {
                return Err(Failure::usage(format_args!("`{more}` is one word too many")));
            }
        };
        Ok(Self { resume: resume.map(str::to_owned), prompt: prompt.map(str::to_owned) })
    }
}

/// The terminal's options, as configuration; there is no terminal that could see to them.
fn configuration(session: &Session) -> Result<Vec<OsString>, Failure> {
    let mut configuration = Vec::new();
    for (name, value) in &session.options {
        let key = match name.as_str() {
            "--model" => "model",
            "--sandbox" => "sandbox_mode",
            "--ask-for-approval" => "approval_policy",
            _ => return Err(Failure::usage(format_args!("`{name}` is not for `--headless`"))),
        };
        let value = json!(value.to_string_lossy());
        configuration.extend(["-c".into(), format!("{key}={value}").into()]);
    }
    Ok(configuration)
}

/// Begins the thread, says how to attach, and keeps it until the app-server is given up.
async fn attend(launch: &mut Launch, task: &Task, file: &Path, json: bool) -> Result<(), Failure> {
    let mut address = launch.server.address();
    let Some(first) = address.borrow_and_update().clone() else {
        return Err(Failure::refused("codex app-server has ended at once"));
    };
    let begun = begin(&first, launch, task).await.map_err(Failure::refused)?;
    let (connection, thread) = begun;
    write_private(file, launch.token.text())
        .map_err(|error| Failure::file("write", file, &error))?;
    let attach = attach(&launch.program, &first.url, file, &thread);
    say(&Attachment { url: &first.url, thread: &thread, agent: None, attach: &attach }, json)
        .await?;
    tokio::select! {
        () = keep(connection, address, &thread) => {}
        () = launch.server.gone() => {}
    }
    Err(Failure::refused("codex app-server ended again and again"))
}

async fn say(attachment: &Attachment<'_>, json: bool) -> Result<(), Failure> {
    let agent = timeout(AGENT, agent_of(attachment.thread)).await.ok();
    if json {
        let whole = Attachment { agent, ..*attachment };
        return data(&format!("{}\n", json!(whole)));
    }
    match agent {
        Some(agent) => note(&format!("agent `{agent}` is there; Ctrl-C ends it. To attach:")),
        None => note("the session is there, and no agent yet; Ctrl-C ends it. To attach:"),
    }
    data(&format!("{}\n", attachment.attach))
}

type Connection = (Client, Notices);

/// Makes or resumes the thread. Whoever begins it hears of it, so that it stays loaded.
async fn begin(
    address: &Address,
    launch: &Launch,
    task: &Task,
) -> Result<(Connection, String), CallError> {
    let (client, notices, _) = Client::connect(address, VERSION).await?;
    let thread_id = if let Some(id) = &task.resume {
        resume(&client, id).await?
    } else {
        new(&client, &launch.folder).await?
    };
    if let Some(prompt) = &task.prompt {
        let start = StartTurn {
            thread_id: thread_id.clone(),
            input: vec![Input::Text { text: prompt.clone() }],
            client_user_message_id: "codex-relay-prompt".into(),
            turn_trigger: "user",
            tool_output: None,
        };
        client.call(&start).await?;
    }
    Ok(((client, notices), thread_id))
}

async fn new(client: &Client, folder: &Path) -> Result<String, CallError> {
    let cwd = folder.to_string_lossy().into_owned();
    let opened = client.call(&StartThread { cwd, ..StartThread::default() }).await?;
    // The name gives a thread without turns its file: without one, nobody can attach.
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let thread_id = opened.thread.id;
    client
        .call(&NameThread { thread_id: thread_id.clone(), name: format!("{name} (headless)") })
        .await?;
    Ok(thread_id)
}

async fn resume(client: &Client, thread: &str) -> Result<String, CallError> {
    let resume = ResumeThread { thread_id: thread.to_owned(), exclude_turns: true };
    Ok(client.call(&resume).await?.thread.id)
}

/// Stays subscribed, over restarts of the app-server: it unloads a thread that nobody hears of.
async fn keep(connection: Connection, mut address: watch::Receiver<Option<Address>>, thread: &str) {
    let mut connection = Some(connection);
    loop {
        if let Some((_client, mut notices)) = connection.take() {
            while notices.recv().await.is_some() {}
        }
        let Ok(now) = address.wait_for(Option::is_some).await.map(|now| now.clone()) else {
            return;
        };
        let Some(now) = now else { continue };
        match again(&now, thread).await {
            Ok(next) => connection = Some(next),
            Err(error) => {
                tracing::warn!(%error, "the thread is not resumed yet");
                sleep(PAUSE).await;
            }
        }
    }
}

async fn again(address: &Address, thread: &str) -> Result<Connection, CallError> {
    let (client, notices, _) = Client::connect(address, VERSION).await?;
    resume(&client, thread).await?;
    Ok((client, notices))
}

/// Waits until the bridge has written down which agent the thread is.
async fn agent_of(thread: &str) -> AgentId {
    loop {
        if let Some(agent) = written_down(thread) {
            return agent;
        }
        sleep(PAUSE).await;
    }
}

fn written_down(thread: &str) -> Option<AgentId> {
    let config = Config::from_env().ok()?;
    let lookup = Lookup {
        sessions: vec![thread.to_owned()],
        variable: None,
        folder: state_dir().ok()?.join("sessions"),
        ..Lookup::new(None, &config).ok()?
    };
    let identity = identity::find(&lookup).ok()??;
    (identity.found == Found::Session).then_some(identity.agent)
}

/// The command that attaches a terminal, for a POSIX shell. The token is read by that shell, so that
/// it stands on no command line.
fn attach(program: &Path, url: &str, token: &Path, thread: &str) -> String {
    let (program, token) = (quoted(&program.to_string_lossy()), quoted(&token.to_string_lossy()));
    format!(
        "{TOKEN_VARIABLE}=\"$(cat {token})\" {program} resume --remote {url} \
         --remote-auth-token-env {TOKEN_VARIABLE} {thread}"
    )
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(words: &[&str], options: &[(&str, &str)]) -> Session {
        Session {
            words: words.iter().map(OsString::from).collect(),
            options: options.iter().map(|(n, v)| ((*n).to_owned(), v.into())).collect(),
            ..Session::default()
        }
    }

    #[test]
    fn a_thread_is_new_or_named() {
        let read = |words: &[&str]| {
            let task = Task::read(&session(words, &[])).ok()?;
            Some((task.resume, task.prompt))
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(read(&[]), Some((None, None)));
        assert_eq!(read(&["do it"]), Some((None, some("do it"))));
        assert_eq!(read(&["resume", "01a"]), Some((some("01a"), None)));
        assert_eq!(read(&["resume", "01a", "go on"]), Some((some("01a"), some("go on"))));
        for refused in [&["resume"][..], &["fork", "x"], &["agents"], &["two", "words"]] {
            assert_eq!(read(refused), None, "{refused:?}");
        }
    }

    #[test]
    fn options_of_the_terminal_are_configuration_or_refused_by_name() {
        let told =
            configuration(&session(&[], &[("--model", "gpt-5"), ("--sandbox", "read-only")]));
        let expected = ["-c", "model=\"gpt-5\"", "-c", "sandbox_mode=\"read-only\""];
        assert_eq!(told.unwrap(), expected.map(OsString::from));
        let refused = configuration(&session(&[], &[("--search", "")])).unwrap_err();
        assert_eq!(refused.to_string(), "`--search` is not for `--headless`");
    }

    #[test]
    fn the_command_survives_a_shell() {
        let file = Path::new("/srv/it's here/token");
        let line = attach(Path::new("/srv/codex"), "ws://127.0.0.1:1", file, "01a");
        assert_eq!(
            line,
            "AGENT_RELAY_CODEX_TOKEN=\"$(cat '/srv/it'\\''s here/token')\" /srv/codex resume \
             --remote ws://127.0.0.1:1 --remote-auth-token-env AGENT_RELAY_CODEX_TOKEN 01a"
        );
    }
}
