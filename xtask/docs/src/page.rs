//! One generated file: written, or compared with what is there.

use std::fs;
use std::path::{Path, PathBuf};

/// What a generated Markdown page says of itself, after its title.
const NOTE: &str = "<!-- Made by `cargo xtask docs`; the prose is in xtask/docs/pages, the tables come from the code. -->";

pub struct Page {
    path: &'static str,
    text: String,
}

impl Page {
    pub fn new(path: &'static str, text: String) -> Self {
        Self { path, text }
    }

    /// Writes the file unless it is the same already.
    pub fn write(&self) -> Result<String, String> {
        if self.present() == self.text {
            return Ok(format!("{} is up to date", self.path));
        }
        let file = self.file();
        fs::create_dir_all(file.parent().expect("a page lies in a folder"))
            .and_then(|()| fs::write(&file, &self.text))
            .map_err(|error| format!("{}: {error}", self.path))?;
        Ok(format!("{} is written", self.path))
    }

    /// Refuses a file that differs, naming the first line that does.
    pub fn check(&self) -> Result<String, String> {
        let present = self.present();
        if present == self.text {
            return Ok(format!("{} is up to date", self.path));
        }
        let same = present.lines().zip(self.text.lines()).take_while(|(is, should)| is == should);
        let line = same.count() + 1;
        Err(format!("{} differs from line {line} on; run `cargo xtask docs`", self.path))
    }

    /// The text that is there, as Unix writes it: git may have changed the line ends.
    fn present(&self) -> String {
        fs::read_to_string(self.file()).unwrap_or_default().replace("\r\n", "\n")
    }

    fn file(&self) -> PathBuf {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        package.ancestors().nth(2).expect("the package lies two folders deep").join(self.path)
    }
}

/// Puts the parts into a template of `pages/`, where every `{{name}}` must have its part.
pub fn fill(template: &str, parts: &[(&str, String)]) -> String {
    let mut text = template.replace("\r\n", "\n");
    for (name, part) in [("note", NOTE.to_owned())].iter().chain(parts) {
        let mark = format!("{{{{{name}}}}}");
        assert!(text.contains(&mark), "the template has no {mark}");
        text = text.replace(&mark, part.trim_end());
    }
    text
}

/// A Markdown table; a `|` in a cell does not end it.
pub fn table<const N: usize>(
    head: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut text = String::new();
    let mut line = |cells: &[String]| {
        text.push_str("| ");
        text.push_str(&cells.join(" | "));
        text.push_str(" |\n");
    };
    line(&head.map(str::to_owned));
    line(&head.map(|_| "---".to_owned()));
    for row in rows {
        line(&row.map(|cell| cell.replace('|', "\\|").replace('\n', " ")));
    }
    text
}
