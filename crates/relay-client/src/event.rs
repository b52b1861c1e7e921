//! The stream of events, resumed from a cursor until it is told to end.
//!
//! eventsource-client speaks the protocol for one connection. Reconnecting is done here, because a
//! relay's answers differ in what should follow: a broken connection is opened again from our own
//! cursor, a refused one is an error, and nothing is handed out twice.

use std::{pin::Pin, time::Duration};

use bytes::Bytes;
use eventsource_client::{Client, ClientBuilder, Error as StreamError, ReconnectOptions, SSE};
use futures_util::{Stream, StreamExt};
use relay_core::{
    api::{query, route::Route},
    event::{Event, Gap, Hello, Name},
    id::{AgentId, Seq},
    version::{self, VERSION},
};
use reqwest::{Url, header::HeaderMap};
use tokio::time::{Instant, sleep_until};

use crate::{error::ClientError, http::Relay, retry::Backoff, transport::Transport};

/// Three comments of the relay's fifteen seconds: who is silent for longer is gone.
const SILENCE: Duration = Duration::from_secs(45);
const FIRST_RETRY: Duration = Duration::from_millis(200);
const LAST_RETRY: Duration = Duration::from_secs(5);
/// The most that is read of a refusal.
const MOST_REFUSAL_BYTES: usize = 64 * 1024;

/// What a stream says.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// The relay is there: its version, and where the stream resumes.
    Hello(Hello),
    /// Something happened.
    Event(Box<Event>),
    /// Events between two numbers are not to be had any more, or could not be read: look at the
    /// state itself.
    Gap(Gap),
    /// The connection is gone; it is being opened again. Said once for each loss.
    Disconnected {
        /// Why.
        reason: String,
    },
    /// The connection is back; what was missed follows.
    Reconnected,
}

type Connection = Pin<Box<dyn Stream<Item = Result<SSE, StreamError>> + Send + Sync>>;

enum State {
    /// To be connected at that moment.
    Waiting(Instant),
    Connected(Connection),
    Ended,
}

/// An open stream of events. Dropping it closes it.
///
/// Every event after the cursor that concerns the reader comes once and in order, over cut
/// connections and restarts of the relay.
pub struct Events {
    relay: Relay,
    reader: Option<AgentId>,
    cursor: Option<Seq>,
    state: State,
    backoff: Backoff,
    /// Whether the loss of the connection was told.
    lost: bool,
    warned: bool,
    silence: Duration,
}

impl Relay {
    /// Follows events: those of one agent, or everything the caller may see. Begins after `since`,
    /// or with what happens from now on.
    pub fn events(&self, reader: Option<AgentId>, since: Option<Seq>) -> Events {
        Events {
            relay: self.clone(),
            reader,
            cursor: since,
            state: State::Waiting(Instant::now()),
            backoff: Backoff::new(FIRST_RETRY, LAST_RETRY),
            lost: false,
            warned: false,
            silence: SILENCE,
        }
    }
}

impl Events {
    /// The number up to which everything was handed out.
    pub fn cursor(&self) -> Option<Seq> {
        self.cursor
    }

    /// Waits for the next item. `None` when the relay has ended the stream for good (204).
    ///
    /// Losing `next` in a `select!` loses no item. Fails, and has ended, when the relay does not
    /// allow the stream (401, 403), knows no such reader (404), or is none.
    pub async fn next(&mut self) -> Result<Option<Item>, ClientError> {
        loop {
            let step = match &mut self.state {
                State::Ended => return Ok(None),
                State::Waiting(until) => {
                    sleep_until(*until).await;
                    self.state = State::Connected(self.connect()?);
                    continue;
                }
                State::Connected(connection) => connection.next().await,
            };
            let item = match step {
                Some(Ok(SSE::Comment(_))) => None,
                Some(Ok(SSE::Connected(details))) => self.connected(details.response())?,
                Some(Ok(SSE::Event(frame))) => self.frame(&frame),
                Some(Err(error)) => self.broken(error).await?,
                None => self.lose("the relay closed the stream", None),
            };
            if item.is_some() {
                return Ok(item);
            }
        }
    }

    fn connect(&mut self) -> Result<Connection, ClientError> {
        let (client, token) = self.relay.stream_parts();
        let query = query::Events {
            reader: self.reader.clone(),
            since: self.cursor.map(|cursor| cursor.to_string()),
        };
        let address = format!("{}{}", self.relay.url(), Route::StreamEvents);
        let url = Url::parse_with_params(&address, query.write())
            .map_err(|e| self.relay.protocol(e.to_string()))?;
        let invalid = |e: StreamError| self.relay.protocol(e.to_string());
        let once = ReconnectOptions::reconnect(false).retry_initial(false).build();
        let mut builder = ClientBuilder::for_url(url.as_str())
            .map_err(invalid)?
            .reconnect(once)
            .redirect_limit(0);
        if let Some(token) = token.and_then(|token| token.to_str().ok()) {
            builder = builder.header("authorization", token).map_err(invalid)?;
        }
        let transport = Transport { client: client.clone(), silence: self.silence };
        Ok(builder.build_with_transport(transport).stream())
    }

