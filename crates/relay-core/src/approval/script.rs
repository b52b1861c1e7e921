//! Scripts: every command that a shell text would run, each judged where it stands.

use std::collections::BTreeMap;

use rable::{CasePattern, ListItem, ListOperator, Node, NodeKind};

use super::{
    Checked, Gate, Reason,
    place::{Place, is_sink},
    syntax, unreadable,
    word::{Word, is_calculation},
};

/// Reads a script from its first command to its last, with what is known on the way.
#[derive(Clone)]
pub(crate) struct Reader<'p> {
    pub gate: Gate,
    pub place: &'p Place,
    /// The folder that a command stands in; `None` once it cannot be known.
    pub cwd: Option<String>,
    /// Functions of the script, whose bodies were judged.
    pub functions: Vec<String>,
    /// Variables set to plain paths, with one of their values. Only `guarded` trusts them.
    variables: BTreeMap<String, String>,
    depth: usize,
    /// True where what stands here is run for certain, so that a function is defined for certain.
    certain: bool,
}

/// What a command would read from its standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// Nothing that the script gives it.
    Nothing,
    /// Exactly this.
    Text(String),
    /// A file.
    File,
    /// What a download writes.
    Network,
    /// What another program writes.
    Unknown,
}

impl<'p> Reader<'p> {
    /// How often scripts may stand in scripts: `bash -c "bash -c …"`.
    const MOST_DEPTH: usize = 8;

    pub fn new(gate: Gate, place: &'p Place) -> Self {
        let cwd = place.resolve(&place.cwd, Some(&place.project));
        Self {
            gate,
            place,
            cwd,
            functions: Vec::new(),
            variables: BTreeMap::new(),
            depth: 0,
            certain: true,
        }
    }

    /// Judges a whole text.
    pub fn script(&mut self, text: &str) -> Checked {
        if self.depth >= Self::MOST_DEPTH {
            return Err(unreadable(text));
        }
        self.depth += 1;
        let nodes = syntax::parse(text)?;
        let checked = nodes.iter().try_for_each(|node| self.node(node, &Input::Nothing));
        self.depth -= 1;
        checked
    }

    /// A reader for a new shell, which knows none of this one's functions.
    pub fn fresh(&self) -> Self {
        Self { functions: Vec::new(), certain: true, ..self.clone() }
    }

    /// Judges what runs in a process of its own: its `cd` and variables end with it.
    pub fn apart(&mut self, node: &Node) -> Checked {
        self.clone().node(node, &Input::Nothing)
    }

    fn node(&mut self, node: &Node, input: &Input) -> Checked {
        let certain = self.certain;
        let plain = matches!(node.kind, NodeKind::List { .. } | NodeKind::Function { .. });
        self.certain &= plain;
        let checked = self.any(node, input);
        self.certain = certain;
        checked
    }

    fn list(&mut self, items: &[ListItem], input: &Input) -> Checked {
        let certain = self.certain;
        let mut before = None;
        for item in items {
            let linked = |operator| matches!(operator, Some(ListOperator::And | ListOperator::Or));
            let apart = item.operator == Some(ListOperator::Background);
            self.certain = certain && !linked(before) && !apart;
            self.node(&item.command, input)?;
            before = item.operator;
        }
        Ok(())
    }

    fn any(&mut self, node: &Node, input: &Input) -> Checked {
        match &node.kind {
            NodeKind::Command { assignments, words, redirects } => {
                self.simple(assignments, words, redirects, input)
            }
            NodeKind::Pipeline { commands, .. } => self.pipeline(commands, input),
            NodeKind::List { items } => self.list(items, input),
            NodeKind::Subshell { body, redirects } => {
                let input = self.redirects(redirects, input)?;
                self.clone().node(body, &input)
            }
            NodeKind::BraceGroup { body, redirects } => {
                let input = self.redirects(redirects, input)?;
                self.node(body, &input)
            }
            NodeKind::Negation { pipeline: body }
            | NodeKind::Time { pipeline: body, .. }
            | NodeKind::Coproc { command: body, .. } => self.node(body, input),
            NodeKind::Function { name, body } => {
                if self.certain {
                    self.functions.push(name.clone());
                }
                self.clone().node(body, &Input::Unknown)
            }
            NodeKind::Empty | NodeKind::Comment { .. } => Ok(()),
            _ => self.compound(node, input),
        }
    }

