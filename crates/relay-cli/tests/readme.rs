//! README.md, run as a reader would: its blocks are typed into shells, and what it says they print
//! must be what they print. `…` in a line stands for anything.
//!
//! A block's second word says whose it is: ```` ```sh alice ```` is typed into alice's terminal,
//! ```` ```text alice ```` is what appears there next. Blocks without one are not run.
#![cfg(unix)]

mod support;

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{ChildStdin, Command, Stdio},
};

use support::{Home, Relay, Running, load};

const CURL: &str = "curl";
/// Who takes part in the section on work from outside; the relay's block has its settings.
const OUTSIDE: [&str; 3] = [RELAY, "gina", "monitoring"];
const RELAY: &str = "relay";

#[test]
fn the_tour_prints_what_the_readme_says() {
    follow(|who| who != CURL && !OUTSIDE.contains(&who));
}

#[test]
fn work_from_outside_is_done_as_the_readme_says() {
    if !load::works(CURL, &["--version"]) {
        return load::skip("the README's section on work from outside: curl is not installed");
    }
    follow(|who| OUTSIDE.contains(&who));
}

#[test]
fn curl_alone_does_what_the_readme_says() {
    if !load::works(CURL, &["--version"]) {
        return load::skip("the README's section on curl: curl is not installed");
    }
    follow(|who| who == CURL);
}

/// Types and reads the blocks of those who are meant, in the order of the page.
fn follow(is_meant: impl Fn(&str) -> bool) {
    let home = Home::new();
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let (settings, _) = meant(&readme, &is_meant);
    let mut serve = home.command(&["serve", "--port", "0"]);
    let relay = Relay::spawn(serve.envs(settings.iter().flat_map(exported)));
    let mut shells: BTreeMap<String, Shell> = BTreeMap::new();
    let readme = readme.replace("localhost:4850", &format!("localhost:{}", relay.port()));
    for block in meant(&readme, &is_meant).1 {
        let shell =
            shells.entry(block.whose.clone()).or_insert_with(|| Shell::open(&home, relay.port()));
        match block.kind {
            Kind::Typed => shell.type_in(&block.text),
            Kind::Shown => shell.expect(&block),
        }
    }
    assert!(!shells.is_empty(), "no block of the README is run");
    for (whose, shell) in shells.into_iter().filter(|(whose, _)| whose != WATCHER) {
        shell.expect_no_more(&whose);
    }
}

/// The blocks of those who are meant: the relay's own, and those to type and to read.
fn meant(readme: &str, is_meant: &impl Fn(&str) -> bool) -> (Vec<Block>, Vec<Block>) {
    let blocks = blocks(readme).into_iter().filter(|block| is_meant(&block.whose));
    blocks.partition(|block| block.whose == RELAY)
}

/// What the relay's block exports: `export NAME='value'`.
fn exported(block: &Block) -> Vec<(String, String)> {
    let exports = block.text.lines().filter_map(|line| line.strip_prefix("export "));
    let pairs = exports.filter_map(|export| export.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.trim_matches('\'').to_owned())).collect()
}

/// Whose terminal still watches when the tour ends.
const WATCHER: &str = "bob";

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Typed,
    Shown,
}

/// A code block of the README.
struct Block {
    kind: Kind,
    whose: String,
    text: String,
    /// Where it begins in the file.
    line: usize,
}

fn blocks(readme: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut open = false;
    for (number, line) in readme.lines().enumerate() {
        match line.strip_prefix("```") {
            Some(_) if open => open = false,
            Some(info) => {
                open = true;
                let (language, whose) = info.split_once(' ').unwrap_or((info, ""));
                let kind = if language == "sh" { Kind::Typed } else { Kind::Shown };
                let (whose, text) = (whose.to_owned(), String::new());
                blocks.push(Block { kind, whose, text, line: number + 1 });
            }
            None if open => {
                let block = blocks.last_mut().expect("a block is open");
                block.text.push_str(line);
                block.text.push('\n');
            }
            None => {}
        }
    }
    blocks.retain(|block| !block.whose.is_empty());
    blocks
}

/// A shell, and what appears in its window: output and talk in one.
struct Shell {
    keyboard: ChildStdin,
    window: Running,
}

impl Shell {
    fn open(home: &Home, port: u16) -> Self {
        let mut command = Command::new("sh");
        home.furnish(&mut command);
        command.env("AGENT_RELAY_URL", format!("http://localhost:{port}"));
        // A group of its own, so that what it started ends with it.
        let mut window = Running::start(command.stdin(Stdio::piped()).process_group(0));
        let mut keyboard = window.child.stdin.take().expect("stdin is piped");
        keyboard.write_all(b"exec 2>&1\n").unwrap();
        Self { keyboard, window }
    }

    fn type_in(&mut self, commands: &str) {
        self.keyboard.write_all(commands.as_bytes()).unwrap();
    }

    fn expect(&self, block: &Block) {
        for (offset, shown) in block.text.lines().enumerate() {
            // Seen when the test fails, also when the line never comes.
            println!("README.md:{}: {shown}", block.line + offset + 1);
            let line = self.window.line();
            assert!(fits(shown, &line), "{}'s terminal shows: {line}", block.whose);
        }
    }

    fn expect_no_more(mut self, whose: &str) {
        self.type_in("echo that is all\n");
        assert_eq!(self.window.line(), "that is all", "{whose}'s terminal shows more");
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let group = format!("-{}", self.window.child.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
    }
}

/// True when the line is the one shown, with anything in the place of each `…`.
fn fits(shown: &str, line: &str) -> bool {
    let Some((first, rest)) = shown.split_once('…') else { return shown == line };
    let Some(mut line) = line.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('…').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(place) = line.find(part) else { return false };
        line = &line[place + part.len()..];
    }
    line.ends_with(last)
}

#[test]
fn a_line_fits_where_only_the_dots_differ() {
    for (shown, line, expected) in [
        ("sent [msg:3] to bob", "sent [msg:3] to bob", true),
        ("sent [msg:3] to bob", "sent [msg:4] to bob", false),
        ("{\"id\":…,\"from\":\"a\",…}", "{\"id\":7,\"from\":\"a\",\"to\":\"b\"}", true),
        ("{\"id\":…,\"from\":\"a\"}", "{\"id\":7,\"from\":\"b\"}", false),
        ("a…a", "a", false),
    ] {
        assert_eq!(fits(shown, line), expected, "{shown} and {line}");
    }
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
