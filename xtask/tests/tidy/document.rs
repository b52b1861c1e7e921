//! What the documents name is there, and nothing names somebody's machine.

use crate::file::{self, File};
use crate::none;

/// Words in backquotes that begin so are paths of this repository.
const FOLDERS: [&str; 8] =
    ["crates/", "docs/", "examples/", "providers/", "dashboard/", "xtask/", ".ci/", ".github/"];

/// Placeholders that examples may use for somebody's home folder.
const ANYBODY: [&str; 6] = ["you", "me", "user", "alice", "bob", "runner"];

#[test]
fn every_path_in_the_documents_exists() {
    let mut breaches = Vec::new();
    for document in documents() {
        let folder = document.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let prose = without_code_blocks(&document.text);
        let links = links(&prose).map(|link| format!("{folder}/{link}"));
        let spans = prose.split('`').skip(1).step_by(2).filter(|span| is_path(span));
        for path in links.chain(spans.map(str::to_owned)) {
            if !file::root().join(path.trim_start_matches('/')).exists() {
                breaches.push(format!("{}: names {path}, which is not there", document.path));
            }
        }
    }
    none(&breaches);
}

#[test]
fn nothing_names_a_machine_it_was_written_on() {
    let root = file::root().to_string_lossy().into_owned();
    let mut breaches = Vec::new();
    for File { path, text } in file::all() {
        for (number, line) in text.lines().enumerate() {
            if line.contains(&root) || ["/home/", "/Users/"].iter().any(|home| names(line, home)) {
                breaches.push(format!("{path}:{}: names a folder of one machine", number + 1));
            }
        }
    }
    none(&breaches);
}

/// Whether a line holds somebody's home folder, other than a placeholder's.
fn names(line: &str, home: &str) -> bool {
    line.match_indices(home).any(|(place, _)| {
        let rest = &line[place + home.len()..];
        let somebody: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
        !somebody.is_empty() && !ANYBODY.contains(&somebody.as_str())
    })
}

fn documents() -> Vec<File> {
    let apart = |path: &str| path.starts_with("docs/") || path.ends_with("README.md");
    file::ending(".md").into_iter().filter(|file| apart(&file.path)).collect()
}

fn without_code_blocks(text: &str) -> String {
    let mut inside = false;
    let mut prose = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        } else if !inside {
            prose.push_str(line);
            prose.push('\n');
        }
    }
    prose
}

/// The files that Markdown links point to, without web addresses and places within a page.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', ' ']).next())
        .filter(|link| !link.contains("://") && !link.starts_with("mailto:"))
        .filter_map(|link| link.split('#').next())
        .filter(|link| !link.is_empty())
}

fn is_path(span: &str) -> bool {
    FOLDERS.iter().any(|folder| span.starts_with(folder))
        && span.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c))
}

#[test]
fn a_link_is_read_as_the_browser_does() {
    let text = "See [a](storage.md#modes), [b](https://example.org) and [c](#top).";
    assert_eq!(links(text).collect::<Vec<_>>(), ["storage.md"]);
}
