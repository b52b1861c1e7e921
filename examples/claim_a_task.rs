//! Work for whoever takes it first: three agents see it, one gets it.
//!
//! ```text
//! agent-relay serve &
//! cargo run -p examples --example claim_a_task
//! ```

use relay_client::{
    ClientError, Config, Session, SessionError, SessionOptions,
    core::{
        api::request::{RegisterAgent, SendMessage},
        error::Code,
        message::Message,
    },
};

type Error = Box<dyn std::error::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let mut workers = Vec::new();
    for number in 1..=3 {
        workers.push(start(&format!("example-worker-{number}")).await?);
    }
    let boss = start("example-boss").await?;
    let body = "review the open pull request".parse()?;
    let mut work = SendMessage::new(boss.id().clone(), "cap:example-review".parse()?, body);
    work.claimable = Some(true);
    let sent = boss.send(work).await?;
    println!("message {} is for {} agents", sent.message.id, sent.recipients);

    for worker in &mut workers {
        let message = worker.next().await?.message;
        match worker.claim(&message).await {
            Ok(claimed) => println!("{} has it", holder(&claimed)),
            Err(SessionError::Relay(ClientError::Refused(no))) if no.is(Code::AlreadyClaimed) => {
                println!("{} came too late: {no}", worker.id());
            }
            Err(other) => return Err(other.into()),
        }
    }
    let winner = &workers[0];
    winner.done(&sent.message).await?;
    println!("{} is done; it never opens again", winner.id());
    for session in workers.into_iter().chain([boss]) {
        session.end().await?;
    }
    Ok(())
}

fn holder(message: &Message) -> String {
    message.claim.as_ref().map(|claim| claim.by.to_string()).unwrap_or_default()
}

async fn start(id: &str) -> Result<Session, Error> {
    let config = Config::from_env()?;
    let mut register = RegisterAgent::new(id.parse()?);
    if id.contains("worker") {
        register.capabilities = Some(vec!["example-review".parse()?]);
    }
    config.describe(&mut register);
    Ok(Session::start(config.relay()?, register, SessionOptions::default()).await?)
}
