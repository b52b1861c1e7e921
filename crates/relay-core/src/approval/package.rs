//! Package managers and containers: publishing, installing outside the project, deleting images.

use super::{Checked, command::Command};

/// Package managers and their words for publishing, and for installing outside the project.
const PACKAGES: &[(&str, &[&str], &[&str])] = &[
    (
        "npm",
        &[
            "publish",
            "unpublish",
            "deprecate",
            "owner",
            "dist-tag",
            "access",
            "token",
            "login",
            "adduser",
        ],
        &[],
    ),
    ("pnpm", &["publish", "unpublish"], &[]),
    ("yarn", &["publish", "unpublish", "npm"], &["global"]),
    ("bun", &["publish"], &[]),
    ("cargo", &["publish", "yank", "owner", "login"], &["install", "uninstall"]),
    ("twine", &["upload", "register"], &[]),
    ("poetry", &["publish"], &["self"]),
    ("uv", &["publish"], &["tool", "self"]),
    ("hatch", &["publish"], &[]),
    ("flit", &["publish"], &[]),
    ("gem", &["push", "yank", "owner", "signin"], &["install", "uninstall", "update"]),
    ("mvn", &["deploy", "release:perform"], &[]),
    ("gradle", &["publish", "publishToMavenCentral"], &[]),
    ("dotnet", &["push"], &[]),
    ("nuget", &["push"], &[]),
    ("go", &[], &["install"]),
    ("pipx", &[], &["install", "uninstall", "upgrade"]),
    (
        "apt",
        &[],
        &[
            "install",
            "remove",
            "purge",
            "upgrade",
            "autoremove",
            "full-upgrade",
            "dist-upgrade",
            "update",
        ],
    ),
    (
        "brew",
        &[],
        &[
            "install",
            "uninstall",
            "remove",
            "upgrade",
            "tap",
            "link",
            "services",
            "cleanup",
            "update",
        ],
    ),
    ("snap", &[], &["install", "remove", "refresh"]),
    (
        "rustup",
        &[],
        &["update", "default", "install", "uninstall", "self", "toolchain", "target", "component"],
    ),
    ("nix-env", &[], &["-i", "-e", "-u"]),
    (
        "docker",
        &["push", "login"],
        &["rm", "rmi", "prune", "kill", "system", "volume", "plugin", "swarm", "service", "stack"],
    ),
    ("podman", &["push", "login"], &["rm", "rmi", "prune", "kill", "system", "volume"]),
];

fn family(name: &str) -> &str {
    match name {
        "apt-get" | "aptitude" | "dnf" | "yum" | "zypper" | "apk" | "pacman" | "port" | "dpkg"
        | "rpm" => "apt",
        "mvnw" => "mvn",
        "gradlew" => "gradle",
        other => other,
    }
}

/// Judges a package manager; every other command passes.
pub(crate) fn check(command: &Command) -> Checked {
    let known = PACKAGES.iter().find(|(known, ..)| *known == family(command.name));
    let Some((_, publishing, installing)) = known else { return Ok(()) };
    let words: Vec<&str> = command.operands().map(|word| word.text.as_str()).take(3).collect();
    let names = |list: &[&str]| words.iter().take(2).any(|word| list.contains(word));
    if command.has(&["--dry-run"]) {
        return Ok(());
    }
    if names(publishing) && !matches!(words.as_slice(), ["npm" | "run" | "x" | "exec" | "test", ..])
        || words == ["nuget", "push"]
    {
        return command.because("publishes");
    }
    let system = family(command.name) == "apt"
        && command.args.iter().any(|w| {
            matches!(w.text.as_str(), "-i" | "-e" | "-r" | "-P" | "add" | "del" | "erase")
                || w.text.starts_with("-S")
                || w.text.starts_with("-R")
                || w.text.starts_with("-U")
        });
    if words.first().is_some_and(|word| installing.contains(word)) && !lists(command) || system {
        let deletes = matches!(command.name, "docker" | "podman");
        return command.because(if deletes {
            "deletes what it keeps"
        } else {
            "changes what is installed outside the project"
        });
    }
    if matches!(command.name, "docker" | "podman") {
        return container(command, &words);
    }
    let global = matches!(command.name, "npm" | "pnpm" | "bun") && command.has(&["-g", "--global"]);
    if global { command.because("changes what is installed outside the project") } else { Ok(()) }
}

fn lists(command: &Command) -> bool {
    let second = command.operands().nth(1).map_or("", |word| word.text.as_str());
    matches!(second, "ls" | "list" | "inspect" | "ps" | "df" | "info" | "show" | "logs")
}

fn container(command: &Command, words: &[&str]) -> Checked {
    let deletes = words.iter().take(2).any(|word| matches!(*word, "rm" | "prune" | "rmi"));
    let down = words.contains(&"down") && command.has(&["-v", "--volumes", "--rmi"]);
    let reaches = matches!(words.first(), Some(&("run" | "create" | "exec")))
        && command.args.iter().any(|w| {
            w.text.starts_with("-v")
                || w.text.starts_with("--volume")
                || w.text.starts_with("--mount")
                || w.text == "--privileged"
        });
    if deletes || down {
        return command.because("deletes what it keeps");
    }
    if reaches { command.because("opens the machine to a container") } else { Ok(()) }
}