    fn compound(&mut self, node: &Node, input: &Input) -> Checked {
        match &node.kind {
            NodeKind::If { condition, then_body, else_body, redirects } => {
                let input = self.redirects(redirects, input)?;
                self.node(condition, &input)?;
                self.node(then_body, &input)?;
                else_body.iter().try_for_each(|body| self.node(body, &input))
            }
            NodeKind::While { condition, body, redirects }
            | NodeKind::Until { condition, body, redirects } => {
                let input = self.redirects(redirects, input)?;
                self.node(condition, &input)?;
                self.node(body, &input)
            }
            NodeKind::For { var, words, body, redirects }
            | NodeKind::Select { var, words, body, redirects } => {
                let input = self.redirects(redirects, input)?;
                let words = self.words(words.as_deref().unwrap_or_default())?;
                self.set(var, &words)?;
                self.node(body, &input)
            }
            NodeKind::ForArith { init, cond, incr, body, redirects } => {
                let input = self.redirects(redirects, input)?;
                [init, cond, incr].into_iter().try_for_each(|part| self.arithmetic(part))?;
                self.node(body, &input)
            }
            NodeKind::Case { word, patterns, redirects } => {
                let input = self.redirects(redirects, input)?;
                self.word(word)?;
                patterns.iter().try_for_each(|pattern| self.case(pattern, &input))
            }
            NodeKind::ArithmeticCommand { redirects, raw_content, .. } => {
                self.redirects(redirects, input)?;
                if !is_calculation(&format!("{raw_content}))")) {
                    return Err(unreadable(raw_content));
                }
                self.arithmetic(raw_content)
            }
            NodeKind::ConditionalExpr { body, redirects } => {
                self.redirects(redirects, input)?;
                self.condition(body)
            }
            _ => Err(unreadable("a construct of the shell")),
        }
    }

    fn case(&mut self, pattern: &CasePattern, input: &Input) -> Checked {
        self.words(&pattern.patterns)?;
        pattern.body.iter().try_for_each(|body| self.node(body, input))
    }

    fn condition(&mut self, node: &Node) -> Checked {
        match &node.kind {
            NodeKind::CondAnd { left, right } | NodeKind::CondOr { left, right } => {
                self.condition(left)?;
                self.condition(right)
            }
            NodeKind::CondNot { operand: inner } | NodeKind::CondParen { inner } => {
                self.condition(inner)
            }
            NodeKind::UnaryTest { op, operand } => {
                if self.gate == Gate::ReadOnly && matches!(op.as_str(), "-v" | "-R") {
                    return Err(unreadable("[[ -v … ]]"));
                }
                self.condition(operand)
            }
            NodeKind::BinaryTest { op, left, right } => {
                self.condition(left)?;
                self.condition(right)?;
                let numeric = matches!(op.as_str(), "-eq" | "-ne" | "-lt" | "-le" | "-gt" | "-ge");
                [left, right].into_iter().filter(|_| numeric).try_for_each(|side| {
                    match &side.kind {
                        NodeKind::CondTerm { value, .. } => self.arithmetic(value),
                        _ => Ok(()),
                    }
                })
            }
            NodeKind::CondTerm { value, .. } => self.loose(value),
            NodeKind::Word { .. } => self.word(node).map(drop),
            _ => Err(unreadable("[[ … ]]")),
        }
    }

    fn pipeline(&mut self, commands: &[Node], input: &Input) -> Checked {
        let mut input = input.clone();
        for command in commands {
            self.clone().node(command, &input)?;
            let network = input == Input::Network;
            input = match self.output(command, &input) {
                Input::Unknown if network => Input::Network,
                output => output,
            };
        }
        Ok(())
    }

    /// What a command writes, as far as that can be read.
    fn output(&mut self, node: &Node, input: &Input) -> Input {
        if super::remote::fetches(node) {
            return Input::Network;
        }
        let NodeKind::Command { words, redirects, .. } = &node.kind else {
            return Input::Unknown;
        };
        let Ok(words) = self.words(words) else { return Input::Unknown };
        let texts: Option<Vec<&str>> = words.iter().map(Word::literal).collect();
        match texts.as_deref() {
            Some(["cat"]) => self.redirects(redirects, input).unwrap_or(Input::Unknown),
            Some(["echo", args @ ..] | ["printf", "%s" | "%s\\n", args @ ..])
                if !args.iter().any(|arg| arg.contains('\\') || arg.starts_with('-')) =>
            {
                Input::Text(args.join(" "))
            }
            _ => Input::Unknown,
        }
    }

