//! Words: what a command's argument is known to hold before the shell has run.

use rable::{Node, NodeKind};

use super::{Gate, Reason, script::Reader, unreadable};

/// One argument as far as it can be known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Word {
    /// The text as it was typed.
    pub raw: String,
    /// The text without its quotes; what is unknown stands in it as typed.
    pub text: String,
    /// True where the program gets exactly `text`.
    pub exact: bool,
    /// How many bytes of `text` come before the first unknown.
    pub lead: usize,
    /// True where the unknown may become several words, or none.
    pub splits: bool,
    /// True where the word begins with an unknown; a variable set in plain sight is none.
    pub adrift: bool,
}

impl Word {
    /// A word that holds just this text.
    pub fn plain(text: &str) -> Self {
        let (raw, lead) = (text.to_owned(), text.len());
        Self { text: raw.clone(), raw, exact: true, lead, splits: false, adrift: false }
    }

    /// Words that nobody knows, such as those `xargs` adds.
    pub fn unknown(raw: &str) -> Self {
        Self {
            raw: raw.to_owned(),
            splits: true,
            adrift: true,
            text: raw.to_owned(),
            ..Self::default()
        }
    }

    /// The text, where it is certain.
    pub fn literal(&self) -> Option<&str> {
        self.exact.then_some(self.text.as_str())
    }

    /// The part before the first unknown.
    pub fn known(&self) -> &str {
        self.text.get(..self.lead).unwrap_or_default()
    }

    /// True where the word could be an option that cannot be read here.
    pub fn may_hide_option(&self) -> bool {
        let known = self.known();
        let named = known.starts_with("--") && known.contains('=');
        !self.exact && !named && (self.splits || known.is_empty() || known.starts_with('-'))
    }

    /// True for an option as it is written.
    pub fn is_option(&self) -> bool {
        self.text.len() > 1 && self.text.starts_with('-')
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Quote {
    Not,
    Single,
    Double,
}

/// Puts a word together from the parser's parts.
struct Cook<'r, 'p> {
    reader: &'r mut Reader<'p>,
    word: Word,
    quote: Quote,
}

impl Reader<'_> {
    /// Reads a word, and judges the commands that run to make it.
    pub(crate) fn word(&mut self, node: &Node) -> Result<Word, Reason> {
        let NodeKind::Word { value, parts, .. } = &node.kind else {
            return Err(unreadable("a word"));
        };
        // A backslash inside backticks is taken away before the inner text runs.
        let runs = parts.iter().any(|p| matches!(p.kind, NodeKind::CommandSubstitution { .. }));
        if runs && value.contains('`') && value.contains('\\') {
            return Err(unreadable(value));
        }
        let word = Word { raw: value.clone(), exact: true, ..Word::default() };
        let mut cook = Cook { reader: self, word, quote: Quote::Not };
        for part in parts {
            cook.part(part)?;
        }
        if cook.quote != Quote::Not {
            return Err(unreadable(value));
        }
        let mut word = cook.word;
        if word.exact {
            word.lead = word.text.len();
        }
        Ok(word)
    }
}

impl Cook<'_, '_> {
    fn part(&mut self, part: &Node) -> Result<(), Reason> {
        match &part.kind {
            NodeKind::WordLiteral { value } => self.literal(value)?,
            NodeKind::AnsiCQuote { decoded, .. } if !decoded.contains('\0') => {
                self.word.text.push_str(decoded);
            }
            NodeKind::LocaleString { inner, .. } if !inner.contains(['$', '`', '\\']) => {
                self.word.text.push_str(inner);
            }
            NodeKind::CommandSubstitution { command, .. }
            | NodeKind::ProcessSubstitution { command, .. } => {
                self.reader.apart(command)?;
                self.unknown("$(…)");
            }
            NodeKind::ParamExpansion { param, op, arg } => {
                self.parameter(param, op.as_deref(), arg.as_deref())?;
            }
            NodeKind::ParamLength { param } => {
                self.reader.parameter(param, None, None)?;
                self.unknown("${#…}");
            }
            NodeKind::ParamIndirect { param, arg, .. } if self.reader.gate == Gate::Guarded => {
                self.reader.loose(arg.as_deref().unwrap_or_default())?;
                self.unknown(&format!("${{!{param}}}"));
            }
            NodeKind::BraceExpansion { content } => {
                self.reader.loose(content)?;
                self.unknown(content);
            }
            NodeKind::ArithmeticExpansion { .. } => {
                let raw = self.word.raw.clone();
                for (at, _) in raw.match_indices("$((") {
                    let inner = &raw[at + 3..];
                    if !is_calculation(inner) {
                        return Err(unreadable(&raw));
                    }
                    self.reader.arithmetic(inner)?;
                }
                self.unknown("$((…))");
            }
            _ => return Err(unreadable(&self.word.raw)),
        }
        Ok(())
    }

