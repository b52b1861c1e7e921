//! git: what reads, and what destroys work or reaches a remote.

use super::{
    Checked,
    command::{Command, after_options, option_is},
    script::Reader,
    word::Word,
};

/// Subcommands that only read, whatever their arguments, once `WRITING` options are out.
const READING: &[&str] = &[
    "annotate",
    "blame",
    "cat-file",
    "check-attr",
    "check-ignore",
    "cherry",
    "count-objects",
    "describe",
    "diff",
    "diff-files",
    "diff-index",
    "diff-tree",
    "for-each-ref",
    "grep",
    "log",
    "ls-files",
    "ls-tree",
    "merge-base",
    "name-rev",
    "range-diff",
    "rev-list",
    "rev-parse",
    "shortlog",
    "show",
    "show-branch",
    "show-ref",
    "status",
    "var",
    "verify-pack",
    "version",
    "whatchanged",
    "merge-tree",
];

/// Options of those that write a file or start a program.
const WRITING: &[&str] = &[
    "output",
    "ext-diff",
    "textconv",
    "filters",
    "open-files-in-pager",
    "show-signature",
    "write-tree",
];

/// Options before the subcommand that take a value in the next argument.
const VALUED: &[&str] =
    &["-C", "-c", "--git-dir", "--work-tree", "--namespace", "--exec-path", "--config-env"];

struct Git<'a> {
    globals: &'a [Word],
    verb: &'a str,
    args: &'a [Word],
}

fn split<'a>(command: &'a Command) -> Option<Git<'a>> {
    let at = after_options(command.args, VALUED)?;
    let (globals, rest) = command.args.split_at(at);
    let (verb, args) = match rest.split_first() {
        Some((verb, args)) => (verb.literal()?, args),
        None => ("", rest),
    };
    Some(Git { globals, verb, args })
}

/// Judges git in `read-only`.
pub(crate) fn reads(command: &Command) -> Checked {
    let Some(git) = split(command) else {
        return command.because("could hide an option that writes");
    };
    let free = [
        "--no-pager",
        "-P",
        "--no-optional-locks",
        "--version",
        "--help",
        "-C",
        "--literal-pathspecs",
    ];
    let mut globals = git.globals.iter();
    while let Some(word) = globals.next() {
        if !free.contains(&word.text.as_str()) {
            return command.because("changes how git runs");
        }
        if word.text == "-C" {
            globals.next();
        }
    }
    if git.args.iter().any(Word::may_hide_option) {
        return command.because("could hide an option that writes");
    }
    let writes = git.args.iter().any(|word| option_is(&word.text, "", WRITING))
        || git.args.iter().any(|word| word.text.starts_with("-O"));
    let reading =
        READING.contains(&git.verb) && !writes || git.verb.is_empty() || lists(git.verb, git.args);
    if reading { Ok(()) } else { command.because("is no reading command of git") }
}

/// Options that only say what a list holds and how it looks.
const LOOKS: &[&str] = &[
    "-a",
    "-r",
    "-v",
    "-vv",
    "-l",
    "-n",
    "-i",
    "--all",
    "--remotes",
    "--verbose",
    "--list",
    "--show-current",
    "--ignore-case",
    "--column",
    "--no-column",
    "--color",
    "--no-color",
    "--contains",
    "--no-contains",
    "--merged",
    "--no-merged",
    "--points-at",
    "--sort",
    "--format",
    "--no-abbrev",
    "--abbrev",
];

