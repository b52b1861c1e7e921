//! What the programs are made of, as a `CycloneDX` 1.5 document: every crate that is linked in, from
//! `cargo metadata`, and every npm package whose code is in the dashboard, from its lock file.

use std::{collections::BTreeMap, process::Command};

use serde_json::{Value, json};

use crate::file;

const VERSION: &str = env!("CARGO_PKG_VERSION");
const PACKAGES: [&str; 4] = ["relay-cli", "codex-sidecar", "claude-hooks", "telegram-channel"];

/// The document for the programs of one kind of machine.
pub fn document(target: &str) -> Result<Vec<u8>, String> {
    let metadata = metadata(target)?;
    let nodes = linked(&metadata)?;
    let packages = list(&metadata, "packages");
    let addresses: BTreeMap<&str, String> =
        packages.map(|package| (text(package, "id"), address(package))).collect();
    let mut components = Vec::new();
    let mut dependencies = Vec::new();
    for package in list(&metadata, "packages") {
        let Some(needs) = nodes.get(text(package, "id")) else { continue };
        components.push(component(package));
        let needs: Vec<_> = needs.iter().filter_map(|id| addresses.get(id)).collect();
        dependencies.push(json!({ "ref": address(package), "dependsOn": needs }));
    }
    components.extend(dashboard()?);
    let document = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application", "bom-ref": "agent-relay", "name": "agent-relay",
                "version": VERSION, "licenses": [{ "expression": "MIT OR Apache-2.0" }],
            },
            "properties": [{ "name": "target", "value": target }],
        },
        "components": components,
        "dependencies": dependencies,
    });
    let text = serde_json::to_string_pretty(&document).map_err(|why| why.to_string())?;
    Ok((text + "\n").into_bytes())
}

fn metadata(target: &str) -> Result<Value, String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--format-version=1", "--locked", "--filter-platform", target]);
    let output = cargo.current_dir(file::root()).output();
    let output = output.map_err(|why| format!("cargo metadata: {why}"))?;
    if !output.status.success() {
        return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr)));
    }
    serde_json::from_slice(&output.stdout).map_err(|why| format!("cargo metadata: {why}"))
}

/// Each package that is linked into our programs, and those it needs.
fn linked(metadata: &Value) -> Result<BTreeMap<&str, Vec<&str>>, String> {
    let nodes: BTreeMap<&str, &Value> =
        list(&metadata["resolve"], "nodes").map(|node| (text(node, "id"), node)).collect();
    let ours = |package: &&Value| PACKAGES.contains(&text(package, "name"));
    let mut waiting: Vec<&str> =
        list(metadata, "packages").filter(ours).map(|package| text(package, "id")).collect();
    if waiting.len() < PACKAGES.len() {
        return Err(format!("cargo metadata does not list all of {PACKAGES:?}"));
    }
    let mut found = BTreeMap::new();
    while let Some(id) = waiting.pop() {
        if found.contains_key(id) {
            continue;
        }
        let node = nodes.get(id).ok_or_else(|| format!("{id} is not resolved"))?;
        let needs: Vec<&str> =
            list(node, "deps").filter(|dep| is_linked(dep)).map(|dep| text(dep, "pkg")).collect();
        waiting.extend(&needs);
        found.insert(id, needs);
    }
    Ok(found)
}

/// Not what only tests or build scripts use.
fn is_linked(dependency: &Value) -> bool {
    list(dependency, "dep_kinds").any(|kind| kind["kind"].is_null())
}

/// Cargo's own name of a package of ours holds the folder of this checkout.
fn address(package: &Value) -> String {
    format!("pkg:cargo/{}@{}", text(package, "name"), text(package, "version"))
}

fn component(package: &Value) -> Value {
    json!({
        "type": "library",
        "bom-ref": address(package),
        "name": text(package, "name"),
        "version": text(package, "version"),
        "purl": address(package),
        "licenses": [{ "expression": text(package, "license").replace('/', " OR ") }],
    })
}

/// What the page is built from: all that is not for development alone.
fn dashboard() -> Result<Vec<Value>, String> {
    let lock = file::read(&file::root().join("dashboard/package-lock.json"))?;
    let lock: Value = serde_json::from_slice(&lock).map_err(|why| why.to_string())?;
    let packages = lock["packages"].as_object().into_iter().flatten();
    let shipped = packages.filter(|(path, package)| !path.is_empty() && package["dev"] != true);
    Ok(shipped
        .filter_map(|(path, package)| {
            let name = path.rsplit("node_modules/").next()?;
            let version = text(package, "version");
            Some(json!({
                "type": "library",
                "bom-ref": format!("npm:{name}@{version}"),
                "name": name,
                "version": version,
                "purl": format!("pkg:npm/{}@{version}", name.replace('@', "%40")),
                "licenses": [{ "expression": text(package, "license") }],
            }))
        })
        .collect())
}

fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value[name].as_array().into_iter().flatten()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}
