//! Scoped tokens: making, listing, revoking them.

use relay_core::{
    api::{
        reply::{CreatedToken, Token},
        request::CreateToken,
        route::Route,
    },
    id::TokenId,
};

use crate::{call::Call, error::ClientError, http::Relay};

impl Relay {
    /// Makes a scoped token. Its secret is in this answer and nowhere else.
    pub async fn create_token(&self, request: &CreateToken) -> Result<CreatedToken, ClientError> {
        self.call(Call::new(Route::CreateToken).body(request)).await
    }

    /// Lists scoped tokens, without their secrets.
    pub async fn tokens(&self) -> Result<Vec<Token>, ClientError> {
        let page = self.list(Call::new(Route::ListTokens)).await?;
        self.rest(page).await
    }

    /// Revokes a scoped token at once; its streams close.
    pub async fn revoke_token(&self, id: TokenId) -> Result<(), ClientError> {
        self.done(Call::new(Route::RevokeToken(id))).await
    }
}
