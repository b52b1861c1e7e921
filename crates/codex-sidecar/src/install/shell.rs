//! Plain `codex` through the relay: a function in the start files of shells.
//!
//! A function holds for what a person types and for nothing else: scripts, editors and
//! `codex-relay` itself look for programs, find Codex as before, and nothing calls itself. A program
//! of the same name in front of Codex would catch all of them. `command codex` is Codex itself.

use std::{
    fs, io,
    ops::Range,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

const BEGIN: &str = "# >>> agent-relay: codex >>>";
const END: &str = "# <<< agent-relay: codex <<<";
const WORDS: &str = "\
# `codex` starts through Agent Relay; `command codex` is Codex itself.
# `codex-relay uninstall` takes these lines out again.";

const POSIX: &str = "\
function codex {
  if command -v codex-relay >/dev/null 2>&1; then
    codex-relay -- \"$@\"
  else
    command codex \"$@\"
  fi
}";

const FISH: &str = "\
function codex
    if command -q codex-relay
        codex-relay -- $argv
    else
        command codex $argv
    end
end";

/// What was added to one start file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Block {
    /// The file.
    pub path: PathBuf,
    /// The lines.
    pub text: String,
    /// True when there was no such file.
    pub created: bool,
    /// True when the file's last line had no end, and was given one.
    pub newline: bool,
}

/// A file that a shell reads when somebody begins to type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartFile {
    /// Where it is.
    pub path: PathBuf,
    /// What stands there; none where there is no such file.
    pub text: Option<String>,
    /// True when something stands there that is no text.
    pub strange: bool,
    /// The lines that belong there.
    pub lines: String,
}

/// How a start file stands to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrapped<'a> {
    /// Nothing of ours is there.
    No,
    /// These lines of ours are there.
    Yes(&'a str),
}

impl StartFile {
    /// The start files of the shells that are in use: the one that `SHELL` names, and those whose
    /// file is there.
    pub fn all(home: &Path, get: &dyn Fn(&str) -> Option<String>) -> Vec<Self> {
        let folder = |name: &str, otherwise: PathBuf| {
            get(name).filter(|value| !value.is_empty()).map_or(otherwise, PathBuf::from)
        };
        let own = get("SHELL").unwrap_or_default();
        let own = Path::new(&own).file_name().unwrap_or_default().to_string_lossy().into_owned();
        let fish = folder("XDG_CONFIG_HOME", home.join(".config")).join("fish");
        let zsh = folder("ZDOTDIR", home.to_owned());
        let shells = [
            ("bash", home.join(".bashrc"), home.join(".bashrc"), POSIX),
            ("zsh", zsh.join(".zshrc"), zsh.join(".zshrc"), POSIX),
            ("fish", fish.join("conf.d/agent-relay.fish"), fish, FISH),
        ];
        let used = shells.into_iter().filter(|(name, _, sign, _)| own == *name || sign.exists());
        used.map(|(_, path, _, function)| Self::read(path, function)).collect()
    }

    fn read(path: PathBuf, function: &str) -> Self {
        let lines = format!("{BEGIN}\n{WORDS}\n{function}\n{END}\n");
        match fs::read_to_string(&path) {
            Ok(text) => Self { path, text: Some(text), strange: false, lines },
            Err(error) => {
                let strange = error.kind() != io::ErrorKind::NotFound;
                Self { path, text: None, strange, lines }
            }
        }
    }

    /// What of ours is there.
    pub fn wrapped(&self) -> Wrapped<'_> {
        let text = self.text.as_deref().unwrap_or_default();
        find(text).map_or(Wrapped::No, |range| Wrapped::Yes(&text[range]))
    }

    /// What is to be added at the end.
    pub fn block(&self) -> Block {
        let text = self.text.as_deref().unwrap_or_default();
        Block {
            path: self.path.clone(),
            text: self.lines.clone(),
            created: self.text.is_none(),
            newline: !text.is_empty() && !text.ends_with('\n'),
        }
    }

    /// The file with our lines: at its end, or where older ones of ours stand.
    pub fn with_lines(&self) -> String {
        let text = self.text.as_deref().unwrap_or_default();
        match find(text) {
            Some(range) => format!("{}{}{}", &text[..range.start], self.lines, &text[range.end..]),
            None if self.block().newline => format!("{text}\n{}", self.lines),
            None => format!("{text}{}", self.lines),
        }
    }
}

