//! Channels: the bridges that carry conversations to where people already talk.

use relay_core::{api::route::Route, channel::Channel};

use crate::{call::Call, error::ClientError, http::Relay};

impl Relay {
    /// Lists the channels that have registered.
    pub async fn channels(&self) -> Result<Vec<Channel>, ClientError> {
        let page = self.list(Call::new(Route::ListChannels)).await?;
        self.rest(page).await
    }
}
