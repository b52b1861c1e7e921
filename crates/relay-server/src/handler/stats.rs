//! Counts: for people, charts and Prometheus.

use relay_core::{
    api::query,
    stats::{Minute, Stats},
    version::VERSION,
};

use crate::{app::App, http::error::HttpError};

const AN_HOUR: u32 = 60;

/// `GET /api/stats`
pub async fn counts(app: &App) -> Result<Stats, HttpError> {
    Ok(Stats {
        version: VERSION.to_owned(),
        started_at: app.started_at,
        streams: app.streams.count() as u64,
        ..app.store.stats().await?
    })
}

/// `GET /api/stats/series`
pub async fn series(app: &App, query: query::Series) -> Result<Vec<Minute>, HttpError> {
    Ok(app.store.series(query.minutes.map_or(AN_HOUR, |minutes| minutes.0)).await?)
}

/// `GET /metrics`
pub async fn metrics(app: &App) -> String {
    // What is counted in memory is told also where the database does not answer.
    let stored = app.store.stats().await.ok();
    app.metrics.print(app.reading(), stored.as_ref())
}
