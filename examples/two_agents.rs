//! Two agents talk: one asks, the other answers, and both know that it was read.
//!
//! ```text
//! agent-relay serve &
//! cargo run -p examples --example two_agents
//! ```

use relay_client::{
    Config, Session, SessionOptions,
    core::api::request::{RegisterAgent, SendMessage},
};

type Error = Box<dyn std::error::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let mut alice = start("example-alice").await?;
    let mut bob = start("example-bob").await?;

    let question = "did the migration run?".parse()?;
    let sent =
        alice.send(SendMessage::new(alice.id().clone(), "example-bob".parse()?, question)).await?;
    println!("alice sent message {}", sent.message.id);

    let heard = bob.next().await?.message;
    println!("bob hears from {}: {}", heard.from, heard.body);
    bob.read(&heard).await?;
    bob.reply(&heard, "yes, all tests pass").await?;
    bob.handled(&heard).await?;

    let answer = alice.next().await?.message;
    println!("alice hears from {}: {}", answer.from, answer.body);
    alice.read(&answer).await?;
    for receipt in alice.relay().receipts(sent.message.id).await? {
        println!(
            "{} read it: {}, answered: {}",
            receipt.agent_id,
            receipt.read_at.is_some(),
            receipt.answered_at.is_some()
        );
    }
    bob.end().await?;
    alice.end().await?;
    Ok(())
}

async fn start(id: &str) -> Result<Session, Error> {
    let config = Config::from_env()?;
    let mut register = RegisterAgent::new(id.parse()?);
    config.describe(&mut register);
    Ok(Session::start(config.relay()?, register, SessionOptions::default()).await?)
}
