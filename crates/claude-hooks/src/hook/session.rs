//! Sessions: who this one is, its beginning and its end.

use std::{
    fs::{self, File},
    io::{Read, Seek, SeekFrom},
    path::Path,
    process::{Command, Stdio},
    thread::sleep,
    time::Duration,
};

use relay_client::{config::Config, identity::Process, place::write_private};
use relay_core::{agent::Status, id::AgentId, prompt::Primer};
use serde_json::json;

use super::{Answer, Desk, Input};
use crate::{
    mailbox::{Mailbox, open_lock},
    place::Place,
    process,
    program::ring,
    seat::Seat,
    shortcut,
    status::Mood,
};

/// What the companion has heard from the relay, for the primer.
pub const RELAY: &str = "relay";
/// The session is over, and the companion shall go.
pub const END: &str = "end";
/// Another process is this agent; no companion is started again but by a new session.
pub const REPLACED: &str = "replaced";
/// How long the primer may wait for the relay's version.
const HEARING: Duration = Duration::from_millis(400);
/// How much of a transcript is looked through for mail that a crash cut off.
const TRANSCRIPT: u64 = 32 << 20;
/// A session that cannot be told from so many others is not registered.
const MOST_CLAIMANTS: u32 = 64;

/// A session begins, or goes on after `/clear`, a compaction or a crash.
pub fn start(place: &Place, input: &Input) -> Answer {
    let config = match Config::from_env() {
        Ok(config) => config,
        Err(error) => return off(&error.to_string()),
    };
    let Some(claude) = process::claude() else { return Answer::default() };
    let (seat, warnings) = match sit(place, input, &config, claude) {
        Ok(seated) => seated,
        Err(error) => return off(&error.to_string()),
    };
    let mailbox = seat.mailbox(place);
    if input.source != "compact" {
        Mood::new(Status::Idle, None).save(&mailbox);
    }
    ring_or_start(place, &seat);
    let version = hear(&mailbox);
    let primer = Primer {
        me: &seat.agent,
        relay: &config.url,
        version: version.as_deref(),
        approval: seat.approval,
        warnings: &[warnings, differing(version.as_deref())].concat(),
    };
    Answer::output(&json!({
        "hookEventName": "SessionStart",
        "additionalContext": primer.text(),
        "watchPaths": [mailbox.nudge_file()],
    }))
}

fn off(why: &str) -> Answer {
    Answer::context("SessionStart", &format!("Agent Relay is off in this session: {why}"))
}

fn differing(version: Option<&str>) -> Vec<String> {
    version
        .and_then(|theirs| relay_core::version::warning(relay_core::version::VERSION, theirs))
        .into_iter()
        .collect()
}

/// Finds out who the session is and writes it down; with what the person should know.
fn sit(
    place: &Place,
    input: &Input,
    config: &Config,
    claude: u32,
) -> std::io::Result<(Seat, Vec<String>)> {
    let _one = open_lock(&place.start_lock()).and_then(|file| file.lock().map(|()| file))?;
    let started_at = Process::find(claude).map(|process| process.started_at);
    let before = Seat::of(place, claude).filter(|seat| seat.pid_started_at == started_at);
    let wanted = wanted(place, input, config, before.as_ref());
    let (agent, warnings) = free(place, &wanted, claude, started_at);
    let seat = Seat {
        agent,
        session: input.session_id.clone(),
        pid: claude,
        pid_started_at: started_at,
        cwd: input.cwd.clone().into(),
        approval: config.approval,
    };
    let mailbox = seat.mailbox(place);
    mailbox.create()?;
    for stale in [END, REPLACED] {
        let _ = fs::remove_file(mailbox.file(stale));
    }
    if before.as_ref().is_none_or(|before| before.agent != seat.agent) {
        let _ = fs::remove_file(mailbox.file(RELAY));
        mailbox.recover(&tail(Path::new(&input.transcript_path)));
    }
    shortcut::begin(place, &seat)?;
    seat.save(place)?;
    let owner = serde_json::to_string(&seat).map_err(std::io::Error::other)?;
    write_private(&mailbox.file("owner.json"), &owner)?;
    if wanted == seat.agent {
        write_private(&place.session(&seat.session), seat.agent.as_str())?;
    }
    Ok((seat, warnings))
}

