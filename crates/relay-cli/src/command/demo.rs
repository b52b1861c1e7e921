//! `agent-relay demo`: a few agents who work together, so that there is something to look at.
//!
//! The agents are scripted, the rest is real: each is a session of the client, and speaks over HTTP
//! with a relay. What they do stands in `story`; `stage` plays it.

mod cast;
mod clock;
mod relay;
mod stage;
mod story;

use std::time::Duration;

use tokio::runtime::Builder;

use self::{relay::Temporary, stage::Stage};
use crate::{args::Common, failure::Failure, output::Output, signal};

/// How long a step takes at speed 1.
const BEAT: Duration = Duration::from_millis(2_500);

/// Watch a few scripted agents at work, on a relay of their own
///
/// Starts a relay on a temporary database and prints the address of its dashboard. Ctrl-C ends it, and nothing is left.
/// With --url, the agents go to that relay instead; they are removed at the end, what they said stays.
#[derive(Debug, clap::Args)]
pub struct Demo {
    /// How fast it goes: 2 is twice as fast, 0.5 half as fast
    #[arg(long, default_value = "1", value_name = "FACTOR", value_parser = speed)]
    speed: f64,
    /// The port of the demo's own relay [default: 4850, or a free one where 4850 is somebody's]
    #[arg(long, conflicts_with = "url")]
    port: Option<u16>,
    /// Play everything once and then stand still, in place of going on for ever; on a relay of its own
    /// that has happened already when the address is printed
    #[arg(long)]
    once: bool,
}

impl Demo {
    /// Plays until a signal asks it to stop.
    pub fn run(&self, common: &Common) -> Result<(), Failure> {
        Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::refused(format_args!("cannot start: {error}")))?
            .block_on(self.play(common))
    }

    /// How many minutes ago the story begins.
    fn begins(&self) -> i64 {
        story::BEGINS_MINUTES_AGO + if self.once { story::SCENES_MINUTES } else { 0 }
    }

    async fn play(&self, common: &Common) -> Result<(), Failure> {
        let mut signals = signal::listen()?;
        let settings = common.settings()?;
        let own = match &common.url {
            Some(_) => None,
            None => Some(Temporary::start(&settings, self.port, self.begins()).await?),
        };
        let mut stage = if let Some(relay) = &own {
            Stage::with_past(relay)?
        } else {
            Stage::new(settings.client()?.relay().map_err(|error| settings.wrong(error))?)
        };
        let played = tokio::select! {
            played = self.perform(&mut stage, own.as_ref()) => played,
            () = signals.next() => Ok(()),
        };
        let cleared = match own {
            Some(relay) => relay.stop().await,
            None => stage.clear().await,
        };
        played.and(cleared)
    }

    /// Ends only where the relay is gone; otherwise the person ends it.
    async fn perform(&self, stage: &mut Stage, own: Option<&Temporary>) -> Result<(), Failure> {
        let output = Output::new(false);
        stage.assemble().await?;
        stage.play(story::PAST, None).await?;
        // Played once, on a relay with a past, all of it is the past.
        let told = self.once && own.is_some();
        if told {
            for scene in story::SCENES.iter().chain([&story::LAST]) {
                stage.play(scene, None).await?;
            }
        }
        stage.arrive().await?;
        if let Some(relay) = own {
            relay.greet(output)?;
        }
        if !told {
            self.go_on(stage).await?;
        }
        output.line("everything stands still now; Ctrl-C ends it")?;
        std::future::pending().await
    }

    /// Plays the scenes again and again, or once and then the last.
    async fn go_on(&self, stage: &mut Stage) -> Result<(), Failure> {
        let beat = BEAT.div_f64(self.speed);
        loop {
            for scene in story::SCENES {
                stage.play(scene, Some(beat)).await?;
            }
            if self.once {
                return stage.play(story::LAST, Some(beat)).await;
            }
        }
    }
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if (0.01..=10_000.0).contains(&speed) => Ok(speed),
        _ => Err("must be a number from 0.01 to 10000".to_owned()),
    }
}