    fn unknown(&mut self, shown: &str) {
        let start = self.word.text.is_empty();
        self.guess(shown);
        self.word.adrift |= start;
    }

    fn guess(&mut self, shown: &str) {
        if self.word.exact {
            self.word.lead = self.word.text.len();
        }
        self.word.exact = false;
        self.word.splits |= self.quote == Quote::Not;
        self.word.text.push_str(shown);
    }

    fn parameter(&mut self, name: &str, op: Option<&str>, arg: Option<&str>) -> Result<(), Reason> {
        self.reader.parameter(name, op, arg)?;
        match self.reader.value(name).filter(|_| op.is_none()) {
            Some(value) if matches!(name, "HOME" | "PWD") => self.word.text.push_str(&value),
            Some(value) => self.guess(&value),
            None => self.unknown(&format!("${name}")),
        }
        Ok(())
    }

    fn literal(&mut self, text: &str) -> Result<(), Reason> {
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            let next = chars.peek().copied();
            match (self.quote, c) {
                (Quote::Not, '\'') => self.quote = Quote::Single,
                (Quote::Single, '\'') | (Quote::Double, '"') => self.quote = Quote::Not,
                (Quote::Not, '"') => self.quote = Quote::Double,
                (Quote::Not, '\\') => {
                    chars.next();
                    self.word.text.extend(next.filter(|c| *c != '\n'));
                }
                (Quote::Double, '\\') if next.is_some_and(|n| "$`\"\\\n".contains(n)) => {
                    chars.next();
                    self.word.text.extend(next.filter(|c| *c != '\n'));
                }
                (Quote::Not | Quote::Double, '`') => return Err(unreadable(&self.word.raw)),
                (Quote::Not | Quote::Double, '$') if next.is_some_and(expands) => {
                    return Err(unreadable(&self.word.raw));
                }
                (Quote::Not, c) => self.bare(c),
                (_, c) => self.word.text.push(c),
            }
        }
        Ok(())
    }

    /// A character outside quotes, where some stand for more than themselves.
    fn bare(&mut self, c: char) {
        let shape = self.word.raw.as_str();
        let opens = c == '{' && !matches!(shape, "{}" | "{") && shape.contains([',', '.']);
        let globs = matches!(c, '*' | '?') || c == '[' && shape.contains(']') && shape.len() > 2;
        if opens || globs {
            // What a pattern stands for begins with what stands before it, and is one word each.
            let splits = self.word.splits;
            self.guess(&c.to_string());
            self.word.splits = splits;
        } else {
            self.word.text.push(c);
        }
    }
}

/// True for what makes a `$` before it an expansion.
fn expands(c: char) -> bool {
    c.is_ascii_alphanumeric() || "({[_@*#?-!$".contains(c)
}

/// True where the text after a `((` ends with `))` in one piece. What does not, such as
/// `((a); (b))`, shells take for commands in parentheses.
pub(crate) fn is_calculation(inner: &str) -> bool {
    let mut depth = 0_usize;
    for (at, c) in inner.char_indices() {
        match c {
            '(' => depth += 1,
            ')' if depth == 0 => return inner[at + 1..].starts_with(')'),
            ')' => depth -= 1,
            _ => {}
        }
    }
    false
}
