//! One attempt: a POST, signed, and what became of it.

use std::{
    error::Error,
    sync::Once,
    time::{Duration, UNIX_EPOCH},
};

use relay_core::{
    callback::Failure,
    time::{Timestamp, millis},
};
use relay_store::Due;
use reqwest::{
    Client, Response, StatusCode,
    header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER},
    redirect::Policy,
};
use rustls::{ClientConfig, RootCertStore};
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::{
    address::{Forbidden, Resolver, check_url},
    signature::{BadSecret, Keys},
};
use crate::integration::Receiver;

/// How much of an answer is read; it is dropped then.
const MOST_ANSWER_BYTES: usize = 4 * 1024;
/// Shorter than servers keep a quiet connection, so that no callback meets one that just closes.
const POOL_IDLE: Duration = Duration::from_secs(2);
/// The most that is told of an error.
const MOST_WHY_CHARS: usize = 200;

/// Sends the callbacks of one integration.
#[derive(Debug)]
pub struct Sender {
    client: Client,
    url: Url,
    keys: Keys,
    timeout: Duration,
}

/// Why nothing can be sent at all.
#[derive(Debug, thiserror::Error)]
pub enum CannotSend {
    /// The settings hold a secret that is none.
    #[error("the callback secret {0}")]
    Secret(#[from] BadSecret),
    /// The TLS client cannot be set up, for want of trusted roots for one.
    #[error("cannot set up TLS: {0}")]
    Tls(String),
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The receiver has it: it answered 2xx.
    Delivered,
    /// The receiver answered something else.
    Refused(Failure),
    /// The receiver was not reached, or broke off.
    Unreachable(Failure),
    /// The receiver took too long.
    TimedOut(Failure),
    /// The address is one that callbacks never go to.
    Forbidden(Failure),
}

impl Ended {
    /// The word under which it is counted.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Refused(_) => "refused",
            Self::Unreachable(_) => "unreachable",
            Self::TimedOut(_) => "timed_out",
            Self::Forbidden(_) => "forbidden",
        }
    }

    /// What went wrong, if anything did.
    pub fn failure(self) -> Option<Failure> {
        match self {
            Self::Delivered => None,
            Self::Refused(failure)
            | Self::Unreachable(failure)
            | Self::TimedOut(failure)
            | Self::Forbidden(failure) => Some(failure),
        }
    }
}

impl Sender {
    /// Prepares to send to a receiver. No redirect is followed, and no proxy used: both would take
    /// a callback where the settings did not say.
    pub fn new(
        receiver: &Receiver,
        timeout: Duration,
        resolver: Resolver,
    ) -> Result<Self, CannotSend> {
        install_crypto();
        let mut builder = Client::builder()
            .user_agent(concat!("agent-relay/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .no_proxy()
            .dns_resolver(resolver)
            .pool_idle_timeout(POOL_IDLE)
            .tcp_nodelay(true)
            .http1_only();
        if receiver.url.scheme() == "http" {
            builder = builder.tls_backend_preconfigured(no_trust());
        }
        Ok(Self {
            client: builder.build().map_err(|error| CannotSend::Tls(innermost(&error)))?,
            url: receiver.url.clone(),
            keys: Keys::read(&receiver.secret)?,
            timeout,
        })
    }

    /// Sends a callback once; `now` is the time that is signed.
    pub async fn attempt(&self, due: &Due, now: Timestamp) -> Ended {
        if let Err(forbidden) = check_url(&self.url) {
            return Ended::Forbidden(failure(forbidden.to_string()));
        }
        let (id, timestamp) = (format!("evt_{}", due.id), now.0 / 1_000);
        let request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", &id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", self.keys.sign(&id, timestamp, &due.body))
            .body(due.body.clone());
        let deadline = Instant::now() + self.timeout;
        match timeout_at(deadline, request.send()).await {
            Err(_) => Ended::TimedOut(failure(format!("no answer within {:?}", self.timeout))),
            Ok(Err(error)) => not_sent(&error),
            Ok(Ok(answer)) => {
                let ended = answered(answer.status(), answer.headers(), now);
                // The status has decided. The rest is read so that the connection can be kept.
                let _ = timeout_at(deadline, discard(answer)).await;
                ended
            }
        }
    }
}

fn failure(why: String) -> Failure {
    Failure { status: None, why, retry_after: None }
}

fn answered(status: StatusCode, headers: &HeaderMap, now: Timestamp) -> Ended {
    if status.is_success() {
        return Ended::Delivered;
    }
    let why = if status.is_redirection() {
        format!("answered {status}; redirects are not followed")
    } else {
        format!("answered {status}")
    };
    let retry_after = retry_after(headers, now);
    Ended::Refused(Failure { status: Some(status.as_u16()), why, retry_after })
}

/// When the receiver asks to be tried again: in so many seconds, or at a date.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(Timestamp(millis(date)).since(now))
}

async fn discard(mut answer: Response) {
    let mut read = 0;
    while let Ok(Some(chunk)) = answer.chunk().await {
        read += chunk.len();
        if read > MOST_ANSWER_BYTES {
            return;
        }
    }
}

fn not_sent(error: &reqwest::Error) -> Ended {
    let forbidden = chain(error).find_map(|cause| cause.downcast_ref::<Forbidden>());
    if let Some(forbidden) = forbidden {
        return Ended::Forbidden(failure(forbidden.to_string()));
    }
    let what = if error.is_connect() { "cannot connect" } else { "no answer" };
    Ended::Unreachable(failure(format!("{what}: {}", innermost(error))))
}

/// What began it. The outer errors tell of the URL, whose query may be a secret.
fn innermost(error: &reqwest::Error) -> String {
    let innermost = chain(error).skip(1).last().map(ToString::to_string);
    let plain = innermost.unwrap_or_else(|| "the request could not be made".to_owned());
    plain.chars().filter(|c| !c.is_control()).take(MOST_WHY_CHARS).collect()
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// Loading the machine's trusted roots is for those who need them.
fn no_trust() -> ClientConfig {
    ClientConfig::builder().with_root_certificates(RootCertStore::empty()).with_no_client_auth()
}

/// rustls asks for one provider per process; a program that has chosen its own keeps it.
fn install_crypto() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

#[cfg(test)]
mod tests;
