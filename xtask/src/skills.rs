//! `cargo xtask skills`: each provider's skills are made from one text per command.
//!
//! A text of `providers/skills/` has an action line per provider (`- claude: …`); a provider gets
//! the text and its own line.

use std::fs;
use std::path::{Path, PathBuf};

use crate::shell::{self, Failure};

#[derive(clap::Args)]
pub struct Args {
    /// Write nothing; fail if a file differs from what would be written
    #[arg(long)]
    check: bool,
}

/// Who gets skills, and where.
const PROVIDERS: [(&str, &str); 2] =
    [("claude", "providers/claude/skills"), ("codex", "providers/codex/skills")];

pub fn run(args: &Args) -> Result<(), Failure> {
    if args.check { check() } else { each(write) }
}

pub fn check() -> Result<(), Failure> {
    each(compare)
}

fn each(act: fn(&Path, &str) -> Result<(), Failure>) -> Result<(), Failure> {
    for source in sources()? {
        let name = source.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = read(&source)?;
        for (provider, folder) in PROVIDERS {
            let skill = skill(&name, &text, provider).ok_or_else(|| {
                Failure(format!("{} is no skill for {provider}", source.display()))
            })?;
            act(&shell::root().join(folder).join(&name).join("SKILL.md"), &skill)?;
        }
    }
    Ok(())
}

fn sources() -> Result<Vec<PathBuf>, Failure> {
    let folder = shell::root().join("providers/skills");
    let entries =
        fs::read_dir(&folder).map_err(|error| Failure(format!("{}: {error}", folder.display())))?;
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "md"));
    paths.sort();
    Ok(paths)
}

/// The skill of one provider; `None` where the text is not as it should be.
fn skill(name: &str, text: &str, provider: &str) -> Option<String> {
    let (head, body) = text.strip_prefix("---\n")?.split_once("\n---\n")?;
    let field = |name: &str| {
        let line = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))?;
        Some(line.trim_matches('"').to_owned())
    };
    let (description, arguments) = (field("description")?, field("arguments")?);
    let (text, actions) = body.split_once("\n- ")?;
    let actions = format!("- {actions}");
    let action = actions.lines().find_map(|line| line.strip_prefix(&format!("- {provider}: ")))?;
    let (head, given) = match provider {
        "codex" => codex(name, &arguments),
        _ => claude(&arguments),
    };
    let text = text.trim();
    let (first, rest) = action.split_at(action.char_indices().nth(1)?.0);
    let first = first.to_uppercase();
    Some(format!(
        "---\nname: {name}\ndescription: {description}\n{head}---\n\n{text}\n\n{given}{first}{rest}\n"
    ))
}

/// Claude Code shows the arguments' hint, and puts the arguments where `$ARGUMENTS` stands.
fn claude(arguments: &str) -> (String, String) {
    let tools = "allowed-tools: Bash(agent-relay *)\n";
    if arguments.is_empty() {
        return (tools.to_owned(), String::new());
    }
    (format!("argument-hint: \"{arguments}\"\n{tools}"), "Arguments: $ARGUMENTS\n\n".to_owned())
}

/// Codex puts the text beside the user's message and fills nothing in. It knows the skills of a
/// plugin by the plugin's name and theirs.
fn codex(name: &str, arguments: &str) -> (String, String) {
    let given = match arguments {
        "" => String::new(),
        arguments => format!(
            "Arguments, after `$agent-relay:{name}` in the user's message: `{arguments}`\n\n"
        ),
    };
    (String::new(), given)
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let failure = |error| Failure(format!("{}: {error}", path.display()));
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failure)?;
    }
    fs::write(path, text).map_err(failure)
}

fn compare(path: &Path, text: &str) -> Result<(), Failure> {
    if fs::read_to_string(path).is_ok_and(|old| old.replace("\r\n", "\n") == text) {
        return Ok(());
    }
    Err(Failure(format!("{} is not what `cargo xtask skills` makes", path.display())))
}

fn read(path: &Path) -> Result<String, Failure> {
    let text = fs::read_to_string(path)
        .map_err(|error| Failure(format!("{}: {error}", path.display())))?;
    Ok(text.replace("\r\n", "\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_gets_the_text_and_its_own_line() {
        let text = "---\ndescription: D\narguments: \"<x>\"\n---\nDo it.\n\n- claude: run it.\n- other: no.\n";
        let made = skill("go", text, "claude").unwrap();
        assert!(made.contains("name: go\ndescription: D\nargument-hint: \"<x>\"\n"), "{made}");
        assert!(made.ends_with("Do it.\n\nArguments: $ARGUMENTS\n\nRun it.\n"), "{made}");
        assert_eq!(skill("go", text, "nobody"), None);
    }

    #[test]
    fn codex_is_told_where_the_arguments_stand() {
        let text = "---\ndescription: D\narguments: \"<x>\"\n---\nDo it.\n\n- codex: call it.\n";
        let expected = "---\nname: go\ndescription: D\n---\n\nDo it.\n\n\
                        Arguments, after `$agent-relay:go` in the user's message: `<x>`\n\nCall it.\n";
        assert_eq!(skill("go", text, "codex").unwrap(), expected);
    }

    #[test]
    fn the_skills_in_the_repository_are_made_from_the_texts() {
        check().unwrap_or_else(|why| panic!("{why}"));
    }
}
