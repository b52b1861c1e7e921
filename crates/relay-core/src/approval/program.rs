//! Programs that run programs: shells, and interpreters given their text on the command line.

use super::{
    Checked, Gate, Reason,
    command::Command,
    script::{Input, Reader},
    unreadable,
    word::Word,
};

/// True for shells whose language is read here.
pub(crate) fn is_shell(name: &str) -> bool {
    matches!(name, "sh" | "bash" | "zsh" | "dash" | "ksh" | "mksh" | "ash" | "rbash")
}

/// True for programs that run a text in their own language.
pub(crate) fn is_interpreter(name: &str) -> bool {
    let bare = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    matches!(
        bare,
        "python"
            | "pypy"
            | "node"
            | "nodejs"
            | "deno"
            | "bun"
            | "ruby"
            | "perl"
            | "php"
            | "lua"
            | "osascript"
            | "tclsh"
            | "rscript"
            | "fish"
            | "pwsh"
    )
}

/// Words in an inline program's text that say it may delete, write, start programs or reach
/// outward.
const TELLING: &[&str] = &[
    "unlink",
    "rmtree",
    "rmdir",
    "rmsync",
    "remove",
    "rm(",
    "rm_",
    "rename",
    "replace(",
    "truncate",
    "write",
    "open(",
    "file_put",
    "createwrite",
    "append",
    "copy",
    "move(",
    "symlink",
    "chmod",
    "chown",
    "mkdir",
    "makedirs",
    "system",
    "popen",
    "subprocess",
    "child_process",
    "spawn",
    "exec",
    "eval",
    "fork",
    "kill",
    "`",
    "qx",
    "backtick",
    "%x",
    "shell",
    "socket",
    "http",
    "urllib",
    "requests",
    "fetch",
    "net::",
    "net.",
    "ftp",
    "smtp",
    "ssh",
    "curl",
    "wget",
    "import_module",
    "__import__",
    "getattr",
    "require(a",
    "process.binding",
    "ctypes",
    "fileutils",
    "file.delete",
    "dir.",
    "deno.",
    "bun.",
    "$(",
];

/// Judges an interpreter in `guarded`: a program in a file runs, one on the command line or from
/// another program is allowed where its text names nothing that does more than calculate and read.
pub(crate) fn check(command: &Command, input: &Input) -> Checked {
    let inline = |word: &&Word| {
        super::command::option_is(
            &word.text,
            inline_options(command.name),
            &["eval", "print", "run", "exec", "command"],
        )
    };
    if matches!(command.name, "perl" | "ruby") && edits_in_place(command) {
        return command.because("edits files in place with a program");
    }
    if command.args.iter().any(|word| inline(&word)) {
        if matches!(command.name, "fish" | "pwsh") {
            return command.because("runs commands that cannot be known");
        }
        return command.args.iter().try_for_each(|word| harmless(command, word.literal()));
    }
    if command.verb() == "eval" && matches!(command.name, "deno") {
        return harmless(command, command.args.last().and_then(Word::literal));
    }
    let reads_input = command.operands().next().is_none_or(|word| word.text == "-")
        && !command.has(&["-m", "-V", "--version", "-h", "--help", "-v"]);
    match (input, command.args.iter().find(|word| word.raw.starts_with("<("))) {
        (_, Some(word)) => Err(piped(&super::remote::substituted(word), command)),
        (Input::Text(text), _) if reads_input => harmless(command, Some(text)),
        (Input::Network | Input::Unknown, _) if reads_input => Err(piped(input, command)),
        _ => Ok(()),
    }
}

fn inline_options(name: &str) -> &'static str {
    match name {
        "node" | "nodejs" | "bun" => "ep",
        "perl" => "eE",
        "ruby" | "lua" | "osascript" | "rscript" => "e",
        "php" => "rBRE",
        _ => "c",
    }
}

fn edits_in_place(command: &Command) -> bool {
    command.args.iter().any(|word| {
        word.text.starts_with("-i")
            || word.text.strip_prefix('-').is_some_and(|cluster| {
                cluster.starts_with(['p', 'n', '0', 'l', 'a']) && cluster.contains('i')
            })
    })
}

fn harmless(command: &Command, text: Option<&str>) -> Checked {
    let Some(text) = text else {
        return command.because("runs a program that cannot be known");
    };
    let folded: String = text.to_lowercase().chars().filter(|c| !c.is_whitespace()).collect();
    match TELLING.iter().find(|word| folded.contains(**word)) {
        Some(word) => command.because(&format!("runs a program that names `{word}`")),
        None => Ok(()),
    }
}

fn piped(input: &Input, command: &Command) -> Reason {
    match input {
        Input::Network => Reason::about("pipes the network into a shell", &command.shown()),
        _ => Reason::about("runs commands that cannot be known", &command.shown()),
    }
}

impl Reader<'_> {
    /// Judges a shell: the text after `-c`, what it reads from its input, or a file.
    pub(crate) fn shell(&mut self, command: &Command, input: &Input) -> Checked {
        let mut at = 0;
        let mut takes_text = false;
        while let Some(word) = command.args.get(at).filter(|word| word.text.starts_with(['-', '+']))
        {
            let Some(text) = word.literal() else { return Err(unreadable(&command.shown())) };
            at += 1;
            if matches!(text, "--version" | "--help") {
                return Ok(());
            }
            if text == "--" || text == "-" {
                break;
            }
            let long = text.starts_with("--");
            takes_text |= !long && text.starts_with('-') && text.contains('c');
            at += usize::from(
                matches!(text, "--rcfile" | "--init-file") || !long && text.ends_with(['o', 'O']),
            );
        }
        match command.args.get(at) {
            Some(word) if takes_text => match word.literal() {
                Some(text) => self.fresh().script(text),
                None => Err(piped(&super::remote::substituted(word), command)),
            },
            Some(word) if word.raw.starts_with("<(") => {
                Err(piped(&super::remote::substituted(word), command))
            }
            Some(word) if word.text == "/dev/stdin" => self.shell_input(command, input),
            Some(_) if !command.has_option("s", &[]) => self.runs_file(command),
            _ => self.shell_input(command, input),
        }
    }

    fn shell_input(&mut self, command: &Command, input: &Input) -> Checked {
        match input {
            Input::Text(text) => self.fresh().script(text),
            Input::Nothing | Input::File => self.runs_file(command),
            Input::Network | Input::Unknown => Err(piped(input, command)),
        }
    }

    /// Judges `source`.
    pub(crate) fn sourced(&mut self, command: &Command) -> Checked {
        match command.operands().next() {
            Some(word) if word.raw.starts_with("<(") => {
                Err(piped(&super::remote::substituted(word), command))
            }
            _ => self.runs_file(command),
        }
    }

    fn runs_file(&self, command: &Command) -> Checked {
        match self.gate {
            Gate::Guarded => Ok(()),
            Gate::ReadOnly => command.because("runs a program that is not known to read only"),
        }
    }
}
