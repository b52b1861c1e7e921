//! Says where the built dashboard is, for `http/dashboard/file.rs` to embed.
//!
//! Cargo builds without Node: where the page has not been built, nothing is embedded, and the server
//! answers with how to build it. Whoever makes a release sets `AGENT_RELAY_REQUIRE_DASHBOARD=1`, and
//! then there is none without the page.
#![expect(clippy::disallowed_methods, reason = "a build script is told by its environment")]

use std::{
    env,
    path::{Path, PathBuf},
};

const REQUIRED: &str = "AGENT_RELAY_REQUIRE_DASHBOARD";

fn main() {
    let dist = dist();
    println!("cargo::rustc-env=RELAY_DASHBOARD={}", dist.display());
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed={REQUIRED}");
    // A debug build reads the files when it is asked for them: a new page takes no new build.
    if env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        println!("cargo::rerun-if-changed={}", nearest(&dist).display());
    }
    let built = dist.join("index.html").is_file();
    if !built && env::var(REQUIRED).is_ok_and(|value| value == "1") {
        println!(
            "cargo::error={REQUIRED} is 1 and {} holds no page; `cargo xtask dashboard` builds it",
            dist.display()
        );
    }
}

/// Beside this file in a published package, else where a checkout builds it.
fn dist() -> PathBuf {
    let own = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo names the folder"));
    let packaged = own.join("dist");
    if packaged.is_dir() {
        return packaged;
    }
    own.ancestors().nth(2).unwrap_or(&own).join("dashboard").join("dist")
}

/// What is there of a path. Cargo takes a path that is missing for one that has always changed.
fn nearest(path: &Path) -> &Path {
    path.ancestors().find(|folder| folder.exists()).unwrap_or(path)
}
