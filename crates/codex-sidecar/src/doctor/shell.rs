//! Which `codex` a person gets.

use super::Finding;
use crate::{
    find,
    install::{codex::Codex, shell::Wrapped, situation::Situation},
};

/// Looks at the shells' start files and at `PATH`.
pub fn check(now: &Situation, codex: &Codex) -> Finding {
    let program = codex.program.display();
    let lines = |start: &&crate::install::shell::StartFile| match start.wrapped() {
        Wrapped::Yes(lines) => Some(lines == start.lines),
        Wrapped::No => None,
    };
    let wrapped: Vec<_> = now.starts.iter().filter(|start| lines(start).is_some()).collect();
    let wanted = now.manifest.as_ref().is_some_and(|manifest| manifest.wrap);
    if wrapped.is_empty() {
        if wanted && !now.starts.is_empty() {
            let found = "the lines that `install` added to the shell's start file are gone";
            let hint = "`codex-relay install --wrap-codex` adds them, `--no-wrap-codex` ends this";
            return Finding::warning("shell", found, hint);
        }
        let found = format!("plain `codex` is Codex itself: {program}");
        return Finding::ok("shell", found);
    }
    let names: Vec<_> = wrapped.iter().map(|start| start.path.display().to_string()).collect();
    let names = names.join(", ");
    if find::on_path("codex-relay").is_none() {
        let found =
            format!("plain `codex` should start codex-relay ({names}), which is not on PATH");
        let hint = "put the folder of codex-relay on PATH; until then `codex` is Codex itself";
        return Finding::broken("shell", found, hint);
    }
    if wrapped.iter().any(|start| lines(start) == Some(false)) {
        let found = format!("the lines in {names} are older ones, or changed by hand");
        return Finding::warning("shell", found, "`codex-relay upgrade` renews older ones");
    }
    Finding::ok("shell", format_args!("`codex` starts codex-relay ({names}), which runs {program}"))
}
