//! Channels: who carries conversations to where people already talk.

use relay_core::{api::query, channel::Channel};

use crate::{app::App, http::error::HttpError};

/// `GET /api/channels`
pub async fn list(app: &App) -> Result<Vec<Channel>, HttpError> {
    let mut query = query::Agents {
        provider: Some("channel".parse().expect("a slug")),
        limit: Some(query::Within(500)),
        ..Default::default()
    };
    let mut channels = Vec::new();
    loop {
        let page = app.store.agents(&query).await?;
        channels.extend(page.items.iter().filter_map(Channel::of));
        query.after = page.items.last().map(|agent| agent.id.clone());
        if !page.more {
            return Ok(channels);
        }
    }
}
