//! Hooks: the plugin's own commands, each in a shell as Claude Code starts them, with everything that
//! they start in turn. This process stands for Claude's.

use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;

use super::Rows;

const SESSION: &str = "bench";
/// In which the system counts processor time: a hundredth of a second, wherever Linux runs.
const TICK_MS: f64 = 10.0;

/// Adds the rows.
pub fn measure(rows: &mut Rows, program: &Path, runs: usize) -> io::Result<()> {
    if children_ticks().is_none() {
        rows.miss("not measured: what hooks cost, because this system does not tell it in /proc");
        return Ok(());
    }
    let bare = cost(runs, &mut || run(&mut shell(":"), "{}"))?;
    let open = User::new(program, "open")?;
    let before = open.cost("PreToolUse", runs)?;
    let after = open.cost("PostToolUse", runs)?;
    drop(open);
    let strict = User::new(program, "read-only")?.cost("PreToolUse", runs)?;
    rows.add("a shell that does nothing, processor time", bare.processor, "ms", None);
    rows.add("hook before a tool, processor time", before.processor, "ms", None);
    rows.add("hook after a tool, processor time", after.processor, "ms", None);
    rows.add("hooks per tool call, processor time", before.processor + after.processor, "ms", None);
    rows.add("hooks per tool call, from start to end", before.wall + after.wall, "ms", Some(13.2));
    rows.add("hook before a tool in read-only, processor time", strict.processor, "ms", None);
    Ok(())
}

/// What one run costs, on average.
struct Cost {
    processor: f64,
    wall: f64,
}

fn cost(runs: usize, run: &mut dyn FnMut() -> io::Result<()>) -> io::Result<Cost> {
    // The first ones bring the files into memory.
    for _ in 0..runs / 10 {
        run()?;
    }
    let ticks = children_ticks().unwrap_or_default();
    let started = Instant::now();
    for _ in 0..runs {
        run()?;
    }
    let wall = started.elapsed().as_secs_f64() * 1e3 / runs as f64;
    let ticks = children_ticks().unwrap_or_default() - ticks;
    Ok(Cost { processor: ticks * TICK_MS / runs as f64, wall })
}

/// The processor time of all children that have ended, and of theirs.
fn children_ticks() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name before it may hold anything, even brackets.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let field = |number: usize| fields.get(number)?.parse::<f64>().ok();
    Some(field(13)? + field(14)?)
}

/// A user with the plugin, in whose session a turn runs.
struct User {
    home: TempDir,
    plugin: PathBuf,
    approval: &'static str,
    path: String,
}

impl User {
    fn new(program: &Path, approval: &'static str) -> io::Result<Self> {
        let plugin = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../providers/claude");
        let folder = program.canonicalize()?.parent().map(Path::to_owned).unwrap_or_default();
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", folder.display());
        let user =
            Self { home: tempfile::tempdir()?, plugin: plugin.canonicalize()?, approval, path };
        user.hook("SessionStart")?;
        user.hook("UserPromptSubmit")?;
        Ok(user)
    }

    fn cost(&self, event: &str, runs: usize) -> io::Result<Cost> {
        let (command, input) = (self.command(event)?, input(event));
        cost(runs, &mut || run(&mut self.shell(&command), &input))
    }

    fn hook(&self, event: &str) -> io::Result<()> {
        run(&mut self.shell(&self.command(event)?), &input(event))
    }

    /// The plugin's command for an event.
    fn command(&self, event: &str) -> io::Result<String> {
        let hooks = fs::read_to_string(self.plugin.join("hooks/hooks.json"))?;
        let hooks: Value = serde_json::from_str(&hooks)?;
        let command = hooks["hooks"][event][0]["hooks"][0]["command"].as_str();
        let missing = || io::Error::other(format!("the plugin has no hook for {event}"));
        Ok(command.ok_or_else(missing)?.to_owned())
    }

    fn shell(&self, command: &str) -> Command {
        let mut shell = shell(command);
        shell.env("PATH", &self.path).env("HOME", self.home.path());
        shell.env("CLAUDE_PLUGIN_ROOT", &self.plugin);
        shell.env("CLAUDE_PLUGIN_DATA", self.home.path().join("data"));
        shell.env("CLAUDE_CODE_SESSION_ID", SESSION);
        shell.env("AGENT_RELAY_APPROVAL", self.approval);
        // There is none: no hook speaks to a relay.
        shell.env("AGENT_RELAY_URL", "http://127.0.0.1:9");
        shell
    }
}

impl Drop for User {
    fn drop(&mut self) {
        let _ = self.hook("SessionEnd");
        // Its companion ends once it has seen that, and must find the folder until then.
        std::thread::sleep(Duration::from_secs(1));
    }
}

fn shell(command: &str) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", command]).env_clear();
    shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    shell
}

fn run(command: &mut Command, input: &str) -> io::Result<()> {
    let mut child = command.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // Who does not read its input has ended already.
        let _ = stdin.write_all(input.as_bytes());
    }
    let status = child.wait()?;
    let failed = || io::Error::other(format!("a hook ended with {status}"));
    if status.success() { Ok(()) } else { Err(failed()) }
}

fn input(event: &str) -> String {
    let input = json!({
        "hook_event_name": event, "session_id": SESSION, "cwd": "/", "source": "startup",
        "transcript_path": "", "permission_mode": "default", "prompt": "hello", "reason": "other",
        "tool_name": "Bash", "tool_input": {"command": "cargo test", "description": "Run tests"},
        "tool_response": {"stdout": "ok", "stderr": "", "interrupted": false},
    });
    input.to_string()
}