    fn simple(
        &mut self,
        assignments: &[Node],
        words: &[Node],
        redirects: &[Node],
        input: &Input,
    ) -> Checked {
        let input = self.redirects(redirects, input)?;
        for assignment in assignments {
            let word = self.word(assignment)?;
            self.assignment(&word)?;
        }
        let words = self.words(words)?;
        let defined = words.first().and_then(Word::literal);
        if self.gate == Gate::ReadOnly && self.functions.iter().any(|f| Some(f.as_str()) == defined)
        {
            return Ok(()); // Its body was judged; `command f` and `env f` mean a program.
        }
        self.command(&words, &input)
    }

    fn words(&mut self, nodes: &[Node]) -> Result<Vec<Word>, Reason> {
        nodes.iter().map(|node| self.word(node)).collect()
    }

    /// Judges redirections, and says what the command will read.
    fn redirects(&mut self, redirects: &[Node], input: &Input) -> Result<Input, Reason> {
        let mut input = input.clone();
        for redirect in redirects {
            match &redirect.kind {
                NodeKind::HereDoc { content, quoted, delimiter, .. } => {
                    // The parser leaves a body empty where it lost track of which is whose.
                    if content.is_empty() {
                        return Err(unreadable(&format!("<<{delimiter}")));
                    }
                    let plain = *quoted || !content.contains(['$', '`', '\\']);
                    if !*quoted {
                        self.loose(content)?;
                    }
                    input = if plain { Input::Text(content.clone()) } else { Input::Unknown };
                }
                NodeKind::Redirect { op, target, .. } => {
                    if let Some(read) = self.redirect(op, target)? {
                        input = read;
                    }
                }
                _ => return Err(unreadable("a redirection")),
            }
        }
        Ok(input)
    }

    fn redirect(&mut self, op: &str, target: &Node) -> Result<Option<Input>, Reason> {
        if op == ">&-" {
            return Ok(None);
        }
        let word = self.word(target)?;
        match op {
            "<<<" => Ok(Some(word.literal().map_or(Input::Unknown, |t| Input::Text(t.into())))),
            "<" if word.raw.starts_with("<(") => Ok(Some(super::remote::substituted(&word))),
            "<" => Ok(Some(Input::File)),
            "<&" => Ok(None),
            ">&" if word.exact && word.text.bytes().all(|b| b.is_ascii_digit() || b == b'-') => {
                Ok(None)
            }
            _ if word.exact && is_sink(&word.text) => Ok(None),
            _ if word.raw.starts_with(">(") => Ok(None),
            _ => self.writes(&word, "writes").map(|()| None),
        }
    }

    /// Judges writing to a path.
    pub fn writes(&self, word: &Word, does: &str) -> Checked {
        if self.gate == Gate::ReadOnly {
            return Err(Reason::about("writes a file", &word.raw));
        }
        if word.exact && is_sink(&word.text) {
            return Ok(());
        }
        let path = self.place.resolve(&word.text, self.cwd.as_deref()).filter(|_| !word.adrift);
        match path {
            None => Err(Reason::about(&format!("{does} where it cannot be known"), &word.raw)),
            Some(path) if !self.place.holds(&path) => {
                Err(Reason::about(&format!("{does} outside the project"), &word.raw))
            }
            Some(path) if Place::is_control(&path) => {
                Err(Reason::about(&format!("{does} what decides over later commands"), &word.raw))
            }
            Some(_) => Ok(()),
        }
    }

    /// The value of a variable, where the script or the place tells it.
    pub fn value(&self, name: &str) -> Option<String> {
        match name {
            "HOME" => self.place.home.clone(),
            "PWD" => self.cwd.clone(),
            _ if self.gate == Gate::ReadOnly => None,
            _ => self.variables.get(name).cloned(),
        }
    }

    /// Notes what a variable holds from now on: one of several words.
    pub fn set(&mut self, name: &str, words: &[Word]) -> Checked {
        self.may_set(name)?;
        let plain = |word: &Word| {
            !word.adrift
                && !word.splits
                && self
                    .place
                    .resolve(&word.text, self.cwd.as_deref())
                    .is_some_and(|path| self.place.holds(&path) && !Place::is_control(&path))
        };
        match words {
            [one] if one.exact => self.variables.insert(name.into(), one.text.clone()),
            [first, ..] if words.iter().all(plain) => {
                self.variables.insert(name.into(), first.text.clone())
            }
            _ => self.variables.remove(name),
        };
        Ok(())
    }

    /// Forgets what a variable held.
    pub fn forget(&mut self, name: &str) {
        self.variables.remove(name);
    }
}
