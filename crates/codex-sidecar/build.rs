//! Says where the plugin is that this program carries.
#![expect(clippy::disallowed_methods, reason = "a build script is told by its environment")]

use std::{
    env,
    path::{Path, PathBuf},
};

fn main() {
    println!("cargo::rustc-env=RELAY_BUNDLE={}", bundle().display());
    println!("cargo::rerun-if-changed=build.rs");
}

/// In this folder in a published package, else at the root of the checkout.
fn bundle() -> PathBuf {
    let own = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo names the folder"));
    let packaged = own.join("bundle");
    if packaged.is_dir() {
        return packaged;
    }
    own.ancestors().nth(2).map_or(own.clone(), Path::to_owned)
}
