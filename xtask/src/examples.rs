//! The TypeScript example: its types made from the OpenAPI document, checked and compiled.
//!
//! `cargo test` runs the result with node against the real relay.

use crate::npm;
use crate::shell::{self, Failure};
use crate::suite::Suites;

const NAME: &str = "TypeScript example, compiled";

/// Compiles the example. Without node, or a network to fetch its packages, that is left out aloud.
pub fn compile(suites: &mut Suites) {
    let folder = shell::root().join("examples/typescript");
    match npm::missing().map_or_else(|| npm::install(&folder), |why| Err(Failure(why))) {
        Ok(()) => suites.run(NAME, || npm::run(&folder, "build")),
        Err(Failure(why)) => suites.skip(NAME, &format!("its packages are not here: {why}")),
    }
}