/// True for the listing forms of subcommands that also write.
fn lists(verb: &str, args: &[Word]) -> bool {
    let text = |at: usize| args.get(at).map_or("", |word| word.text.as_str());
    let looks = || {
        args.iter()
            .filter(|word| word.is_option())
            .all(|word| LOOKS.contains(&word.text.split('=').next().unwrap_or_default()))
    };
    let asked = args.iter().any(|word| {
        let name = word.text.split('=').next().unwrap_or_default();
        matches!(
            name,
            "-l" | "--list"
                | "--contains"
                | "--no-contains"
                | "--merged"
                | "--no-merged"
                | "--points-at"
        )
    });
    let bare = !args.iter().any(|word| !word.is_option());
    match verb {
        "branch" | "tag" => looks() && (bare || asked),
        "remote" => {
            args.is_empty()
                || matches!(text(0), "-v" | "--verbose") && args.len() == 1
                || text(0) == "get-url"
        }
        "stash" => {
            text(0) == "list"
                || text(0) == "show" && !args.iter().any(|w| option_is(&w.text, "", WRITING))
        }
        "reflog" => args.is_empty() || text(0) == "show" || text(0).starts_with("HEAD"),
        "worktree" | "notes" => text(0) == "list",
        "submodule" => text(0) == "status" && args.len() == 1,
        "config" => {
            let asks = ["--get", "--get-all", "--get-regexp", "--list", "-l", "get", "list"]
                .contains(&text(0));
            // Of two actions git takes neither, or one that is not looked for here.
            let options = args.iter().skip(1).filter(|word| word.text.starts_with('-'));
            asks && options.into_iter().all(|word| CONFIG_LOOKS.contains(&word.text.as_str()))
        }
        _ => false,
    }
}

/// Options of `git config` that only say where to look and how it looks.
const CONFIG_LOOKS: &[&str] = &[
    "--global",
    "--local",
    "--system",
    "--show-origin",
    "--show-scope",
    "--name-only",
    "-z",
    "--null",
    "--bool",
    "--int",
    "--path",
];

/// Judges git in `guarded`.
pub(crate) fn check(reader: &Reader, command: &Command) -> Checked {
    let Some(git) = split(command) else {
        return command.because("could hide an option that destroys");
    };
    for pair in git.globals.windows(2).filter(|pair| pair[0].text == "-c") {
        let key = pair[1].text.split('=').next().unwrap_or_default().to_ascii_lowercase();
        let harmless = [
            "user.",
            "color.",
            "core.quotepath",
            "init.",
            "advice.",
            "commit.gpgsign",
            "log.",
            "diff.renames",
            "core.autocrlf",
            "safe.directory",
        ];
        if !harmless.iter().any(|start| key.starts_with(start)) {
            return command.because("changes how git runs");
        }
    }
    if let Some(why) = destroys(&git) {
        return command.because(why);
    }
    let target = |at: usize| git.args.iter().filter(|w| !w.is_option()).nth(at);
    match git.verb {
        "clone" => target(1).map_or(Ok(()), |folder| reader.writes(folder, "writes")),
        "init" => target(0).map_or(Ok(()), |folder| reader.writes(folder, "writes")),
        "worktree" if git.args.first().is_some_and(|w| w.text == "add") => {
            target(1).map_or(Ok(()), |folder| reader.writes(folder, "writes"))
        }
        "config" => config(command, &git),
        _ => Ok(()),
    }
}

fn config(command: &Command, git: &Git) -> Checked {
    let has = |texts: &[&str]| git.args.iter().any(|word| texts.contains(&word.text.as_str()));
    let reads =
        lists("config", git.args) || git.args.iter().filter(|word| !word.is_option()).count() < 2;
    if reads && !has(&["--edit", "-e", "--unset", "--unset-all", "--remove-section"]) {
        return Ok(());
    }
    if has(&["--global", "--system"]) {
        return command.because("writes outside the project");
    }
    let runs = git.args.iter().any(|word| {
        let key = word.text.to_ascii_lowercase();
        [
            "alias.",
            "core.hookspath",
            "core.fsmonitor",
            "core.sshcommand",
            "core.pager",
            "core.editor",
            "credential.",
            "filter.",
            "diff.external",
            "pager.",
        ]
        .iter()
        .any(|start| key.starts_with(start))
    });
    if runs { command.because("changes what git runs") } else { Ok(()) }
}