impl Block {
    /// The file without these lines; none where nothing is left that was there before. The file is
    /// as it was, if nobody else has changed it.
    pub fn taken_out(&self, text: &str) -> Option<String> {
        let Some(range) = find(text).filter(|range| text[range.clone()] == self.text) else {
            return Some(text.to_owned());
        };
        let (before, after) = (&text[..range.start], &text[range.end..]);
        let before = match before.strip_suffix('\n') {
            Some(unended) if self.newline && after.is_empty() => unended,
            _ => before,
        };
        let left = format!("{before}{after}");
        (!(left.is_empty() && self.created)).then_some(left)
    }
}

/// Where the lines between the markers stand, the markers included.
fn find(text: &str) -> Option<Range<usize>> {
    let start = text.find(BEGIN).filter(|start| *start == 0 || text[..*start].ends_with('\n'))?;
    let end = start + text[start..].find(END)? + END.len();
    Some(start..end + usize::from(text[end..].starts_with('\n')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: Option<&str>) -> StartFile {
        let file = StartFile::read(PathBuf::from("/srv/nowhere/.bashrc"), POSIX);
        StartFile { text: text.map(str::to_owned), strange: false, ..file }
    }

    #[test]
    fn what_was_added_is_taken_out_to_the_byte() {
        for before in [None, Some(""), Some("x"), Some("x\n"), Some("x\n\n"), Some("\n"), Some("é")]
        {
            let file = file(before);
            let after = file.with_lines();
            assert_eq!(file.block().taken_out(&after).as_deref(), before, "{before:?}");
        }
    }

    #[test]
    fn what_the_user_wrote_since_stays_on_its_own_lines() {
        let file = file(Some("first"));
        let after = format!("{}last\n", file.with_lines());
        assert_eq!(file.block().taken_out(&after).unwrap(), "first\nlast\n");
        let block = self::file(None).block();
        assert_eq!(block.taken_out(&format!("mine\n{}", block.text)).unwrap(), "mine\n");
    }

    #[test]
    fn lines_that_were_changed_by_hand_are_not_touched() {
        let file = file(Some("first\n"));
        let changed = file.with_lines().replace("command codex", "command other");
        assert_eq!(file.block().taken_out(&changed).unwrap(), changed);
        let torn = file.with_lines().replace(END, "");
        assert_eq!(file.block().taken_out(&torn).unwrap(), torn);
    }

    #[test]
    fn older_lines_are_replaced_where_they_stand() {
        let old = format!("a\n{BEGIN}\nolder\n{END}\nb\n");
        let file = file(Some(&old));
        assert_eq!(file.wrapped(), Wrapped::Yes(&old[2..old.len() - 2]));
        assert_eq!(file.with_lines(), format!("a\n{}b\n", file.lines));
    }

    #[test]
    fn shells_are_known_by_their_files_and_by_the_variable() {
        let home = tempfile::tempdir().unwrap();
        let names = |shell: &'static str| {
            let get = move |name: &str| (name == "SHELL").then(|| shell.to_owned());
            let files = StartFile::all(home.path(), &get).into_iter();
            files.map(|f| f.path.strip_prefix(home.path()).unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert!(names("/bin/sh").is_empty());
        assert_eq!(names("/usr/bin/zsh"), [Path::new(".zshrc")]);
        fs::write(home.path().join(".bashrc"), "").unwrap();
        fs::create_dir_all(home.path().join(".config/fish")).unwrap();
        let fish = Path::new(".config/fish/conf.d/agent-relay.fish");
        assert_eq!(names("/bin/sh"), [Path::new(".bashrc"), fish]);
    }
}
