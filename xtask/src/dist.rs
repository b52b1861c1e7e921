//! `cargo xtask dist`: a release of this machine's kind, in `target/dist`. The packing is done by the
//! package `xtask-dist`, which links the command line that it documents.

use std::path::PathBuf;

use crate::shell::{self, Failure};
use crate::{dashboard, npm};

#[derive(clap::Args)]
pub struct Args {
    /// Build for another kind of machine, as Rust names it
    #[arg(long, value_name = "TARGET")]
    target: Option<String>,
    /// Where to put what is made [default: target/dist]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Only write the index over the archives that lie there
    #[arg(long)]
    index: bool,
    /// Check instead that every crate can be published, in order
    #[arg(long, conflicts_with_all = ["target", "out", "index"])]
    crates: bool,
    /// Build the container's image instead, with podman or docker
    #[arg(long, conflicts_with_all = ["target", "out", "index", "crates"])]
    image: bool,
}

const PACKAGES: [&str; 4] = ["relay-cli", "codex-sidecar", "claude-hooks", "telegram-channel"];

pub fn run(args: &Args) -> Result<(), Failure> {
    if args.crates {
        return crate::publish::check();
    }
    if args.image {
        return image();
    }
    let out = args.out.clone().unwrap_or_else(|| shell::root().join("target/dist"));
    if !args.index {
        let target = args.target.clone().map_or_else(this_machine, Ok)?;
        if let Some(why) = npm::missing() {
            return Err(Failure(format!("a release holds the dashboard: {why}")));
        }
        dashboard::build()?;
        let mut build = shell::cargo(&["build", "--release", "--locked", "--target", &target]);
        build.args(PACKAGES.iter().flat_map(|package| ["--package", package]));
        shell::run(build.env("AGENT_RELAY_REQUIRE_DASHBOARD", "1"))?;
        let programs = shell::target_folder().join(&target).join("release");
        let mut pack = packer(&["pack", "--target", &target]);
        shell::run(pack.arg("--programs").arg(programs).arg("--out").arg(&out))?;
    }
    shell::run(packer(&["index"]).arg("--out").arg(&out))
}

/// Takes the first engine that answers: a client without its service is none.
fn image() -> Result<(), Failure> {
    let answers = |engine: &&str| {
        let asked = std::process::Command::new(engine).arg("info").output();
        asked.is_ok_and(|said| said.status.success())
    };
    let Some(engine) = ["podman", "docker"].into_iter().find(|engine| answers(engine)) else {
        return Err(Failure("no image is built: neither podman nor docker answers here".into()));
    };
    let mut build = std::process::Command::new(engine);
    build.args([
        "build",
        "--file",
        "examples/container/Containerfile",
        "--tag",
        "agent-relay",
        ".",
    ]);
    shell::run(build.current_dir(shell::root()))
}

fn packer(arguments: &[&str]) -> std::process::Command {
    let mut command = shell::cargo(&["run", "--quiet", "--package", "xtask-dist", "--"]);
    command.args(arguments);
    command
}

/// What rustc builds for by itself.
fn this_machine() -> Result<String, Failure> {
    let said = std::process::Command::new("rustc").arg("-vV").output();
    let said = said.map_err(|error| shell::not_started("rustc -vV", &error))?;
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| Failure("rustc does not say what it builds for".into()))
}
