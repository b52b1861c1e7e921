//! Counts and health.

use relay_core::{
    api::{
        query::{self, Within},
        route::Route,
    },
    stats::{Health, Minute, Stats},
};
use serde_json::Value;

use crate::{call::Call, error::ClientError, http::Relay};

impl Relay {
    /// Counts what there is, with the relay's version.
    pub async fn stats(&self) -> Result<Stats, ClientError> {
        self.call(Call::new(Route::Stats)).await
    }

    /// Counts what moved in each of the last `minutes`, 1 to 1,440.
    pub async fn series(&self, minutes: u32) -> Result<Vec<Minute>, ClientError> {
        let query = query::Series { minutes: Some(Within(minutes)) };
        self.call(Call::new(Route::StatsSeries).query(query.write())).await
    }

    /// Reports the health checks with details.
    pub async fn health(&self) -> Result<Health, ClientError> {
        self.call(Call::new(Route::HealthDetails)).await
    }

    /// True when a relay's process answers; asks once, without a token.
    pub async fn is_up(&self) -> Result<bool, ClientError> {
        self.probe(&Route::Health).await
    }

    /// True when the relay can store; asks once, without a token.
    pub async fn is_ready(&self) -> Result<bool, ClientError> {
        self.probe(&Route::Ready).await
    }

    /// The OpenAPI document.
    pub async fn openapi(&self) -> Result<Value, ClientError> {
        self.call(Call::new(Route::OpenApi)).await
    }

    /// The metrics as Prometheus text.
    pub async fn metrics(&self) -> Result<String, ClientError> {
        self.text(Call::new(Route::Metrics)).await
    }
}
