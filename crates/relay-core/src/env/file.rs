//! A file of variables: what `agent-relay setup` writes, what the daemon's service manager and every
//! program of ours read. The form is that of systemd's `EnvironmentFile=`: `NAME=value` a line,
//! comments after `#` or `;`, and double quotes with `\` before `"`, `\`, `` ` `` and `$`.

use std::collections::BTreeMap;

/// A line that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct BadLine {
    /// Its number, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: &'static str,
}

/// Reads a file. Of two lines with one name the last one counts.
pub fn parse(text: &str) -> Result<BTreeMap<String, String>, BadLine> {
    let mut values = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        let line_number = number + 1;
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        let bad = |why| BadLine { line: line_number, why };
        let (name, value) = line.split_once('=').ok_or(bad("has no `=`"))?;
        if !is_name(name) {
            return Err(bad("does not begin with a variable's name"));
        }
        let value = unquoted(value.trim()).ok_or(bad("has a quote that does not end"))?;
        values.insert(name.to_owned(), value);
    }
    Ok(values)
}

/// Writes one line. Line ends have no place in a value.
pub fn line(name: &str, value: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-:@%+,".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        return format!("{name}={value}");
    }
    let mut quoted = String::with_capacity(value.len() + 2);
    for c in value.chars().filter(|c| !matches!(c, '\n' | '\r' | '\0')) {
        if matches!(c, '"' | '\\' | '`' | '$') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    format!("{name}=\"{quoted}\"")
}

fn is_name(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn unquoted(value: &str) -> Option<String> {
    if let Some(rest) = value.strip_prefix('\'') {
        return rest.strip_suffix('\'').map(ToOwned::to_owned);
    }
    let Some(rest) = value.strip_prefix('"') else { return Some(value.to_owned()) };
    let mut plain = String::with_capacity(rest.len());
    let mut characters = rest.chars();
    loop {
        match characters.next()? {
            '"' => return characters.as_str().is_empty().then_some(plain),
            '\\' => plain.push(characters.next()?),
            c => plain.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(text: &str) -> Result<String, BadLine> {
        parse(text).map(|values| values.into_values().next().unwrap_or_default())
    }

    #[test]
    fn a_file_is_read_as_a_service_manager_reads_it() {
        let text =
            "# made by setup\n; too\n\n A=1 \nB=\"two words\\\"\\$\"\nC='as $it is'\nA=2\nD=\n";
        let values = parse(text).unwrap();
        let values: Vec<_> = values.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(values, [("A", "2"), ("B", "two words\"$"), ("C", "as $it is"), ("D", "")]);
    }

    #[test]
    fn a_bad_line_is_told_by_its_number() {
        for (text, expected) in [
            ("A=1\nnothing", "line 2: has no `=`"),
            ("export A=1", "line 1: does not begin with a variable's name"),
            ("A=\"open", "line 1: has a quote that does not end"),
            ("A=\"a\"b", "line 1: has a quote that does not end"),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), expected);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(value in "[^\n\r\u{0}\u{85}\u{2028}\u{2029}]*") {
            prop_assert_eq!(one(&line("NAME", &value)).unwrap(), value);
        }
    }
}
