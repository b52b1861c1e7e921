//! Everything that happens, as it happens, over cut connections and restarts of the relay.
//!
//! ```text
//! agent-relay serve &
//! cargo run -p examples --example watch_events
//! ```

use relay_client::{Config, Item};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let relay = Config::from_env()?.relay()?;
    let mut events = relay.events(None, None);
    while let Some(item) = events.next().await? {
        match item {
            Item::Hello(hello) => println!("relay {} at event {}", hello.version, hello.cursor),
            Item::Event(event) => match event.message {
                Some(message) => {
                    println!("{} {}: {} to {}", event.seq, event.name, message.from, message.to);
                }
                None => println!("{} {}", event.seq, event.name),
            },
            Item::Gap(gap) => println!("events {} to {} were pruned", gap.from, gap.to),
            Item::Disconnected { reason } => println!("the relay is gone ({reason})"),
            Item::Reconnected => println!("the relay is back"),
        }
    }
    Ok(())
}
