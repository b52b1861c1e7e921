use std::{
    fs,
    process::{Command, Stdio},
};

use super::{state_file::save_in, *};

struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn session(&self, agent: &str, session: Option<&str>, pid: u32) -> StateFile {
        let mut file =
            StateFile::new(agent.parse().unwrap(), "http://localhost:4850", "codex", pid);
        file.session = session.map(str::to_owned);
        file.token = Some(format!("token of {agent}"));
        save_in(&self.sessions(), &file).unwrap();
        file
    }

    fn sessions(&self) -> PathBuf {
        self.folder.path().join("sessions")
    }

    fn lookup(&self) -> Lookup {
        Lookup {
            folder: self.sessions(),
            named: None,
            variable: None,
            sessions: Vec::new(),
            pid: std::process::id(),
        }
    }

    fn files(&self) -> usize {
        fs::read_dir(self.sessions()).unwrap().count()
    }
}

fn who(lookup: &Lookup) -> Result<Option<(String, Found)>, String> {
    find(lookup)
        .map(|found| found.map(|identity| (identity.agent.to_string(), identity.found)))
        .map_err(|error| error.to_string())
}

#[test]
fn nobody_is_nobody() {
    assert_eq!(who(&Machine::new().lookup()), Ok(None));
}

#[test]
fn a_name_wins_over_the_variable_the_session_and_the_process() {
    let machine = Machine::new();
    let me = std::process::id();
    machine.session("of-session", Some("s-1"), me);
    machine.session("of-process", None, parent().unwrap().pid);
    let mut lookup = machine.lookup();
    lookup.pid = parent().unwrap().pid;
    let found = |id: &str, how| Ok(Some((id.to_owned(), how)));
    assert_eq!(who(&lookup), found("of-process", Found::Process));
    lookup.sessions = vec!["s-1".into()];
    assert_eq!(who(&lookup), found("of-session", Found::Session));
    lookup.variable = Some("of-variable".parse().unwrap());
    assert_eq!(who(&lookup), found("of-variable", Found::Variable));
    lookup.named = Some("named".parse().unwrap());
    assert_eq!(who(&lookup), found("named", Found::Named));
}

#[test]
fn a_named_agent_has_its_token_where_this_user_has_it() {
    let machine = Machine::new();
    machine.session("a", None, std::process::id());
    let mut lookup = machine.lookup();
    lookup.named = Some("A".parse().unwrap());
    assert_eq!(find(&lookup).unwrap().unwrap().token.as_deref(), Some("token of a"));
    lookup.named = Some("b".parse().unwrap());
    let stranger = find(&lookup).unwrap().unwrap();
    assert!(stranger.token.is_none() && stranger.session.is_none());
}

#[test]
fn the_nearest_ancestor_counts() {
    let machine = Machine::new();
    machine.session("outer", None, parent().unwrap().pid);
    machine.session("inner", None, std::process::id());
    assert_eq!(who(&machine.lookup()), Ok(Some(("inner".into(), Found::Process))));
}

#[test]
fn two_that_fit_equally_are_listed_and_neither_is_taken() {
    let machine = Machine::new();
    let me = std::process::id();
    machine.session("b", Some("s-2"), me);
    machine.session("a", Some("s-1"), me);
    let mut lookup = machine.lookup();
    let error = who(&lookup).unwrap_err();
    assert_eq!(error, "this may be any of `a`, `b`; say which with --agent");
    lookup.sessions = vec!["s-2".into()];
    assert_eq!(who(&lookup).unwrap().unwrap().0, "b", "the session decides");
}

#[test]
fn a_session_whose_process_is_gone_is_cleared_away() {
    let machine = Machine::new();
    let mut gone = Command::new(std::env::current_exe().unwrap());
    let mut gone = gone.arg("--list").stdout(Stdio::null()).spawn().unwrap();
    gone.wait().unwrap();
    machine.session("gone", Some("s-1"), gone.id());
    let mut reborn = machine.session("reborn", Some("s-1"), std::process::id());
    reborn.pid_started_at = Some(1);
    save_in(&machine.sessions(), &reborn).unwrap();
    fs::write(machine.sessions().join("note.txt"), "not ours").unwrap();
    let lookup = Lookup { sessions: vec!["s-1".into()], ..machine.lookup() };
    assert_eq!(who(&lookup), Ok(None));
    assert_eq!(machine.files(), 1, "only what is no state file is left");
}

#[cfg(unix)]
#[test]
fn a_state_file_is_for_its_user_only() {
    use std::os::unix::fs::PermissionsExt;
    let machine = Machine::new();
    let file = machine.session("a", None, std::process::id());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&machine.sessions()), 0o700);
    assert_eq!(mode(&machine.sessions().join("a.json")), 0o600);
    assert!(!format!("{file:?}").contains("token of a"));
}

#[test]
fn a_session_is_found_by_the_name_that_its_runtime_gives_it() {
    let machine = Machine::new();
    let me = std::process::id();
    machine.session("a", Some("thread-1"), me);
    machine.session("b", Some("thread-2"), me);
    machine.session("c", None, me);
    let found = |session: &str| of_session(&machine.sessions(), session);
    let a = found("thread-1").unwrap().unwrap();
    assert_eq!((a.agent.as_str(), a.found), ("a", Found::Session));
    assert_eq!(a.token.as_deref(), Some("token of a"));
    assert!(found("thread-3").unwrap().is_none(), "that others run says nothing of this one");
    machine.session("d", Some("thread-1"), me);
    assert!(matches!(found("thread-1"), Err(IdentityError::Ambiguous { .. })));
}
