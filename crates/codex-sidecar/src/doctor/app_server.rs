//! Whether Codex's app-server can be started as a session needs it.

use std::path::PathBuf;

use relay_client::core::version::VERSION;

use super::Finding;
use crate::{
    app_server::{Address, Client, process::Plan},
    install::codex::Codex,
    launch::Token,
};

/// Starts one, connects with its token, and ends it.
pub async fn check(codex: &Codex) -> Finding {
    match listens(codex).await {
        Ok(said) => {
            Finding::ok("app-server", format_args!("starts, and opens to its token: {said}"))
        }
        Err(why) => {
            let hint =
                "`codex app-server --listen ws://127.0.0.1:0` shows more; `codex doctor`, too";
            Finding::broken("app-server", why, hint)
        }
    }
}

async fn listens(codex: &Codex) -> Result<String, String> {
    let token = Token::random();
    let plan = Plan {
        program: codex.program.clone(),
        folder: std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
        arguments: Vec::new(),
        digest: token.digest(),
    };
    let process = plan.start("ws://127.0.0.1:0").await.map_err(|error| error.to_string())?;
    let address = Address { url: process.url.clone(), token: token.text().to_owned() };
    let answer = Client::connect(&address, VERSION).await;
    process.end().await;
    let (_, _, server) = answer.map_err(|error| error.to_string())?;
    Ok(server.user_agent)
}
