//! A provider of your own: it hosts an agent, here one that answers with what a program prints.
//!
//! ```text
//! agent-relay serve &
//! cargo run -p examples --example custom_provider -- shouter tr a-z A-Z
//! agent-relay ask shouter "hello"
//! ```

use std::{
    io::Write,
    process::{Command, Stdio},
};

use relay_client::{
    Config, Session, SessionOptions,
    core::{agent::Status, api::request::RegisterAgent},
};

type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let id = arguments.next().ok_or("usage: custom_provider ID PROGRAM [ARGUMENT]...")?;
    let command: Vec<String> = arguments.collect();
    let config = Config::from_env()?;
    let mut register = RegisterAgent::new(id.parse()?);
    register.provider = Some("example".parse()?);
    config.describe(&mut register);
    let mut session = Session::start(config.relay()?, register, SessionOptions::default()).await?;
    loop {
        let message = tokio::select! {
            incoming = session.next() => incoming?.message,
            _ = tokio::signal::ctrl_c() => return Ok(session.end().await?),
        };
        session.read(&message).await?; // It stands in the session's context now.
        session.status(Status::Busy, None).await?;
        let (command, text) = (command.clone(), message.body.clone());
        let answer = tokio::task::spawn_blocking(move || turn(&command, &text)).await??;
        session.reply(&message, &answer).await?;
        session.handled(&message).await?; // The turn that had it has ended.
        session.status(Status::Idle, None).await?;
    }
}

/// A turn of the agent: what it says to a message.
fn turn(command: &[String], text: &str) -> Result<String, Error> {
    let (program, arguments) = command.split_first().ok_or("no program is given")?;
    let mut command = Command::new(program);
    let mut child = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    child.stdin.take().ok_or("no stdin")?.write_all(text.as_bytes())?;
    Ok(String::from_utf8_lossy(&child.wait_with_output()?.stdout).into_owned())
}
