use super::*;

fn words(line: &str) -> Vec<OsString> {
    line.split_whitespace().map(OsString::from).collect()
}

fn read(line: &str) -> Result<Role, Wrong> {
    parse(words(line))
}

fn session(line: &str) -> Session {
    match read(line) {
        Ok(Role::Terminal(session)) => session,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn sessions_are_ours_and_everything_else_is_codexs_own() {
    for line in [
        "",
        "hello",
        "resume --last",
        "fork 01a2",
        "-m gpt-5 resume",
        "--model exec",
        "-i a.png exec",
        "resume exec",
        "agents",
        "-- -- exec",
        "--search hello",
    ] {
        assert!(matches!(read(line), Ok(Role::Terminal(_))), "{line}");
    }
    for line in [
        "exec --json hello",
        "e hello",
        "-m gpt-5 exec hello",
        "--model=gpt-5 login",
        "-c a=b mcp list",
        "completion bash",
        "plugin list",
        "app-server",
        "review",
        "help resume",
        "resume --help",
        "--search --version",
        "--remote ws://127.0.0.1:1 --remote-auth-token-env X",
        "resume --remote ws://127.0.0.1:1 01a2",
    ] {
        assert_eq!(read(line), Ok(Role::Codex(words(line))), "{line}");
        assert_eq!(read(&format!("-- {line}")), Ok(Role::Codex(words(line))), "-- {line}");
    }
}

#[test]
fn help_and_version_are_ours_unless_codex_is_meant() {
    assert_eq!(read("--help"), Ok(Role::Help));
    assert_eq!(read("-V"), Ok(Role::Version));
    assert_eq!(read("-- --version"), Ok(Role::Codex(words("--version"))));
    assert_eq!(read("guardian codex x"), Ok(Role::Guardian(words("codex x"))));
}

#[test]
fn the_project_is_taken_out_however_it_is_written() {
    for line in ["-C /srv/p hi", "-C/srv/p hi", "--cd /srv/p hi", "--cd=/srv/p hi", "hi -C=/srv/p"]
    {
        let session = session(line);
        assert_eq!(session.folder, Some(PathBuf::from("/srv/p")), "{line}");
        assert_eq!(session.terminal, words("hi"), "{line}");
    }
    assert_eq!(read("hi -C"), Err(Wrong::NoValue("-C".into())));
}

#[test]
fn configuration_is_for_the_server_too_and_the_rest_for_the_terminal() {
    let session =
        session("-c a=b resume --enable x -mgpt-5 --last --strict-config --new -s read-only");
    let configuration = words("--config a=b --enable x --strict-config");
    assert_eq!(session.configuration, configuration);
    let terminal = "--config a=b resume --enable x --model gpt-5 --last --strict-config --new \
                    --sandbox read-only";
    assert_eq!(session.terminal, words(terminal));
    assert_eq!(session.words, words("resume"));
    let options: Vec<_> = session.options.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(options, ["--model", "--last", "--new", "--sandbox"]);
}

#[test]
fn what_the_terminal_would_refuse_is_the_servers_or_refused_by_us() {
    let roots = "sandbox_workspace_write.writable_roots=[]";
    let session = session(&format!("--add-dir a --no-daemon --add-dir=/b -c {roots} hi"));
    assert_eq!(session.roots, [PathBuf::from("a"), PathBuf::from("/b")]);
    assert_eq!(session.configuration, words(&format!("--config {roots}")));
    assert_eq!(session.terminal, words("hi"));
    assert_eq!(read("--worktree hi"), Err(Wrong::Worktree));
    assert!(matches!(read("exec --worktree"), Ok(Role::Codex(_))));
}

#[test]
fn our_own_options_may_stand_anywhere_but_in_a_prompt() {
    let Ok(Role::Headless { session, json }) = read("-m x --json hi --headless") else { panic!() };
    assert!(json);
    assert_eq!((session.terminal, session.words), (words("--model x hi"), words("hi")));
    assert_eq!(session.options, [("--model".to_owned(), "x".into())]);
    let prompt = self::session("hi -- --headless");
    assert_eq!(prompt.terminal, words("hi -- --headless"));
    assert_eq!(prompt.words, words("hi --headless"));
    assert_eq!(read("--headless exec hi"), Err(Wrong::Headless("exec hi".into())));
    assert_eq!(self::session("--json").terminal, words("--json"), "for Codex to refuse");
}

#[test]
fn our_commands_win_over_codexs_of_the_same_name_unless_codex_is_meant() {
    for line in ["install --yes", "doctor", "doctor --json", "upgrade", "uninstall --purge"] {
        assert_eq!(read(line), Ok(Role::Command(words(line))), "{line}");
    }
    assert_eq!(read("-- doctor"), Ok(Role::Codex(words("doctor"))));
    assert!(matches!(read("-- install"), Ok(Role::Terminal(_))), "a prompt");
}
