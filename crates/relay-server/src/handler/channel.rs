//! Channels: who carries conversations to where people already talk.

use relay_core::{api::query, channel::Channel};

use crate::{app::App, http::error::HttpError};

/// `GET /api/channels`
pub async fn list(app: &App) -> Result<Vec<Channel>, HttpError> {
    let provider = Some("channel".parse().expect("a slug"));
    let query = query::Agents { provider, ..Default::default() };
    Ok(app.store.every_agent(&query).await?.iter().filter_map(Channel::of).collect())
}
