//! The launcher with programs in the place of Codex: what goes to Codex as it is, and what is said
//! where there is none, or none that will do.
#![cfg(target_os = "linux")]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

/// A home with a program that stands for Codex.
struct Home(TempDir);

impl Home {
    fn new(script: &str) -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        fs::write(home.codex(), format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(home.codex(), fs::Permissions::from_mode(0o755)).unwrap();
        home
    }

    fn codex(&self) -> PathBuf {
        self.0.path().join("codex")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_codex-relay"));
        command.args(arguments).env_clear().env("PATH", "/usr/bin:/bin").env("HOME", self.0.path());
        command
            .env("AGENT_RELAY_CODEX_BIN", self.codex())
            .env("AGENT_RELAY_URL", "http://127.0.0.1:9");
        command.current_dir(self.0.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }
}

fn said(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn what_is_no_session_is_codexs_own_with_its_exit_code() {
    let home = Home::new("printf '%s|' \"$@\"; exit 7");
    for (line, told) in [
        (&["exec", "--json", "two words"][..], "exec|--json|two words|"),
        (&["-m", "x", "login", ""], "-m|x|login||"),
        (&["--", "--version"], "--version|"),
        (
            &["resume", "--remote", "ws://127.0.0.1:1", "01a"],
            "resume|--remote|ws://127.0.0.1:1|01a|",
        ),
    ] {
        let output = home.run(line);
        assert_eq!(
            (said(&output.stdout).as_str(), output.status.code()),
            (told, Some(7)),
            "{line:?}"
        );
    }
}

#[test]
fn help_and_version_are_our_own() {
    let home = Home::new("exit 9");
    let version = home.run(&["--version"]);
    assert!(said(&version.stdout).starts_with("codex-relay 0."), "{version:?}");
    let help = home.run(&["--help"]);
    assert!(help.status.success() && said(&help.stdout).contains("--headless"), "{help:?}");
}

#[test]
fn a_codex_that_is_missing_too_old_or_none_is_named_with_what_to_do() {
    let refused = |home: &Home| {
        let output = home.run(&[]);
        assert!(output.stdout.is_empty());
        (output.status.code(), said(&output.stderr))
    };
    let missing = Home::new("");
    fs::remove_file(missing.codex()).unwrap();
    let (code, text) = refused(&missing);
    assert_eq!(code, Some(2), "the variable is wrong: {text}");
    assert!(text.contains("AGENT_RELAY_CODEX_BIN is `"), "{text}");

    let old = Home::new(
        "[ \"$1\" = --version ] && echo codex-cli 0.98.1 && exit\necho \"error: unexpected argument '--ws-auth'\" >&2; exit 2",
    );
    let (code, text) = refused(&old);
    assert_eq!(code, Some(1));
    assert!(
        text.contains("is codex-cli 0.98.1, which is too old") && text.contains("hint: update it"),
        "{text}"
    );

    let broken = Home::new(
        "[ \"$1\" = --version ] && echo codex-cli 0.170.0 && exit\necho 'Error: bad config' >&2; exit 1",
    );
    let (code, text) = refused(&broken);
    assert_eq!(code, Some(1));
    assert!(text.contains("does not start: Error: bad config"), "{text}");

    let (code, text) = refused(&Home::new("exit 0"));
    assert_eq!(code, Some(1));
    assert!(text.contains("seems to be no Codex"), "{text}");
}

#[test]
fn without_codex_on_path_the_hint_says_how_to_get_it() {
    let home = Home::new("");
    let output = home.command(&["exec"]).env_remove("AGENT_RELAY_CODEX_BIN").output().unwrap();
    let text = said(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("codex is not on PATH") && text.contains("npm install -g"), "{text}");
}

#[test]
fn wrong_arguments_and_settings_are_refused_by_name() {
    let home = Home::new("exit 0");
    for (line, named) in [
        (&["-C"][..], "`-C` takes a value"),
        (&["-C", "nowhere"], "cannot work in nowhere"),
        (&["--headless", "exec", "x"], "`codex exec x` is none"),
        (&["--headless", "--search"], "`--search` is not for `--headless`"),
        (&["--headless", "two", "words"], "`words` is one word too many"),
    ] {
        let output = home.run(line);
        let text = said(&output.stderr);
        assert!(text.contains(named) && !output.status.success(), "{line:?}: {text}");
    }
    for line in [
        &["-s", "danger-full-access"][..],
        &["resume", "-a", "on-request"],
        &["--dangerously-bypass-approvals-and-sandbox"],
        &["--headless", "--sandbox=workspace-write"],
    ] {
        let output = home.command(line).env("AGENT_RELAY_APPROVAL", "read-only").output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{line:?}");
        let text = said(&output.stderr);
        assert!(text.contains("would loosen the approval mode `read-only`"), "{line:?}: {text}");
    }
    let output = home.command(&[]).env("AGENT_RELAY_APPROVAL", "maybe").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output.stderr).contains("AGENT_RELAY_APPROVAL is `maybe`"));
}

#[test]
fn an_app_server_that_does_not_stay_is_given_up_and_the_terminal_ended() {
    let home = Home::new(
        "case \" $* \" in\n\
         *' app-server '*) [ -e began ] && exit 3; touch began\n\
           echo '  listening on: ws://127.0.0.1:1' >&2; exec sleep 1;;\n\
         *' --remote '*) echo $$ > terminal; exec sleep 86398;;\n\
         esac",
    );
    let output = home.run(&[]);
    let text = said(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("codex app-server ended again and again"), "{text}");
    let terminal = fs::read_to_string(home.0.path().join("terminal")).unwrap();
    assert!(!PathBuf::from(format!("/proc/{}", terminal.trim())).exists());
    let log = home.0.path().join(".local/state/agent-relay/codex/launch/1/log");
    let log = fs::read_to_string(log).unwrap();
    assert_eq!(log.matches("does not start").count(), 6, "{log}");
}
