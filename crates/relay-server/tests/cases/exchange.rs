//! One exchange: bytes out, answers in.

use std::{net::SocketAddr, time::Duration};

use crate::wire::{Answer, Socket};

/// Between two bytes of a sender that takes its time.
const PAUSE: Duration = Duration::from_secs(1);

/// What goes out, and what is waited for.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is said of a sender by itself")]
pub struct Sending {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// How many answers they get.
    pub answers: usize,
    /// The answers have no bodies.
    pub head: bool,
    /// One byte at a time.
    pub drip: bool,
    /// The sender closes its half.
    pub half_close: bool,
    /// The other side closes in the end.
    pub closes: bool,
}

impl Sending {
    /// Sends, and collects what comes back until there is enough of it. An error says what did not
    /// happen in time.
    pub async fn exchange(
        &self,
        address: SocketAddr,
        patience: Duration,
    ) -> Result<Vec<Answer>, String> {
        let pause = self.drip.then_some(PAUSE);
        let sent = Socket::send(address, self.bytes.clone(), self.half_close, pause).await;
        let mut socket = sent.map_err(|error| format!("no connection: {error}"))?;
        let mut answers = Vec::new();
        let collect = async {
            while answers.len() < self.answers {
                answers.push(socket.answer(self.head).await);
            }
            if self.closes {
                socket.closed().await;
            }
        };
        let in_time = tokio::time::timeout(patience, collect).await;
        in_time.map_err(|_| format!("neither answered nor closed within {patience:?}"))?;
        Ok(answers)
    }
}
