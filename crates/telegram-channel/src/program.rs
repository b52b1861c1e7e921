//! The program: its help, its log, its exit code. Everything is set by the environment, so that no
//! token ever stands on a command line.

use std::{ffi::OsString, process::ExitCode};

use clap::Parser as _;
use relay_client::signal::Signals;
use tokio::sync::watch;

use crate::{failure::Failure, log, run::run, settings::Settings};

const AFTER_HELP: &str = "\
Environment:
  AGENT_RELAY_TELEGRAM_TOKEN       the bot's token, as BotFather gave it
  AGENT_RELAY_TELEGRAM_TOKEN_FILE  or a file that holds it
  AGENT_RELAY_TELEGRAM_CHATS       who may use it, and who is meant: 123456=backend,-100777=tag:web
                                   (without it, the log names the chats that write)
  AGENT_RELAY_TELEGRAM_API_URL     your own Bot API server [https://api.telegram.org]
  AGENT_RELAY_URL                  the relay [http://localhost:4850]
  AGENT_RELAY_TOKEN                the relay's token, where it asks for one
  AGENT_RELAY_ID                   the agent that the channel is [telegram]
  AGENT_RELAY_LABEL                what people call it
  AGENT_RELAY_LOG                  what to log [info]

docs/channels.md says how to make a bot, and what is guaranteed.
Exit codes: 0 told to end; 1 refused; 2 wrong setting; 3 not reachable, or not allowed.";

/// Carries messages between Telegram chats and the agents of an Agent Relay
#[derive(Debug, clap::Parser)]
#[command(name = "agent-relay-telegram", version, after_help = AFTER_HELP, max_term_width = 100)]
struct Arguments {}

/// Runs the program with its command line, the program's name first.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let Arguments {} = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Whoever reads our output may have gone.
            let _ = error.print();
            return ExitCode::from(u8::from(error.use_stderr()) * 2);
        }
    };
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            if let Some(hint) = &failure.hint {
                eprintln!("hint: {hint}");
            }
            ExitCode::from(failure.exit)
        }
    }
}

fn start() -> Result<(), Failure> {
    let settings = Settings::from_env()?;
    log::init(&settings.log);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(until_a_signal(settings));
    // A long poll under way is not waited for.
    runtime.shutdown_background();
    ended
}

async fn until_a_signal(settings: Settings) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        signals.next().await;
        tracing::info!("ending");
        // Nobody listens any more when it has ended by itself.
        let _ = stop.send(true);
    });
    run(settings, stopped).await
}
