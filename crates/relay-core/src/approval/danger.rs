//! What `guarded` asks about: programs known to destroy, to reach outward, or to change what lies
//! outside the project.

use super::{Checked, Reason, command::Command, file, git, package, remote, script::Reader, sed};

/// Programs that are asked about whatever their arguments.
const ALWAYS: &[(&str, &[&str])] = &[
    (
        "deletes files",
        &[
            "rm",
            "rmdir",
            "unlink",
            "shred",
            "srm",
            "trash",
            "trash-put",
            "rimraf",
            "del",
            "truncate",
        ],
    ),
    (
        "destroys disks or their contents",
        &[
            "mkfs",
            "wipefs",
            "fdisk",
            "sfdisk",
            "parted",
            "mkswap",
            "blkdiscard",
            "cryptsetup",
            "diskutil",
            "hdparm",
            "gparted",
        ],
    ),
    (
        "changes the machine",
        &[
            "reboot",
            "shutdown",
            "halt",
            "poweroff",
            "mount",
            "umount",
            "iptables",
            "nft",
            "ufw",
            "useradd",
            "userdel",
            "usermod",
            "groupadd",
            "groupdel",
            "passwd",
            "chpasswd",
            "visudo",
            "insmod",
            "rmmod",
            "modprobe",
            "sysctl",
            "swapoff",
            "chsh",
            "chown",
            "chgrp",
            "setfacl",
            "setcap",
            "at",
            "batch",
            "dscl",
            "defaults",
            "nvram",
            "csrutil",
            "spctl",
            "security",
            "update-rc.d",
            "loginctl",
            "netplan",
            "networksetup",
        ],
    ),
    ("ends processes", &["pkill", "killall", "skill", "xkill"]),
    (
        "runs commands that cannot be known",
        &[
            "parallel", "script", "expect", "at", "ssh-add", "gdb", "strace", "nsenter", "unshare",
            "chroot", "flock",
        ],
    ),
];

/// Judges a command in `guarded`.
pub(crate) fn check(reader: &mut Reader, command: &Command) -> Checked {
    let name = command.name;
    if let Some((why, _)) = ALWAYS.iter().find(|(_, names)| {
        names.contains(&name) || name.starts_with("mkfs.") && names.contains(&"mkfs")
    }) {
        return command.because(why);
    }
    package::check(command)?;
    if remote::knows(name) {
        return remote::check(reader, command);
    }
    match name {
        "git" => git::check(reader, command),
        "kill" if !kills_own(command) => command.because("ends processes"),
        "crontab" if !command.has(&["-l"]) => command.because("changes the machine"),
        "systemctl" | "service" | "launchctl" if !asks_state(command) => {
            command.because("changes the machine")
        }
        "npx" | "bunx" | "pnpx" | "uvx" => runner(reader, command),
        "tmux" | "screen" if command.has(MULTIPLEXED) => {
            command.because("runs commands that cannot be known")
        }
        "psql" | "mysql" | "mariadb" | "sqlite3" | "redis-cli" | "mongosh" | "dropdb"
        | "dropuser" => database(command),
        "vim" | "vi" | "ex" | "ed" | "emacs"
            if command.args.iter().any(|w| w.text.contains('!')) =>
        {
            command.because("runs commands that cannot be known")
        }
        "sed" | "gsed" | "awk" | "gawk" | "mawk" | "nawk" if sed::runs(command.args) => {
            command.because("runs commands or writes from a script")
        }
        _ => {
            file::check(reader, command)?;
            scripts(reader, command)
        }
    }
}

/// Words that make a terminal multiplexer run or end something.
const MULTIPLEXED: &[&str] = &[
    "send-keys",
    "send",
    "new-session",
    "new",
    "new-window",
    "run-shell",
    "-X",
    "kill-server",
    "kill-session",
];

fn kills_own(command: &Command) -> bool {
    command.has(&["-0", "-l", "-L"]) || {
        let mut operands = command.operands().peekable();
        operands.peek().is_some()
            && operands.all(|word| word.text.starts_with('%') || word.raw.trim_matches('"') == "$!")
    }
}

fn asks_state(command: &Command) -> bool {
    command.has(&[
        "status",
        "list",
        "show",
        "cat",
        "list-units",
        "list-unit-files",
        "list-timers",
        "is-active",
        "is-enabled",
        "is-failed",
        "print",
        "--version",
        "--status-all",
    ])
}

fn runner(reader: &mut Reader, command: &Command) -> Checked {
    let at = super::command::after_options(
        command.args,
        &["-p", "--package", "-c", "--call", "--from", "--with"],
    );
    let inner = at.and_then(|at| command.args.get(at..)).unwrap_or_default();
    match inner.first().map(|word| word.text.split('@').next().unwrap_or_default()) {
        Some(
            "rimraf" | "vercel" | "netlify" | "wrangler" | "firebase" | "np" | "semantic-release"
            | "gh-pages" | "surge",
        ) => command.because("reaches outward or deletes"),
        Some(_) => reader.command(inner, &super::script::Input::Nothing),
        None if command.args.is_empty() => Ok(()),
        None => Err(super::unreadable(&command.shown())),
    }
}

fn database(command: &Command) -> Checked {
    let text = command.shown().to_lowercase();
    let telling = [
        "drop ",
        "truncate ",
        "delete ",
        "flushall",
        "flushdb",
        "dropdatabase",
        "deletemany",
        "alter ",
        ".shell",
        ".system",
        "\\!",
    ];
    let destroys =
        command.name.starts_with("drop") || telling.iter().any(|word| text.contains(word));
    if destroys { command.because("destroys data") } else { Ok(()) }
}

/// Task runners that start another command given in their arguments, and tasks whose names tell.
fn scripts(reader: &mut Reader, command: &Command) -> Checked {
    const RUNNERS: &[(&str, &[&str])] = &[
        ("poetry", &["run"]),
        ("uv", &["run"]),
        ("pipenv", &["run"]),
        ("bundle", &["exec"]),
        ("mise", &["exec", "x"]),
        ("pnpm", &["exec", "dlx"]),
        ("npm", &["exec"]),
        ("rye", &["run"]),
        ("direnv", &["exec"]),
    ];
    let telling = command.args.iter().any(|word| {
        ["db:drop", "db:reset", "db:purge", "migrate:reset", "migrate:fresh"]
            .contains(&word.text.as_str())
    });
    if telling
        || command.name == "prisma"
            && command.has(&["reset", "--force-reset", "--accept-data-loss"])
    {
        return command.because("destroys data");
    }
    let runner = RUNNERS.iter().find(|(name, _)| *name == command.name);
    let at = command.args.iter().position(|word| !word.is_option());
    let (Some((_, verbs)), Some(at)) = (runner, at) else { return Ok(()) };
    if !verbs.contains(&command.args[at].text.as_str()) {
        return Ok(());
    }
    let rest = &command.args[at + 1..];
    let skip = super::command::after_options(
        rest,
        &["--with", "--package", "-p", "--python", "--extra", "--group"],
    );
    match skip.and_then(|skip| rest.get(skip..)) {
        Some(inner) if command.name == "direnv" || command.name == "mise" => {
            let inner = inner
                .iter()
                .position(|word| word.text == "--")
                .map_or(inner, |at| &inner[at + 1..]);
            reader.command(inner, &super::script::Input::Nothing)
        }
        Some(inner) => reader.command(inner, &super::script::Input::Nothing),
        None => Err(Reason::about("cannot be read for certain", &command.shown())),
    }
}
