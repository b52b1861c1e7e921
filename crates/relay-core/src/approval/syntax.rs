//! Shell text made into a tree, within bounds: what is too long, too deep or ambiguous is refused.

use rable::{Node, NodeKind};

use super::{Reason, unreadable};

/// The most bytes of a script. Longer ones belong into a file.
const MOST_BYTES: usize = 64 << 10;
/// The most `$(`, `<(` and `>(`: the parser's time grows steeply with how deep they stand in each
/// other, and how deep that is cannot be told before parsing.
const MOST_SUBSTITUTIONS: usize = 48;
/// The most characters and words that can open something, which bounds the parser's recursion.
const MOST_OPENINGS: usize = 4000;
const OPENING_WORDS: [&str; 9] =
    ["if", "elif", "while", "until", "for", "select", "case", "coproc", "function"];

/// Parses a script; an error where the parser refuses it or could have misread it.
pub(crate) fn parse(text: &str) -> Result<Vec<Node>, Reason> {
    if text.len() > MOST_BYTES || openings(text) > MOST_OPENINGS {
        return Err(Reason::about("too long to be read", text));
    }
    let substitutions = ["$(", "<(", ">("].map(|opening| text.matches(opening).count());
    if substitutions.iter().sum::<usize>() > MOST_SUBSTITUTIONS {
        return Err(Reason::about("too deep to be read", text));
    }
    if text.contains(['\0', '\r']) {
        return Err(unreadable(text));
    }
    let nodes = rable::parse(text, false).map_err(|_| unreadable(text))?;
    if text.contains("<<") && !here_documents_are_plain(text) {
        return Err(unreadable(text));
    }
    Ok(nodes)
}

/// The one word that a text such as `$(…)` or `${…}` is; an error where it is more or less.
pub(crate) fn parse_word(text: &str) -> Result<Node, Reason> {
    let nodes = parse(&format!(": {text}"))?;
    let [Node { kind: NodeKind::Command { assignments, words, redirects }, .. }] = nodes.as_slice()
    else {
        return Err(unreadable(text));
    };
    match (assignments.as_slice(), words.as_slice(), redirects.as_slice()) {
        ([], [_, word], []) => Ok(word.clone()),
        _ => Err(unreadable(text)),
    }
}

fn openings(text: &str) -> usize {
    let signs = text.bytes().filter(|b| matches!(b, b'(' | b'{' | b'!')).count();
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    signs + words.filter(|word| OPENING_WORDS.contains(word)).count()
}

/// Where shells and this parser could disagree about the line that ends a here-document (white
/// space or a parenthesis after the delimiter), what one takes for its body the other would run.
fn here_documents_are_plain(text: &str) -> bool {
    let delimiters: Vec<String> = text.split("<<").skip(1).filter_map(delimiter).collect();
    text.lines().all(|line| {
        delimiters.iter().all(|delimiter| {
            let line = line.trim_start_matches('\t');
            line.strip_prefix(delimiter.as_str()).is_none_or(|tail| {
                tail.is_empty() || !tail.chars().all(|c| c.is_whitespace() || c == ')')
            })
        })
    })
}

/// The delimiter that may follow a `<<`; `None` for an empty one, which `<<<` looks like.
fn delimiter(after: &str) -> Option<String> {
    let after = after.trim_start_matches('-').trim_start_matches([' ', '\t']);
    let end = |c: char| c.is_whitespace() || matches!(c, ';' | '|' | '&' | '<' | '>' | '(' | ')');
    let word: String = match after.chars().next()? {
        quote @ ('\'' | '"') => after.chars().skip(1).take_while(|c| *c != quote).collect(),
        _ => after.chars().take_while(|c| !end(*c)).filter(|c| *c != '\\').collect(),
    };
    (!word.is_empty()).then_some(word)
}
