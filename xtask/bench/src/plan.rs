//! What is measured, in what order and for how long.
//!
//! Rounds are interleaved (relay, ceiling, redis, relay, …) and medians taken: on a shared machine a
//! disturbance then meets all contenders, or only one round of one.

use std::io;
use std::time::Duration;

use tokio::time::Instant;

use crate::agents::{self, Agent};
use crate::contender::{Contender, Yard};
use crate::delivery::{Pace, Readers};
use crate::figure::Figures;
use crate::load::{self, Length};
use crate::server::Server;
use crate::stall::Stall;
use crate::{disk, name, request};

/// Bytes of text in a message.
pub const BODY: usize = 256;

/// One thing to measure.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    Start,
    Throughput,
    Delivery,
    Stalled,
    Send,
    Sessions,
}

impl Part {
    /// Those that compare servers.
    const ALL: [Self; 5] =
        [Self::Start, Self::Throughput, Self::Delivery, Self::Stalled, Self::Send];

    fn name(self) -> &'static str {
        match self {
            Self::Start => "start-up and idle memory",
            Self::Throughput => "throughput",
            Self::Delivery => "delivery with 1,000 streams open",
            Self::Stalled => "stalled readers",
            Self::Send => "agent-relay send",
            Self::Sessions => "sessions of Claude Code and Codex",
        }
    }
}

/// How much of everything.
pub struct Plan {
    pub rounds: usize,
    pub starts: usize,
    pub sends: usize,
    pub streams: usize,
    pub crowded: Length,
    pub single: Length,
    pub delivery: Duration,
    pub stalled: Duration,
}

impl Plan {
    /// About five minutes.
    pub fn full() -> Self {
        let length = |measured| Length {
            warm_up: Duration::from_secs(1),
            measured: Duration::from_secs(measured),
        };
        Self {
            rounds: 5,
            starts: 10,
            sends: 30,
            streams: 1000,
            crowded: length(5),
            single: length(3),
            delivery: Duration::from_secs(6),
            stalled: Duration::from_secs(5),
        }
    }

    /// Shows in half a minute that everything works.
    pub fn quick() -> Self {
        let length =
            Length { warm_up: Duration::from_millis(300), measured: Duration::from_millis(1200) };
        Self {
            rounds: 1,
            starts: 3,
            sends: 10,
            streams: 1000,
            crowded: length,
            single: length,
            delivery: Duration::from_secs(3),
            stalled: Duration::from_secs(2),
        }
    }

    /// Measures everything, or the one thing asked for.
    pub async fn run(
        &self,
        only: Option<Part>,
        yard: &Yard,
        figures: &mut Figures,
    ) -> io::Result<()> {
        for part in Part::ALL.into_iter().filter(|part| only.is_none_or(|only| only == *part)) {
            eprintln!("bench: {}", part.name());
            match part {
                Part::Start => self.start_up(yard, figures)?,
                Part::Throughput => self.throughput(yard, figures).await?,
                Part::Delivery => self.delivery(yard, figures).await?,
                Part::Stalled => self.stalled(yard, figures).await?,
                Part::Send => self.send_command(yard, figures).await?,
                // It is of another kind, and measured after all these.
                Part::Sessions => {}
            }
        }
        Ok(())
    }

    fn start_up(&self, yard: &Yard, figures: &mut Figures) -> io::Result<()> {
        for number in 0..self.starts {
            for contender in Contender::ALL.into_iter().filter(|one| yard.has(*one)) {
                let data = format!("start-{number}");
                for name in [name::START_NEW, name::START_AGAIN] {
                    let server = yard.start(contender, &data)?;
                    figures.add(name, "ms", contender, server.started_in.as_secs_f64() * 1e3);
                    if let Some(memory) = server.resident().filter(|_| name == name::START_AGAIN) {
                        figures.add(name::IDLE, "MiB", contender, memory);
                    }
                }
            }
        }
        Ok(())
    }