/// The agent that this session is, or was: by the map, by the process, by the settings, else a new
/// one that is the same for the same session.
fn wanted(place: &Place, input: &Input, config: &Config, before: Option<&Seat>) -> AgentId {
    let mapped = fs::read_to_string(place.session(&input.session_id)).ok();
    let mapped = mapped.and_then(|id| id.trim().parse().ok());
    let same_process = before.map(|seat| seat.agent.clone());
    mapped.or(same_process).or_else(|| config.agent.clone()).unwrap_or_else(|| {
        let host = gethostname::gethostname().to_string_lossy().into_owned();
        let folder = Path::new(&input.cwd).file_name().and_then(|name| name.to_str());
        AgentId::of_session(&host, folder.unwrap_or("root"), &input.session_id)
    })
}

/// The id itself, or with a number where another live process is that agent.
fn free(place: &Place, wanted: &AgentId, pid: u32, at: Option<u64>) -> (AgentId, Vec<String>) {
    let taken = |id: &AgentId| {
        let owner = fs::read_to_string(place.mailbox(id).join("owner.json")).ok();
        let owner = owner.and_then(|text| serde_json::from_str::<Seat>(&text).ok());
        owner.is_some_and(|owner| {
            let another = owner.pid != pid || owner.pid_started_at != at;
            let sits = Seat::of(place, owner.pid).is_some_and(|seat| seat.agent == *id);
            // A process may live on for a moment after its session has said goodbye.
            let is_over = place.mailbox(id).join(END).exists();
            another && sits && !is_over && owner.is_taken()
        })
    };
    if !taken(wanted) {
        return (wanted.clone(), Vec::new());
    }
    let numbered = (2..MOST_CLAIMANTS).find_map(|number| {
        let id: AgentId = format!("{wanted}-{number}").parse().ok()?;
        (!taken(&id)).then_some(id)
    });
    let id = numbered.unwrap_or_else(|| wanted.clone());
    let warning = format!("another live session is `{wanted}`, so that this one is `{id}`");
    (id, vec![warning])
}

/// The end of a file.
fn tail(path: &Path) -> String {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TRANSCRIPT)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    String::from_utf8_lossy(&read().unwrap_or_default()).into_owned()
}

/// Lets the companion look, or starts one where there is none.
pub fn ring_or_start(place: &Place, seat: &Seat) {
    let mailbox = seat.mailbox(place);
    if ring(&mailbox) || mailbox.file(REPLACED).exists() {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let log = open_lock(&mailbox.file("companion.log"));
    let log = log.and_then(|file| file.set_len(0).map(|()| file));
    let mut command = Command::new(program);
    command.args(["companion", seat.agent.as_str(), &seat.pid.to_string()]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).current_dir("/");
    command.stderr(log.map_or_else(|_| Stdio::null(), Stdio::from));
    // What ends the hook's processes, or the terminal's, does not end it; it watches Claude.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    // Without it the session goes on, and is no agent.
    let _ = command.spawn();
}

/// Waits a little for the companion to have reached the relay.
fn hear(mailbox: &Mailbox) -> Option<String> {
    let step = Duration::from_millis(10);
    for _ in 0..HEARING.as_millis() / step.as_millis() {
        if let Ok(version) = fs::read_to_string(mailbox.file(RELAY)) {
            return Some(version);
        }
        sleep(step);
    }
    None
}

/// The session ends. What `/clear` ends goes on under another name.
pub fn end(desk: &Desk, input: &Input) -> Answer {
    if input.reason == "clear" {
        desk.mailbox.end_turn();
    } else {
        let _ = write_private(&desk.mailbox.file(END), &input.session_id);
    }
    ring(&desk.mailbox);
    Answer::default()
}
