//! Stalled readers: streams that are opened and never read again must cost the healthy ones nothing.

use std::io;
use std::time::Duration;

use crate::agents::{self, Agent};
use crate::delivery::{Pace, Readers};
use crate::server::Server;
use crate::stream::Stream;

const HEALTHY: usize = 10;
const STALLED: usize = 50;

/// What one round saw: milliseconds, and MiB where the system tells.
pub struct Round {
    pub p99_alone: f64,
    pub p99_beside_stalled: f64,
    pub growth: Option<f64>,
}

/// The same readers, senders and server for all rounds.
pub struct Stall<'a> {
    server: &'a Server,
    healthy: Vec<Agent>,
    senders: Vec<Agent>,
    readers: Readers,
}

impl<'a> Stall<'a> {
    pub async fn prepare(server: &'a Server) -> io::Result<Self> {
        let healthy = agents::register(server.address, "healthy", HEALTHY).await?;
        let senders = agents::register(server.address, "sender", 8).await?;
        let readers = Readers::open(server.address, &healthy).await?;
        Ok(Self { server, healthy, senders, readers })
    }

    /// The healthy readers alone, then with five streams beside each that nobody reads.
    pub async fn round(&self, lasting: Duration) -> io::Result<Round> {
        let alone = self.deliver(lasting).await?;
        let before = self.server.resident();
        let stalled = self.stalled().await?;
        // Fills what the kernel keeps for an unread connection, so that the server itself must hold back.
        self.deliver(Duration::from_secs(3)).await?;
        let beside = self.deliver(lasting).await?;
        let growth = self.server.resident().zip(before).map(|(after, before)| after - before);
        drop(stalled);
        Ok(Round { p99_alone: alone, p99_beside_stalled: beside, growth })
    }

    async fn deliver(&self, lasting: Duration) -> io::Result<f64> {
        let pace =
            Pace { per_second: 2000, lasting, warm_up: Duration::from_millis(500), body: 1024 };
        let address = self.server.address;
        Ok(self.readers.deliver(address, &self.senders, &self.healthy, pace).await?.p99)
    }

    async fn stalled(&self) -> io::Result<Vec<Stream>> {
        let mut stalled = Vec::with_capacity(STALLED);
        for number in 0..STALLED {
            let agent = &self.healthy[number % HEALTHY];
            stalled.push(Stream::open_narrow(self.server.address, agent).await?);
        }
        Ok(stalled)
    }
}