    async fn throughput(&self, yard: &Yard, figures: &mut Figures) -> io::Result<()> {
        let mut ready = Vec::new();
        for contender in Contender::ALL.into_iter().filter(|one| yard.has(*one)) {
            let server = yard.start(contender, "throughput")?;
            let requests = requests(contender, &server, 64).await?;
            ready.push((contender, server, requests));
        }
        for _ in 0..self.rounds {
            for (contender, server, requests) in &ready {
                let address = [server.address];
                let run = |requests, length| {
                    load::closed_loop(&address, contender.framing(), requests, length)
                };
                let crowded = run(requests.clone(), self.crowded).await?;
                figures.add(name::THROUGHPUT_64, "/s", *contender, crowded.per_second);
                figures.add(name::P50_64, "ms", *contender, crowded.p50);
                figures.add(name::P99_64, "ms", *contender, crowded.p99);
                let single = run(requests[..1].to_vec(), self.single).await?;
                figures.add(name::THROUGHPUT_1, "/s", *contender, single.per_second);
                figures.add(name::P50_1, "ms", *contender, single.p50);
                figures.add(name::P99_1, "ms", *contender, single.p99);
            }
        }
        for (contender, server, _) in &ready {
            if let Some(memory) = server.resident() {
                figures.add(name::AFTER_LOAD, "MiB", *contender, memory);
            }
        }
        Ok(())
    }

    async fn delivery(&self, yard: &Yard, figures: &mut Figures) -> io::Result<()> {
        let mut ready = Vec::new();
        for contender in Contender::HTTP {
            let server = yard.start(contender, "delivery")?;
            let receivers = agents::register(server.address, "receiver", self.streams).await?;
            let senders = agents::register(server.address, "sender", 64).await?;
            let readers = Readers::open(server.address, &receivers).await?;
            if let Some(memory) = server.resident() {
                figures.add(name::WITH_STREAMS, "MiB", contender, memory);
            }
            ready.push((contender, server, receivers, senders, readers));
        }
        let pace = Pace {
            per_second: 2000,
            lasting: self.delivery,
            warm_up: Duration::from_secs(1),
            body: BODY,
        };
        for _ in 0..self.rounds {
            let disk = disk::sync(yard.folder())?;
            figures.add(name::DISK_P50, "ms", Contender::Relay, disk.p50);
            figures.add(name::DISK_P99, "ms", Contender::Relay, disk.p99);
            for (contender, server, receivers, senders, readers) in &ready {
                let run = readers.deliver(server.address, senders, receivers, pace).await?;
                figures.add(name::DELIVERY_P50, "ms", *contender, run.p50);
                figures.add(name::DELIVERY_P99, "ms", *contender, run.p99);
                figures.add(name::ANSWER_P50, "ms", *contender, run.answered_p50);
                figures.add(name::ANSWER_P99, "ms", *contender, run.answered_p99);
            }
        }
        Ok(())
    }

    async fn stalled(&self, yard: &Yard, figures: &mut Figures) -> io::Result<()> {
        let server = yard.start(Contender::Relay, "stalled")?;
        let stall = Stall::prepare(&server).await?;
        for _ in 0..self.rounds {
            let round = stall.round(self.stalled).await?;
            figures.add(name::P99_HEALTHY, "ms", Contender::Relay, round.p99_alone);
            figures.add(name::P99_STALLED, "ms", Contender::Relay, round.p99_beside_stalled);
            if let Some(growth) = round.growth {
                figures.add(name::GROWTH, "MiB", Contender::Relay, growth);
            }
        }
        Ok(())
    }

    async fn send_command(&self, yard: &Yard, figures: &mut Figures) -> io::Result<()> {
        let server = yard.start(Contender::Relay, "send")?;
        agents::register(server.address, "bench", 2).await?;
        let data = yard.data(Contender::Relay, "send");
        for _ in 0..self.sends {
            let mut command = yard.agent_relay(&data);
            command.env("AGENT_RELAY_URL", format!("http://{}", server.address));
            command.args(["send", "bench-1", "Migration looks clean, tests pass."]);
            let started = Instant::now();
            let output = command.output()?;
            let took = started.elapsed();
            if !output.status.success() {
                let words = String::from_utf8_lossy(&output.stderr).into_owned();
                return Err(io::Error::other(format!("agent-relay send: {words}")));
            }
            figures.add(name::SEND, "ms", Contender::Relay, took.as_secs_f64() * 1e3);
        }
        Ok(())
    }
}

/// One request for each connection: its own sender, its own receiver.
async fn requests(of: Contender, server: &Server, count: usize) -> io::Result<Vec<Vec<u8>>> {
    let agents: Vec<Agent> = match of {
        Contender::Relay | Contender::Ceiling => {
            agents::register(server.address, "bench", count).await?
        }
        Contender::Redis => (0..count)
            .map(|number| Agent { id: format!("bench-{number}"), token: String::new() })
            .collect(),
    };
    let pairs = agents.iter().zip(agents.iter().cycle().skip(1));
    Ok(pairs
        .map(|(from, to)| match of {
            Contender::Redis => request::xadd(&from.id, &to.id, BODY),
            _ => request::send(&from.token, &from.id, &to.id, BODY),
        })
        .collect())
}
