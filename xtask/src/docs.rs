//! `cargo xtask docs`: the work is done by the package `xtask-docs`, which links the crates it describes.

use crate::shell::{self, Failure};

#[derive(clap::Args)]
pub struct Args {
    /// Write nothing; fail if a file differs from what would be written
    #[arg(long)]
    check: bool,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    if args.check { check() } else { generate(&[]) }
}

pub fn check() -> Result<(), Failure> {
    generate(&["--check"])
}

fn generate(arguments: &[&str]) -> Result<(), Failure> {
    let mut command = shell::cargo(&["run", "--quiet", "--package", "xtask-docs", "--"]);
    shell::run(command.args(arguments))
}
