//! `cargo xtask docs`: the documents that are made from the code, so that they cannot disagree with it.
//!
//! The prose around the tables stands in `xtask/docs/pages/`; `{{name}}` marks where a table goes. With
//! `--check` nothing is written, and a file that differs from what would be written is an error.

mod cli;
mod configuration;
mod http;
mod page;
mod schema;

use std::process::ExitCode;

use self::page::Page;

fn main() -> ExitCode {
    let check = std::env::args().any(|argument| argument == "--check");
    let openapi = relay_server::openapi();
    let pages = [
        Page::new("docs/http.md", http::page(&openapi)),
        Page::new("docs/configuration.md", configuration::page()),
        Page::new("docs/cli.md", cli::page(relay_cli::args::command())),
        Page::new("docs/openapi.json", format!("{openapi:#}\n")),
    ];
    let mut code = ExitCode::SUCCESS;
    for page in pages {
        let done = if check { page.check() } else { page.write() };
        match done {
            Ok(note) => eprintln!("{note}"),
            Err(why) => {
                eprintln!("xtask: {why}");
                code = ExitCode::FAILURE;
            }
        }
    }
    code
}
