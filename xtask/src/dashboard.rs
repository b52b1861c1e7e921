//! The web page: built with npm, tested without a browser and in one.

use std::path::PathBuf;

use crate::npm;
use crate::shell::{self, Failure};
use crate::suite::Suites;

/// The browsers that the tests look for, on the search path.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

#[derive(clap::Args)]
pub struct Args {
    /// Test it too, in a browser where one is found
    #[arg(long)]
    test: bool,
}

/// `cargo xtask dashboard`
pub fn run(args: &Args) -> Result<(), Failure> {
    if args.test {
        let mut suites = Suites::new(false);
        test(&mut suites, false);
        return suites.finish(&[]);
    }
    npm::missing().map_or_else(build, |why| Err(Failure(why)))
}

/// Builds the page if that can be done here. What it takes may be missing, and the relay is whole
/// without it; a page that is wrong is a failure.
pub fn build_if_possible() -> Result<(), Failure> {
    let without = |why: &str| {
        eprintln!("xtask: {why}; serving the HTTP API and a page that says so");
        Ok(())
    };
    if let Some(why) = npm::missing() {
        return without(&why);
    }
    match npm::install(&folder()) {
        Ok(()) => npm::run(&folder(), "build"),
        Err(Failure(_)) if is_built() => {
            eprintln!(
                "xtask: the dashboard's packages are not here; serving the page as it was built before"
            );
            Ok(())
        }
        Err(Failure(why)) => without(&format!("the dashboard's packages are not here: {why}")),
    }
}

/// `cargo build` of the program. A release holds the page, where there is one by now.
pub fn program(profile: &str) -> Result<PathBuf, Failure> {
    let arguments =
        ["build", "--package", "relay-cli", "--bin", "agent-relay", "--profile", profile];
    shell::run(&mut shell::cargo(&arguments))?;
    shell::built("agent-relay", if profile == "dev" { "debug" } else { profile })
}

/// Builds the page and tests it; then in a browser, against the real program. With `full` that is a
/// release, which holds the page within it, and there is more to look at.
pub fn test(suites: &mut Suites, full: bool) {
    const PAGE: &str = "dashboard";
    const BROWSER: &str = "dashboard in a browser";
    let browser = BROWSERS.iter().any(|program| shell::which(program).is_some());
    match npm::missing().map_or_else(|| npm::install(&folder()), |why| Err(Failure(why))) {
        Ok(()) => suites.run(PAGE, || npm::run(&folder(), "build").and_then(|()| unit_tests())),
        Err(Failure(why)) => {
            suites.skip(PAGE, &why);
            suites.skip(BROWSER, &why);
            return;
        }
    }
    if !browser {
        let why =
            format!("none of {} is installed (`apt-get install chromium`)", BROWSERS.join(", "));
        return suites.skip(BROWSER, &why);
    }
    match npm::install(&in_browser()) {
        Ok(()) => suites.run(BROWSER, || {
            let profile = if full { "release" } else { "dev" };
            let mut command = npm::npm(&in_browser(), &["test"]);
            command.env("RELAY_TEST_FULL", if full { "1" } else { "0" });
            shell::run(command.env("AGENT_RELAY_PROGRAM", program(profile)?))
        }),
        Err(Failure(why)) => suites.skip(BROWSER, &format!("its packages are not here: {why}")),
    }
}

/// Whether the page's types are those of the OpenAPI document.
pub fn types() -> Result<(), Failure> {
    npm::install(&folder())?;
    npm::run(&folder(), "types:check")
}

/// `cargo xtask screenshots`: pictures of every view, from the demo.
pub fn screenshots() -> Result<(), Failure> {
    if let Some(why) = npm::missing() {
        return Err(Failure(why));
    }
    build()?;
    let program = program("dev")?;
    npm::install(&in_browser())?;
    let mut command = npm::npm(&in_browser(), &["run", "screenshots"]);
    shell::run(command.env("AGENT_RELAY_PROGRAM", program))
}

/// Installs what the page takes, and builds it.
pub fn build() -> Result<(), Failure> {
    npm::install(&folder())?;
    npm::run(&folder(), "build")
}

fn unit_tests() -> Result<(), Failure> {
    shell::run(&mut npm::npm(&folder(), &["test"]))
}

fn is_built() -> bool {
    folder().join("dist/index.html").is_file()
}

fn folder() -> PathBuf {
    shell::root().join("dashboard")
}

fn in_browser() -> PathBuf {
    folder().join("e2e")
}
