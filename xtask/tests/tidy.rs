//! The architecture as tests: what docs/architecture.md promises about the shape of this repository.
//!
//! Each test says which file breaks which rule and why the rule is there; a table beside the rule
//! holds the exceptions, each with its reason.

#[path = "tidy/document.rs"]
mod document;
#[path = "tidy/file.rs"]
mod file;
#[path = "tidy/package.rs"]
mod package;
#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/top_level.rs"]
mod top_level;

/// Fails with one line for each breach.
fn none(breaches: &[String]) {
    assert!(breaches.is_empty(), "\n  {}\n", breaches.join("\n  "));
}
