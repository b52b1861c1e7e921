//! The smallest channel: what is typed here goes to an agent, and the agent's mail is shown here.
//! A channel to somewhere else differs in where its lines come from and go to.
//!
//! ```text
//! agent-relay serve &
//! cargo run -p examples --example terminal_channel -- tag:backend
//! ```

use relay_client::{
    Config, Session, SessionOptions,
    core::{
        api::request::{RegisterAgent, SendMessage},
        channel::{Binding, Bridge},
        message::Message,
        target::Target,
    },
};
use tokio::sync::mpsc;

type Error = Box<dyn std::error::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let target: Target =
        std::env::args().nth(1).ok_or("usage: terminal_channel TARGET")?.parse()?;
    let (typed, lines) = mpsc::channel(1);
    std::thread::spawn(move || {
        let lines = std::io::stdin().lines().map_while(Result::ok);
        lines.for_each(|line| drop(typed.blocking_send(line)));
    });
    let session = join(&Config::from_env()?, &target).await?;
    carry(session, target, lines, |text| println!("{text}")).await
}

/// A channel is an agent of the provider `channel`, which says where it leads and to whom.
pub async fn join(config: &Config, target: &Target) -> Result<Session, Error> {
    let mut register = RegisterAgent::new("terminal".parse()?);
    register.provider = Some("channel".parse()?);
    register.capabilities = Some(Vec::new()); // Nobody finds it as one who works.
    register.channel = Some(Bridge {
        kind: "terminal".parse()?,
        name: "my terminal".parse()?,
        bindings: vec![Binding { chat: "here".parse()?, target: target.clone() }],
    });
    config.describe(&mut register);
    Ok(Session::start(config.relay()?, register, SessionOptions::default()).await?)
}

/// Carries both ways until nothing more is typed.
pub async fn carry(
    mut session: Session,
    target: Target,
    mut lines: mpsc::Receiver<String>,
    mut show: impl FnMut(String),
) -> Result<(), Error> {
    let mut shown: Option<Message> = None;
    loop {
        tokio::select! {
            incoming = session.next() => {
                let message = incoming?.message;
                show(format!("{}: {}", message.from, message.body));
                session.read_via(&message, "terminal".parse()?).await?; // What was not shown comes again.
                shown = Some(message);
            }
            line = lines.recv() => match (line, &shown) {
                (None, _) => return Ok(session.end().await?),
                (Some(line), _) if line.trim().is_empty() => {}
                (Some(line), Some(message)) => drop(session.reply(message, &line).await?),
                (Some(line), None) => {
                    let id = session.id().clone();
                    session.send(SendMessage::new(id, target.clone(), line.parse()?)).await?;
                }
            },
        }
    }
}
