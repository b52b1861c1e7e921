//! A worker: it takes the tasks for a capability, gives each to a program, and reports what came of
//! it. Start several: no task is done twice.
//!
//! ```text
//! agent-relay serve &
//! cargo run -p examples --example work_on_tasks -- counter count wc -w
//! agent-relay tasks create "Count the words" --to cap:count --body "one two three"
//! ```

use std::{
    io::Write,
    process::{Command, Output, Stdio},
};

use relay_client::{
    ClientError, Config, Session, SessionError, SessionOptions,
    core::{api::request::RegisterAgent, id::TaskId, task::Status},
};

type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: work_on_tasks ID CAPABILITY PROGRAM [ARGUMENT]...";
    let (id, capability) = (arguments.next().ok_or(usage)?, arguments.next().ok_or(usage)?);
    let command: Vec<String> = arguments.collect();
    let config = Config::from_env()?;
    let mut register = RegisterAgent::new(id.parse()?);
    config.describe(&mut register);
    register.capabilities = Some(vec![capability.parse()?]);
    let mut session = Session::start(config.relay()?, register, SessionOptions::default()).await?;
    println!("{} works on cap:{capability}", session.id());
    loop {
        let message = tokio::select! {
            incoming = session.next() => incoming?.message,
            _ = tokio::signal::ctrl_c() => return Ok(session.end().await?),
        };
        session.read(&message).await?;
        if let Some(id) = message.task_id {
            work(&session, id, &command).await?;
        }
        session.handled(&message).await?;
    }
}

/// Does a task, where it is still to be had. The session's heartbeats keep the claim meanwhile.
async fn work(session: &Session, id: TaskId, command: &[String]) -> Result<(), Error> {
    let task = match session.claim_task(id).await {
        Ok(task) => task,
        Err(SessionError::Relay(ClientError::Refused(no))) => {
            println!("task {id} is not for us: {no}");
            return Ok(());
        }
        Err(other) => return Err(other.into()),
    };
    session.report(&task, Status::InProgress, Some("begun")).await?;
    let (command, text) = (command.to_vec(), task.body.clone());
    let output = tokio::task::spawn_blocking(move || run(&command, &text)).await??;
    let (status, said) = if output.status.success() {
        (Status::Done, output.stdout)
    } else {
        (Status::Failed, output.stderr)
    };
    let said = String::from_utf8_lossy(&said);
    let result = Some(said.trim()).filter(|text| !text.is_empty());
    session.report(&task, status, result).await?;
    println!("task {id} is {status}: {}", result.unwrap_or("nothing was said"));
    Ok(())
}

fn run(command: &[String], text: &str) -> Result<Output, Error> {
    let (program, arguments) = command.split_first().ok_or("no program is given")?;
    let mut command = Command::new(program);
    let command = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::piped()).spawn()?;
    // A program that does not read to the end is none that failed.
    let _ = child.stdin.take().ok_or("no stdin")?.write_all(text.as_bytes());
    Ok(child.wait_with_output()?)
}
