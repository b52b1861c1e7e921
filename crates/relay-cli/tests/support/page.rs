//! The project's own documents, for tests of what they show.

use std::{fs, path::Path};

/// A file, by its path in the repository.
pub fn read(path: &str) -> String {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The code blocks of a page in one language.
pub fn blocks<'a>(page: &'a str, language: &str) -> impl Iterator<Item = &'a str> {
    let begin = format!("{language}\n");
    let spans = page.split("```").skip(1).step_by(2);
    spans.filter_map(move |block| block.strip_prefix(&begin))
}
