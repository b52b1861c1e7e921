//! Commands: looking through what only starts another command, down to what is really run.

use super::{
    Checked, Gate, Reason, call, danger, program, reading,
    script::{Input, Reader},
    unreadable,
    word::Word,
};

/// Folders whose programs are what their names say.
const SYSTEM: &[&str] = &[
    "/bin/",
    "/usr/bin/",
    "/usr/local/bin/",
    "/sbin/",
    "/usr/sbin/",
    "/opt/homebrew/bin/",
    "/run/current-system/sw/bin/",
];

/// A command's name and arguments, after everything before the name was looked through.
pub(crate) struct Command<'a> {
    /// The name without its folder.
    pub name: &'a str,
    pub args: &'a [Word],
}

impl Command<'_> {
    /// The command as a person would type it.
    pub fn shown(&self) -> String {
        let args = self.args.iter().map(|word| word.raw.as_str());
        std::iter::once(self.name).chain(args).collect::<Vec<_>>().join(" ")
    }

    /// A reason about this command.
    pub fn because<T>(&self, why: &str) -> Result<T, Reason> {
        Err(Reason::about(why, &self.shown()))
    }

    /// The arguments that are no options.
    pub fn operands(&self) -> impl Iterator<Item = &Word> {
        self.args.iter().filter(|word| !word.is_option())
    }

    /// True where an argument is just this text.
    pub fn has(&self, texts: &[&str]) -> bool {
        self.args.iter().any(|word| texts.contains(&word.text.as_str()))
    }

    /// True for a short option, also in a cluster (`-rf`), or a long one, also shortened
    /// (`--recurs`) or with a value.
    pub fn has_option(&self, shorts: &str, longs: &[&str]) -> bool {
        self.args.iter().any(|word| option_is(&word.text, shorts, longs))
    }

    /// The first argument that is no option: the subcommand of many programs.
    pub fn verb(&self) -> &str {
        self.operands().next().map_or("", |word| word.text.as_str())
    }
}

/// True where a text is one of these options. Errs on the side of yes.
pub(crate) fn option_is(text: &str, shorts: &str, longs: &[&str]) -> bool {
    if let Some(long) = text.strip_prefix("--") {
        let name = long.split('=').next().unwrap_or_default();
        return !name.is_empty() && longs.iter().any(|option| option.starts_with(name));
    }
    text.strip_prefix('-').is_some_and(|cluster| cluster.contains(|c| shorts.contains(c)))
}

/// What starts another command given in its arguments: its options that take a value in the next
/// argument, and how many arguments come before the command.
const STARTERS: &[(&str, &[&str], usize)] = &[
    ("builtin", &[], 0),
    ("busybox", &[], 0),
    ("toybox", &[], 0),
    ("caffeinate", &["-t", "-w"], 0),
    ("chronic", &[], 0),
    ("command", &[], 0),
    ("exec", &["-a"], 0),
    ("ionice", &["-c", "-n", "-t", "--class", "--classdata"], 0),
    ("nice", &["-n", "--adjustment"], 0),
    ("nocorrect", &[], 0),
    ("noglob", &[], 0),
    ("nohup", &[], 0),
    ("setsid", &[], 0),
    ("stdbuf", &["-i", "-o", "-e", "--input", "--output", "--error"], 0),
    ("taskset", &[], 1),
    ("time", &["-f", "--format"], 0),
    ("timeout", &["-s", "--signal", "-k", "--kill-after"], 1),
    ("gtimeout", &["-s", "--signal", "-k", "--kill-after"], 1),
    ("unbuffer", &[], 0),
];