    fn connected(
        &mut self,
        response: &eventsource_client::Response,
    ) -> Result<Option<Item>, ClientError> {
        if response.status() == 204 {
            self.state = State::Ended;
            return Ok(None);
        }
        let content = response.get_header_value("content-type").ok().flatten().unwrap_or_default();
        if !content.starts_with("text/event-stream") {
            self.state = State::Ended;
            return Err(self.relay.protocol(format!("the stream is of type `{content}`")));
        }
        Ok(std::mem::take(&mut self.lost).then_some(Item::Reconnected))
    }

    /// Reads a frame. A relay that sends one is well again, so the next loss begins with a short
    /// delay.
    fn frame(&mut self, frame: &eventsource_client::Event) -> Option<Item> {
        self.backoff.reset();
        let id: Option<Seq> = frame.id.as_deref().and_then(|id| id.parse().ok());
        match Name::from_word(&frame.event_type) {
            Name::Hello => Some(self.hello(serde_json::from_str(&frame.data).ok()?)),
            Name::Gap => self.gap(serde_json::from_str(&frame.data).ok()?),
            Name::ServerShutdown => self.lose("the relay is shutting down", None),
            _ => self.event(serde_json::from_str(&frame.data), id),
        }
    }

    /// A log that ends before our cursor is another one: a relay begun anew. Its numbers count.
    fn hello(&mut self, hello: Hello) -> Item {
        if self.cursor.is_none_or(|cursor| hello.cursor < cursor) {
            self.cursor = Some(hello.cursor);
        }
        if let Some(warning) = version::warning(VERSION, &hello.version)
            && !std::mem::replace(&mut self.warned, true)
        {
            tracing::warn!("{warning}");
        }
        Item::Hello(hello)
    }

    fn gap(&mut self, gap: Gap) -> Option<Item> {
        self.advance(gap.to).then_some(Item::Gap(gap))
    }

    fn event(&mut self, event: serde_json::Result<Event>, id: Option<Seq>) -> Option<Item> {
        match event {
            Ok(event) => self.advance(event.seq).then(|| Item::Event(Box::new(event))),
            Err(error) => {
                let seq = id?;
                tracing::warn!(%seq, %error, "an event of a newer relay cannot be read");
                self.gap(Gap { from: seq, to: seq })
            }
        }
    }

    /// Moves the cursor forward; false for what was handed out before.
    fn advance(&mut self, seq: Seq) -> bool {
        let new = self.cursor.is_none_or(|cursor| seq > cursor);
        if new {
            self.cursor = Some(seq);
        }
        new
    }

    async fn broken(&mut self, error: StreamError) -> Result<Option<Item>, ClientError> {
        match error {
            StreamError::UnexpectedResponse(response, body) => {
                // Whoever stops waiting while the refusal is read gets it from another attempt.
                self.state = State::Waiting(Instant::now() + self.backoff.next());
                let body = read(body.into_stream()).await;
                self.refused(response.status(), &response, &body)
            }
            StreamError::MaxRedirectLimitReached(_) => {
                self.state = State::Ended;
                Err(self.relay.protocol("the stream is somewhere else (redirect)"))
            }
            StreamError::Eof | StreamError::UnexpectedEof => {
                Ok(self.lose("the relay closed the stream", None))
            }
            StreamError::Transport(error) => Ok(self.lose(&reason(error.inner()), None)),
            StreamError::HttpStream(error) => Ok(self.lose(&reason(error.as_ref()), None)),
            other => Ok(self.lose(&other.to_string(), None)),
        }
    }

    /// A relay that is overloaded, restarting or has too many streams is asked again later; what
    /// it refuses otherwise stays refused.
    fn refused(
        &mut self,
        status: u16,
        response: &eventsource_client::Response,
        body: &[u8],
    ) -> Result<Option<Item>, ClientError> {
        let mut headers = HeaderMap::new();
        let after = response.get_header_value("retry-after").ok().flatten();
        if let Some(after) = after.and_then(|after| after.parse().ok()) {
            headers.insert("retry-after", after);
        }
        let error = self.relay.refusal(status, &headers, body);
        if status == 408 || status == 429 || status >= 500 {
            let after = error.refusal().and_then(|refusal| refusal.retry_after);
            return Ok(self.lose(&error.to_string(), after));
        }
        self.state = State::Ended;
        Err(error)
    }

    fn lose(&mut self, reason: &str, after: Option<Duration>) -> Option<Item> {
        let delay = self.backoff.next().max(after.unwrap_or_default());
        self.state = State::Waiting(Instant::now() + delay);
        (!std::mem::replace(&mut self.lost, true))
            .then(|| Item::Disconnected { reason: reason.to_owned() })
    }

    /// Spans so short that a test need not wait for them.
    #[cfg(test)]
    fn hurried(mut self, silence: Duration) -> Self {
        self.silence = silence;
        self.backoff = Backoff::new(Duration::from_millis(1), Duration::from_millis(5));
        self
    }
}

/// Reads the beginning of a refusal; one that breaks off is as good as empty.
async fn read(mut chunks: impl Stream<Item = Result<Bytes, impl Sized>> + Unpin) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(Ok(chunk)) = chunks.next().await {
        body.extend_from_slice(&chunk);
        if body.len() > MOST_REFUSAL_BYTES {
            break;
        }
    }
    body
}

fn reason(error: &(dyn std::error::Error + 'static)) -> String {
    crate::error::innermost(error)
}

#[cfg(test)]
mod tests;
