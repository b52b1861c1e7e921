//! A relay's pulse: what is at its address, told without a token and whatever it is.

use std::time::UNIX_EPOCH;

use relay_core::{api::route::Route, time::Timestamp};
use reqwest::{Response, header::DATE};

use crate::{error::innermost, http::Relay};

/// As much as is read of what may be anything.
const MOST_SHOWN: usize = 60;

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pulse {
    /// An answer in HTTP, from whomever.
    Answer {
        /// Its status.
        status: u16,
        /// How its body begins.
        word: String,
        /// What time it was there, to the second.
        at: Option<Timestamp>,
    },
    /// Something that is no HTTP.
    Garbled(String),
    /// Nothing: nobody listens, or nobody answers.
    Silent(String),
}

impl Relay {
    /// Asks once whether the relay is ready, and tells what came back. It is quick to give up.
    pub async fn pulse(&self) -> Pulse {
        match self.ask_unproven(&Route::Ready).await {
            Ok(response) => answer(response).await,
            Err(error) => {
                let why = innermost(&error);
                if error.is_connect() || error.is_timeout() {
                    Pulse::Silent(why)
                } else {
                    Pulse::Garbled(why)
                }
            }
        }
    }
}

/// Reads no more than the beginning: a stranger's answer may have no end.
async fn answer(mut response: Response) -> Pulse {
    let status = response.status().as_u16();
    let date = response.headers().get(DATE).and_then(|date| date.to_str().ok());
    let at = date.and_then(|date| httpdate::parse_http_date(date).ok()).and_then(|date| {
        let since = date.duration_since(UNIX_EPOCH).ok()?;
        Some(Timestamp(i64::try_from(since.as_millis()).ok()?))
    });
    let begin = response.chunk().await.ok().flatten().unwrap_or_default();
    let word: String = String::from_utf8_lossy(&begin).trim().chars().take(MOST_SHOWN).collect();
    Pulse::Answer { status, word, at }
}