impl Reader<'_> {
    /// Judges a command with everything that it starts.
    pub(crate) fn command(&mut self, words: &[Word], input: &Input) -> Checked {
        let Some((first, args)) = words.split_first() else { return Ok(()) };
        let Some(path) = first.literal().filter(|name| !name.starts_with('=')) else {
            let shown: Vec<&str> = words.iter().map(|word| word.raw.as_str()).collect();
            return Err(Reason::about("runs a command that cannot be known", &shown.join(" ")));
        };
        let folded = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
        let trusted = !path.contains('/')
            || SYSTEM.iter().any(|s| path.starts_with(s) && !path.contains(".."));
        let name = if self.gate == Gate::Guarded {
            folded.as_str()
        } else {
            path.rsplit('/').next().unwrap_or(path)
        };
        let command = Command { name, args };
        if is_own(path) {
            return Ok(());
        }
        if self.gate == Gate::ReadOnly && !trusted {
            return command.because("runs a program that is not known to read only");
        }
        self.dispatch(&command, input)
    }

    fn dispatch(&mut self, command: &Command, input: &Input) -> Checked {
        if let Some((_, valued, skip)) = STARTERS.iter().find(|(name, ..)| *name == command.name) {
            return self.started(command, valued, *skip, input);
        }
        match command.name {
            "env" => self.env(command, input),
            "xargs" => self.xargs(command),
            "find" | "gfind" => self.find(command),
            "sudo" | "doas" | "su" | "pkexec" | "runuser" | "run0" => {
                command.because("runs as another user")
            }
            "eval" => self.text_of(command, command.args),
            "trap" => match command.args.first() {
                Some(action) if command.args.len() > 1 => {
                    self.text_of(command, std::slice::from_ref(action))
                }
                _ => Ok(()),
            },
            "watch" | "entr" if self.gate == Gate::Guarded => {
                self.tail(command, &["-n", "--interval"], input)
            }
            "cd" | "pushd" | "popd" | "chdir" => {
                self.enter(command);
                Ok(())
            }
            "export" | "declare" | "typeset" | "local" | "readonly" | "unset" | "read"
            | "mapfile" | "readarray" | "getopts" | "let" => self.declare(command),
            "apply_patch" | "applypatch" => self.patch(command, input),
            _ if program::is_shell(command.name) => self.shell(command, input),
            _ if self.gate == Gate::ReadOnly => reading::check(command),
            "source" | "." => self.sourced(command),
            "alias" => command.args.iter().try_for_each(|word| match word.literal() {
                Some(text) => text.split_once('=').map_or(Ok(()), |(_, v)| self.clone().script(v)),
                None => Err(unreadable(&word.raw)),
            }),
            _ if program::is_interpreter(command.name) => program::check(command, input),
            _ => danger::check(self, command),
        }
    }

    /// The command among the arguments, after options.
    fn tail(&mut self, command: &Command, valued: &[&str], input: &Input) -> Checked {
        self.started(command, valued, 0, input)
    }

    fn started(
        &mut self,
        command: &Command,
        valued: &[&str],
        skip: usize,
        input: &Input,
    ) -> Checked {
        if command.name == "command"
            && command.args.first().is_some_and(|w| option_is(&w.text, "vV", &[]))
        {
            return Ok(());
        }
        let at = after_options(command.args, valued).ok_or_else(|| unreadable(&command.shown()))?;
        let inner = command.args.get(at + skip..).unwrap_or_default();
        self.command(inner, input)
    }

    fn env(&mut self, command: &Command, input: &Input) -> Checked {
        if command.has_option("S", &["split-string"]) {
            return Err(unreadable(&command.shown()));
        }
        let valued = ["-u", "--unset", "-C", "--chdir", "-P"];
        let mut at =
            after_options(command.args, &valued).ok_or_else(|| unreadable(&command.shown()))?;
        let mut inner = self.clone();
        if command.has_option("C", &["chdir"]) {
            inner.cwd = None;
        }
        let before = |word: &&Word| word.text.contains('=') || word.text == "-";
        while let Some(word) = command.args.get(at).filter(before) {
            if word.text != "-" {
                inner.assignment(word)?;
            }
            at += 1;
        }
        inner.command(&command.args[at..], input)
    }

    fn xargs(&mut self, command: &Command) -> Checked {
        let valued = [
            "-I",
            "-n",
            "-P",
            "-L",
            "-d",
            "-a",
            "-E",
            "-s",
            "-J",
            "-R",
            "-S",
            "--max-args",
            "--max-procs",
            "--delimiter",
            "--arg-file",
            "--max-chars",
            "--max-lines",
            "--replace",
        ];
        let at =
            after_options(command.args, &valued).ok_or_else(|| unreadable(&command.shown()))?;
        let options = &command.args[..at];
        let mut inner = command.args[at..].to_vec();
        let placeholder = placeholder(options);
        if let Some(placeholder) = &placeholder {
            inner = inner.iter().map(|word| filled(word, placeholder)).collect();
        }
        if inner.is_empty() {
            return Ok(());
        }
        if placeholder.is_none() {
            inner.push(Word::unknown("…"));
        }
        self.clone().command(&inner, &Input::Unknown)
    }

    fn find(&mut self, command: &Command) -> Checked {
        let start = self.start(command);
        let mut words = command.args.iter();
        while let Some(word) = words.next() {
            if self.gate == Gate::ReadOnly && word.may_hide_option() {
                return command.because("could hide an option that writes");
            }
            match word.text.as_str() {
                "-delete" => return command.because("deletes files"),
                "-fprint" | "-fprint0" | "-fprintf" | "-fls" => {
                    words.next().map_or(Ok(()), |file| self.writes(file, "writes"))?;
                }
                "-exec" | "-execdir" | "-ok" | "-okdir" => {
                    let inner =
                        words.by_ref().take_while(|w| !matches!(w.text.as_str(), ";" | "+"));
                    let inner: Vec<Word> = inner.map(|word| below(word, &start)).collect();
                    self.clone().command(&inner, &Input::Nothing)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Where `find` starts: of several folders, one outside the project.
    fn start(&self, command: &Command) -> Word {
        let options = |word: &&Word| word.text.starts_with(['-', '(', '!']) && word.exact;
        let starts = || command.args.iter().take_while(|word| !options(word));
        let inside = |word: &&Word| !word.adrift && self.writes(word, "").is_ok();
        starts().find(|word| !inside(word)).or(starts().next()).cloned().unwrap_or(Word::plain("."))
    }

    /// Runs arguments as a script, as `eval` does.
    fn text_of(&mut self, command: &Command, words: &[Word]) -> Checked {
        let texts: Option<Vec<&str>> = words.iter().map(Word::literal).collect();
        match texts {
            Some(texts) if texts == ["-"] => Ok(()),
            Some(texts) => self.script(&texts.join(" ")),
            None => command.because("runs a command that cannot be known"),
        }
    }

    fn enter(&mut self, command: &Command) {
        let to = command.operands().next();
        self.cwd = match to {
            _ if command.name == "popd" => None,
            None => self.place.home.clone(),
            Some(word) if word.text == "-" || word.adrift => None,
            Some(word) => self.place.resolve(&word.text, self.cwd.as_deref()),
        };
    }

    fn declare(&mut self, command: &Command) -> Checked {
        if command.name == "let" {
            return command.args.iter().try_for_each(|word| self.arithmetic(&word.text));
        }
        if command.name == "unset" {
            self.functions.clear();
        }
        // Others make references, calculate or call back.
        let free = if command.name.starts_with("re") { "rapdtnNsuO" } else { "xragApfFtdO" };
        let odd =
            |word: &Word| word.is_option() && !word.text[1..].chars().all(|c| free.contains(c));
        if self.gate == Gate::ReadOnly && command.args.iter().any(odd) {
            return command.because("sets what cannot be known");
        }
        for word in command.operands() {
            if word.text.contains('=') {
                self.assignment(word)?;
            } else if self.gate == Gate::ReadOnly && !word.exact {
                return command.because("sets what cannot be known");
            } else {
                self.may_set(word.text.trim_end_matches(|c: char| !c.is_alphanumeric()))?;
                self.forget(&word.text);
            }
        }
        Ok(())
    }

    fn patch(&mut self, command: &Command, input: &Input) -> Checked {
        let text = match (command.args.first().map(Word::literal), input) {
            (Some(Some(text)), _) => text,
            (None, Input::Text(text)) => text.as_str(),
            _ => return Err(unreadable(&command.shown())),
        };
        call::patch(self, text)
    }
}

/// A word in which a placeholder stands for what cannot be known.
fn filled(word: &Word, placeholder: &str) -> Word {
    match word.text.find(placeholder) {
        Some(at) => Word { exact: false, lead: at, adrift: at == 0, ..word.clone() },
        None => word.clone(),
    }
}

/// What `find` puts in the place of `{}`: a path below where it starts.
fn below(word: &Word, start: &Word) -> Word {
    let Word { exact, .. } = *word;
    let filled = filled(word, "{}");
    if filled.exact == exact {
        return filled;
    }
    let text = filled.text.replacen("{}", &format!("{}/{{}}", start.text), 1);
    Word { text, adrift: filled.adrift && start.adrift, ..filled }
}

/// What `xargs` replaces in its command, if it is told to.
fn placeholder(options: &[Word]) -> Option<String> {
    let at = options.iter().position(|word| option_is(&word.text, "IiJ", &["replace"]))?;
    let text = options[at].text.trim_start_matches("--replace").trim_start_matches('=');
    let attached = text
        .strip_prefix("-I")
        .or(text.strip_prefix("-J"))
        .unwrap_or(text.trim_start_matches("-i"));
    let next = options.get(at + 1).filter(|_| matches!(text, "-I" | "-J"));
    let found = next.map_or(attached, |word| word.text.as_str());
    Some(if found.is_empty() { "{}".to_owned() } else { found.to_owned() })
}

/// Where the arguments begin that are no options; `None` where an option cannot be read.
pub(crate) fn after_options(args: &[Word], valued: &[&str]) -> Option<usize> {
    let mut at = 0;
    while let Some(word) = args.get(at) {
        match word.literal() {
            Some("--") => return Some(at + 1),
            Some(text) if text.len() > 1 && text.starts_with(['-', '+']) => {
                at += 1 + usize::from(valued.contains(&text));
            }
            None if word.may_hide_option() => return None,
            _ => break,
        }
    }
    Some(at.min(args.len()))
}

/// True for our own command line, which every mode allows: by name, or by an absolute path.
fn is_own(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    matches!(name, "agent-relay" | "codex-relay")
        && (name == path || path.starts_with('/') || path.starts_with("~/"))
}
