//! Which crate may depend on which, and on whose code.

use std::process::Command;

use serde_json::Value;

use crate::{file, none};

/// The two arms that meet only in core, and the one crate that joins them.
const EDGES: [(&str, &[&str]); 8] = [
    ("relay-core", &[]),
    ("relay-store", &["relay-core"]),
    ("relay-server", &["relay-core", "relay-store"]),
    ("relay-client", &["relay-core"]),
    ("relay-cli", &["relay-core", "relay-client", "relay-server", "relay-store"]),
    ("codex-sidecar", &["relay-core", "relay-client"]),
    ("claude-hooks", &["relay-core", "relay-client"]),
    ("telegram-channel", &["relay-core", "relay-client"]),
];

/// What a crate never does shows in what it never links.
const NEVER: [(&str, &[&str]); 4] = [
    ("relay-core", &["tokio", "sqlx", "hyper", "reqwest", "tracing"]),
    ("relay-store", &["hyper", "http", "reqwest", "clap"]),
    ("relay-server", &["sqlx", "clap"]),
    ("relay-client", &["sqlx", "hyper", "clap"]),
];

/// They look at all crates, and no product links them.
const EXEMPT: [&str; 6] =
    ["xtask", "xtask-bench", "xtask-dist", "xtask-docs", "testkit", "examples"];

#[test]
fn crates_depend_only_along_the_two_arms() {
    let packages = metadata(&["--no-deps"]);
    let ours: Vec<&str> = packages.iter().map(name).collect();
    let mut breaches = Vec::new();
    for package in packages.iter().filter(|package| !exempt(package)) {
        let Some((_, allowed)) = EDGES.iter().find(|(crate_name, _)| *crate_name == name(package))
        else {
            breaches.push(format!("{}: not in the table of edges; add it there", name(package)));
            continue;
        };
        for dependency in dependencies(package).filter(|dependency| ours.contains(dependency)) {
            if !allowed.contains(&dependency) {
                breaches.push(format!("{} may not depend on {dependency}", name(package)));
            }
        }
    }
    none(&breaches);
}

#[test]
fn crates_link_nothing_that_their_role_forbids() {
    let packages = metadata(&["--no-deps"]);
    let mut breaches = Vec::new();
    for (crate_name, never) in NEVER {
        let Some(package) = packages.iter().find(|package| name(package) == crate_name) else {
            continue;
        };
        for dependency in dependencies(package).filter(|dependency| never.contains(dependency)) {
            breaches.push(format!("{crate_name} may not link {dependency}"));
        }
    }
    none(&breaches);
}

/// The check of `cargo deny check bans licenses sources`, on every test run and without cargo-deny.
#[test]
fn every_dependency_has_an_allowed_licence_and_source() {
    let deny =
        std::fs::read_to_string(file::root().join(".deny.toml")).expect(".deny.toml is here");
    let (allowed, denied) = (quoted(&deny, "\nallow = ["), quoted(&deny, "\ndeny = ["));
    assert!(!allowed.is_empty() && !denied.is_empty(), "the lists of .deny.toml were not found");
    let mut breaches = Vec::new();
    for package in metadata(&["--locked"]) {
        let licence = package["license"].as_str().unwrap_or("none given");
        if !satisfied(licence, &allowed) {
            breaches.push(format!("{}: licence {licence}", name(&package)));
        }
        let source = package["source"].as_str().unwrap_or("registry+this workspace");
        if !source.starts_with("registry+") {
            breaches.push(format!("{}: from {source}, not from a registry", name(&package)));
        }
    }
    // Metadata also lists what a feature that is off would bring; the tree does not.
    let tree = ["tree", "--workspace", "--target=all", "--edges=normal,build", "--prefix=none"];
    for line in cargo(&tree).lines() {
        let name = line.split(' ').next().unwrap_or_default();
        if denied.contains(&name) {
            breaches.push(format!("{name}: denied in .deny.toml, which says why"));
        }
    }
    none(&breaches);
}

/// The words in quotes from `start` to the next line that is only a bracket.
fn quoted<'a>(text: &'a str, start: &str) -> Vec<&'a str> {
    let list = text.split(start).nth(1).and_then(|rest| rest.split("\n]").next());
    let lines = list.unwrap_or_default().lines().filter(|line| !line.trim_start().starts_with('#'));
    lines.filter_map(|line| line.split('"').nth(1)).collect()
}

/// Whether an SPDX expression can be met from the list; brackets occur only around alternatives.
fn satisfied(expression: &str, allowed: &[&str]) -> bool {
    expression.replace(['(', ')'], "").split(" AND ").all(|part| {
        part.replace('/', " OR ")
            .split(" OR ")
            .any(|licence| allowed.contains(&licence.split(" WITH ").next().unwrap_or("").trim()))
    })
}

fn exempt(package: &Value) -> bool {
    let manifest = package["manifest_path"].as_str().unwrap_or_default().replace('\\', "/");
    EXEMPT.contains(&name(package)) || manifest.ends_with("/examples/Cargo.toml")
}

fn name(package: &Value) -> &str {
    package["name"].as_str().expect("a package has a name")
}

/// What is linked into the product: not the dev-dependencies.
fn dependencies(package: &Value) -> impl Iterator<Item = &str> {
    let all = package["dependencies"].as_array().expect("a package lists its dependencies");
    all.iter().filter(|dependency| dependency["kind"] != "dev").filter_map(|d| d["name"].as_str())
}

fn metadata(arguments: &[&str]) -> Vec<Value> {
    let output = cargo(&[&["metadata", "--format-version", "1"], arguments].concat());
    let metadata: Value = serde_json::from_str(&output).expect("metadata is JSON");
    metadata["packages"].as_array().expect("it lists packages").clone()
}

fn cargo(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO"));
    let output = command.args(arguments).current_dir(file::root()).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