fn destroys(git: &Git) -> Option<&'static str> {
    let has =
        |shorts: &str, longs: &[&str]| git.args.iter().any(|w| exactly(&w.text, shorts, longs));
    let first = git.args.first().map_or("", |word| word.text.as_str());
    let hides = git.args.iter().any(|word| word.splits && word.adrift);
    match git.verb {
        "push" => pushes(git),
        "reset" if has("", &["hard", "merge", "keep"]) => Some("throws away changes"),
        "clean" if !has("n", &["dry-run"]) => Some("deletes files"),
        "rm" if !has("n", &["cached", "dry-run"]) => Some("deletes files"),
        "branch" if has("D", &[]) || has("d", &["delete"]) && has("f", &["force"]) => {
            Some("deletes a branch")
        }
        "tag" if has("d", &["delete"]) => Some("deletes a tag"),
        "checkout" if has("f", &["force"]) || restores(git) => Some("throws away changes"),
        "switch" if has("f", &["force", "discard-changes"]) => Some("throws away changes"),
        "restore" if !has("S", &["staged"]) || has("W", &["worktree"]) => {
            Some("throws away changes")
        }
        "stash" if matches!(first, "drop" | "clear") => Some("throws away changes"),
        "worktree" if first == "remove" => Some("deletes files"),
        "remote" if matches!(first, "remove" | "rm") => Some("forgets a remote"),
        "reflog" if matches!(first, "expire" | "delete") => Some("throws away history"),
        "filter-branch" | "filter-repo" | "update-ref" | "prune" => Some("rewrites history"),
        "gc" if has("", &["prune"]) => Some("throws away history"),
        "submodule" if matches!(first, "deinit" | "foreach") => {
            Some("runs or deletes in submodules")
        }
        "bisect" if first == "run" => Some("runs a command that cannot be known"),
        "rebase" if has("x", &["exec"]) => Some("runs a command that cannot be known"),
        "send-email" | "request-pull" | "svn" | "p4" | "daemon" | "instaweb" => {
            Some("reaches another machine")
        }
        "branch" | "tag" | "reset" | "checkout" if hides => {
            Some("could hide an option that destroys")
        }
        _ => None,
    }
}

fn pushes(git: &Git) -> Option<&'static str> {
    let forced = git.args.iter().any(|word| {
        exactly(&word.text, "f", &["force", "force-with-lease", "force-if-includes", "mirror"])
            || word.known().starts_with('+')
    });
    let deletes = git.args.iter().any(|word| {
        exactly(&word.text, "d", &["delete", "prune"])
            || word.text.starts_with(':') && word.text.len() > 1
    });
    let mut operands = git.args.iter().filter(|word| !word.is_option());
    let elsewhere = operands.next().is_some_and(|word| {
        word.text.contains("://")
            || word.text.contains('@')
            || word.text.starts_with(['/', '.'])
            || word.adrift
    });
    match (forced, deletes) {
        (true, _) => Some("overwrites what others have"),
        (_, true) => Some("deletes what others have"),
        _ if git.args.iter().any(|word| word.splits && word.adrift) => {
            Some("could hide an option that destroys")
        }
        _ if elsewhere => Some("pushes to an address that is no remote of the project"),
        _ => None,
    }
}

/// `git checkout -- file`, `git checkout .`: files go back to what they were.
fn restores(git: &Git) -> bool {
    let after = git.args.iter().skip_while(|word| word.text != "--").nth(1).is_some();
    after || git.args.iter().any(|word| matches!(word.text.as_str(), "." | "./" | ":/" | "*"))
}

/// An option of git, whole or shortened as git allows from four letters on.
fn exactly(text: &str, shorts: &str, longs: &[&str]) -> bool {
    let Some(long) = text.strip_prefix("--") else {
        return option_is(text, shorts, &[]);
    };
    let name = long.split('=').next().unwrap_or_default();
    longs.iter().any(|option| *option == name || name.len() >= 3 && option.starts_with(name))
}
