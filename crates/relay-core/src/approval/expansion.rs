//! Expansions and assignments: what runs, or is set, while a command's words are made.

use super::{Checked, Gate, Reason, script::Reader, syntax, unreadable, word::Word};

/// Variables that change nothing but how something looks.
const LOOKS: &[&str] = &[
    "CI",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "COLUMNS",
    "FORCE_COLOR",
    "GREP_COLOR",
    "IFS",
    "LANG",
    "LANGUAGE",
    "LINES",
    "NO_COLOR",
    "RUST_BACKTRACE",
    "TERM",
    "TZ",
    "AGENT_RELAY_ID",
];

/// Names that zsh gives a meaning: through them a script changes what commands are.
const ZSH: &[&str] = &[
    "aliases",
    "cdpath",
    "commands",
    "fpath",
    "functions",
    "galiases",
    "historywords",
    "mailpath",
    "manpath",
    "module_path",
    "nameddirs",
    "options",
    "path",
    "saliases",
    "signals",
];

/// Variables whose value some program runs as a command.
const COMMANDS: &[&str] = &[
    "BASH_ENV",
    "EDITOR",
    "ENV",
    "GIT_ASKPASS",
    "GIT_EDITOR",
    "GIT_EXTERNAL_DIFF",
    "GIT_PAGER",
    "GIT_PROXY_COMMAND",
    "GIT_SEQUENCE_EDITOR",
    "GIT_SSH_COMMAND",
    "LESSOPEN",
    "PAGER",
    "PROMPT_COMMAND",
    "VISUAL",
];

impl Reader<'_> {
    /// Judges `name=value` before a command or on its own.
    pub(crate) fn assignment(&mut self, word: &Word) -> Checked {
        let Some((name, value)) = word.text.split_once('=') else {
            return Err(unreadable(&word.raw));
        };
        let name = name.trim_end_matches('+');
        let exact = word.exact;
        let lead = word.lead.saturating_sub(word.text.len() - value.len());
        let adrift = !exact && lead == 0 && !value.starts_with(['.', '/']);
        let held = Word { text: value.to_owned(), lead, adrift, splits: false, ..word.clone() };
        if exact && COMMANDS.contains(&name) {
            self.may_set(name)?;
            return self.clone().script(value);
        }
        if value.starts_with('(') || word.raw.contains("+=") {
            self.forget(name);
            return self.may_set(name);
        }
        self.set(name, &[held])
    }

    /// Judges setting a variable by its name alone.
    pub(crate) fn may_set(&self, name: &str) -> Checked {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let own = name.chars().all(plain) && !ZSH.contains(&name) && !name.starts_with("dis_");
        let harmless = own || LOOKS.contains(&name) || name.starts_with("LC_");
        if self.gate == Gate::Guarded || harmless {
            return Ok(());
        }
        Err(Reason::about("sets a variable that other programs obey", name))
    }

    /// Judges `${name…}`.
    pub(crate) fn parameter(&mut self, name: &str, op: Option<&str>, arg: Option<&str>) -> Checked {
        let arg = arg.unwrap_or_default();
        let shown = || format!("${{{name}{}{arg}}}", op.unwrap_or_default());
        let (base, subscript) = name.split_once('[').unwrap_or((name, "@]"));
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let special = base.len() == 1 && "@*#?-$!".contains(base);
        if base.is_empty() || !(special || base.chars().all(word)) {
            return Err(unreadable(&shown()));
        }
        if name != base {
            self.arithmetic(subscript.trim_end_matches(']').trim_matches(['@', '*']))?;
        }
        match op {
            Some("@") if arg.contains('P') => return Err(unreadable(&shown())),
            Some("=" | ":=") => {
                self.may_set(base)?;
                self.forget(base);
            }
            Some(":") => self.arithmetic(&arg.replace(':', "+"))?,
            _ => {}
        }
        self.loose(arg)
    }

    /// Judges a calculation: a shell looks up the variables in it and calculates their text, too,
    /// with any command that stands there.
    pub(crate) fn arithmetic(&mut self, text: &str) -> Checked {
        if self.gate == Gate::ReadOnly
            && text.contains(|c: char| c.is_alphabetic() || "$`_".contains(c))
        {
            return Err(Reason::about("calculates with what cannot be known", text));
        }
        self.loose(text)
    }

    /// Judges the commands in a text that the shell expands but does not split: the body of a
    /// here-document, the inside of `${x:-…}`.
    pub(crate) fn loose(&mut self, text: &str) -> Checked {
        let mut rest = text;
        while let Some(at) = rest.find(['$', '`', '\\', '<', '>']) {
            rest = &rest[at..];
            let opens = ["$(", "${", "<(", ">("].iter().any(|opening| rest.starts_with(opening));
            let skip = if opens {
                self.fragment(rest, if rest.starts_with("${") { '}' } else { ')' })?
            } else if let Some(inner) = rest.strip_prefix('`') {
                let end = inner.find('`').ok_or_else(|| unreadable(text))? + 1;
                self.word(&syntax::parse_word(&rest[..=end])?)?;
                end + 1
            } else if rest.starts_with("$[") || rest.starts_with("$'") {
                return Err(unreadable(text));
            } else if let Some(hidden) = rest.strip_prefix('\\') {
                1 + hidden.chars().next().map_or(0, char::len_utf8)
            } else {
                1
            };
            rest = &rest[skip..];
        }
        Ok(())
    }

    /// Judges the one expansion that a text begins with, and says where it ends: where the parser
    /// first takes it for whole.
    fn fragment(&mut self, text: &str, close: char) -> Result<usize, Reason> {
        for (at, _) in text.match_indices(close).take(32) {
            if let Ok(node) = syntax::parse_word(&text[..=at]) {
                self.word(&node)?;
                return Ok(at + 1);
            }
        }
        Err(unreadable(text))
    }
}
