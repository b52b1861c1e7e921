//! Scoped tokens: made, listed, revoked.

use relay_core::{
    api::{
        reply::{CreatedToken, Token},
        request::CreateToken,
    },
    caller::Caller,
    error::{Code, Refused},
    id::TokenId,
    scope::Scope,
};

use crate::{app::App, http::error::HttpError};

/// `POST /api/tokens`: nobody gives what it does not have.
pub async fn create(
    app: &App,
    caller: &Caller,
    body: CreateToken,
) -> Result<CreatedToken, HttpError> {
    if let Some(scope) = body.scopes.iter().find(|scope| !may_give(caller, **scope)) {
        return Err(Refused::new(
            Code::ForbiddenScope,
            format!("this token lacks the scope {scope}, so it cannot give it"),
        )
        .with(serde_json::json!({ "scope": scope }))
        .into());
    }
    Ok(app.store.create_token(body).await?)
}

fn may_give(caller: &Caller, scope: Scope) -> bool {
    match caller {
        Caller::Scoped { scopes, .. } if scope == Scope::All => scopes.contains(&Scope::All),
        _ => caller.has(scope),
    }
}

/// `GET /api/tokens`
pub async fn list(app: &App) -> Result<Vec<Token>, HttpError> {
    Ok(app.store.tokens().await?)
}

/// `DELETE /api/tokens/{id}`: its streams close at once.
pub async fn revoke(app: &App, id: TokenId) -> Result<(), HttpError> {
    Ok(app.store.revoke_token(id).await?)
}
