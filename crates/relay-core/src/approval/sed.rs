//! The small languages of `sed` and `awk`, as far as it takes to say that a program only reads.

use super::word::Word;

/// True where sed's arguments edit nothing in place and its script neither writes nor runs.
pub(crate) fn sed_reads(args: &[Word]) -> bool {
    let mut script_given = false;
    let mut words = args.iter();
    let mut first_operand = None;
    while let Some(word) = words.next() {
        let text = word.text.as_str();
        if word.may_hide_option() {
            return false;
        }
        match text {
            "-e" | "--expression" => {
                script_given = true;
                if !words.next().and_then(Word::literal).is_some_and(script_reads) {
                    return false;
                }
            }
            "--quiet" | "--silent" | "--regexp-extended" | "--null-data" | "--posix"
            | "--debug" | "--version" | "--help" | "--separate" | "--unbuffered" => {}
            _ if word.is_option() => {
                let plain = text[1..].chars().all(|c| "nErsuz".contains(c));
                let Some(cluster) = text[1..].strip_suffix('e') else {
                    if plain {
                        continue;
                    }
                    return false;
                };
                script_given = true;
                let known = cluster.chars().all(|c| "nErsuz".contains(c));
                if !known || !words.next().and_then(Word::literal).is_some_and(script_reads) {
                    return false;
                }
            }
            _ if first_operand.is_none() => first_operand = Some(word),
            _ => {}
        }
    }
    script_given || first_operand.is_none_or(|word| word.literal().is_some_and(script_reads))
}

fn script_reads(script: &str) -> bool {
    let mut rest = script;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || ";{}".contains(c));
        if rest.is_empty() {
            return true;
        }
        let Some(after) = skip_address(rest) else { return false };
        let Some(after) = skip_command(after) else { return false };
        rest = after;
    }
}

fn skip_address(mut rest: &str) -> Option<&str> {
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_digit() || " ,$~+!".contains(c));
        if !rest.starts_with(['/', '\\']) {
            return Some(rest);
        }
        rest = rest.strip_prefix('\\').unwrap_or(rest);
        let end = rest.chars().next()?;
        rest = skip_to(&rest[end.len_utf8()..], end)?.trim_start_matches(['I', 'M']);
    }
}

fn skip_command(rest: &str) -> Option<&str> {
    let command = rest.chars().next()?;
    let after = &rest[command.len_utf8()..];
    match command {
        'p' | 'P' | 'd' | 'D' | '=' | 'n' | 'N' | 'g' | 'G' | 'h' | 'H' | 'x' | '{' | '}' => {
            ended(after)
        }
        'q' | 'Q' | 'l' => {
            ended(after.trim_start_matches(|c: char| c == ' ' || c.is_ascii_digit()))
        }
        'a' | 'i' | 'c' | 'b' | 't' | 'T' | ':' | '#' => {
            Some(after.split_once('\n').map_or("", |(_, rest)| rest))
        }
        's' | 'y' => {
            let end = after
                .chars()
                .next()
                .filter(|c| !c.is_alphanumeric() && *c != '\n' && *c != '\\')?;
            let body = skip_to(skip_to(&after[end.len_utf8()..], end)?, end)?;
            ended(body.trim_start_matches(|c: char| "gpiIM".contains(c) || c.is_ascii_digit()))
        }
        _ => None,
    }
}

fn ended(rest: &str) -> Option<&str> {
    let rest = rest.trim_start_matches(' ');
    (rest.is_empty() || rest.starts_with([';', '\n', '}'])).then_some(rest)
}

/// What follows the next `end` that no backslash hides. A bracket could hide one, too: where one
/// stands, sed and this reading could disagree, so there it gives up.
fn skip_to(text: &str, end: char) -> Option<&str> {
    let mut chars = text.char_indices();
    let mut bracket = false;
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            '[' => bracket = true,
            ']' => bracket = false,
            c if c == end => return (!bracket).then(|| &text[at + c.len_utf8()..]),
            _ => {}
        }
    }
    None
}

/// True where awk's program neither writes a file nor runs a command.
pub(crate) fn awk_reads(args: &[Word]) -> bool {
    let mut words = args.iter();
    while let Some(word) = words.next() {
        match word.text.as_str() {
            "-F" | "-v" => drop(words.next()),
            text if text.starts_with("-F") || text.starts_with("-v") => {}
            "--version" => return true,
            text if text.starts_with('-') => return false,
            _ => return word.literal().is_some_and(program_reads),
        }
    }
    false
}

fn program_reads(program: &str) -> bool {
    let calls = ["system", "getline", "@", "|", "fflush"];
    let logic = program.replace("||", "");
    let prints_to = program
        .split([';', '\n', '{', '}'])
        .any(|statement| statement.split_once("print").is_some_and(|(_, rest)| rest.contains('>')));
    !prints_to && !calls.iter().any(|call| logic.contains(call))
}

/// True where a script of sed or awk says that it runs commands, or writes by an absolute path.
/// Unlike the above it errs on the side of no: `guarded` stands against accidents.
pub(crate) fn runs(args: &[Word]) -> bool {
    args.iter().any(|word| {
        let text = word.text.as_str();
        let logic = text.replace("||", "");
        let away = ["\"/", "\"~", "\"../", "w /", "w ~", "w ../"].iter().any(|w| text.contains(w));
        let runs = text.contains("system(")
            || text.contains("@load")
            || logic.contains("| \"")
            || logic.contains("|\"");
        let command = ["/e", "|e", "#e", "/ge", "/eg"].iter().any(|end| text.ends_with(end))
            && text.starts_with('s');
        away && text.contains(['>', 'w'])
            || runs
            || command
            || text == "e"
            || text.starts_with("e ")
            || text.starts_with("1e")
    })
}
