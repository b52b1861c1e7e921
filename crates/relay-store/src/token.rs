//! Scoped tokens: made at run time, shown once, revoked at once. Only their digests are kept.

use relay_core::{
    api::{
        reply::{CreatedToken, Token},
        request::CreateToken,
    },
    error::Refused,
    id::TokenId,
    scope::Scope,
    time::Timestamp,
    token::{Digest, Kind, mint},
};
use sqlx::{Row, any::AnyRow};

use crate::{
    directory::{Change, Grant},
    error::StoreError,
    queue::Command,
    store::{Store, random},
    tx::Tx,
};

impl Store {
    /// Makes a token with the scopes asked for. Its secret is in the answer and nowhere else.
    pub async fn create_token(&self, request: CreateToken) -> Result<CreatedToken, StoreError> {
        if request.scopes.is_empty() {
            return Err(Refused::field("scopes", "must name at least one scope").into());
        }
        let secret = mint(Kind::Scoped, random());
        self.queue.run(Create { request, secret }).await
    }

    /// Every token that was made, the revoked too, without their secrets.
    pub async fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        let sql =
            "SELECT id, name, scopes, created_at, expires_at, revoked_at FROM token ORDER BY id";
        let rows = sqlx::query(sql).fetch_all(&self.readers).await?;
        rows.iter().map(read_row).collect()
    }

    /// Ends a token at once.
    pub async fn revoke_token(&self, id: TokenId) -> Result<(), StoreError> {
        self.queue.run(Revoke { id }).await
    }
}

fn read_row(row: &AnyRow) -> Result<Token, StoreError> {
    Ok(Token {
        id: TokenId(row.try_get("id")?),
        name: row.try_get("name")?,
        scopes: serde_json::from_str(&row.try_get::<String, _>("scopes")?)?,
        created_at: Timestamp(row.try_get("created_at")?),
        expires_at: row.try_get::<Option<i64>, _>("expires_at")?.map(Timestamp),
        revoked_at: row.try_get::<Option<i64>, _>("revoked_at")?.map(Timestamp),
    })
}

/// A token as the directory keeps it, from a row of [`GRANTS`].
pub(crate) fn grant(row: &AnyRow) -> Result<(Digest, Grant), StoreError> {
    let scopes: Vec<Scope> = serde_json::from_str(&row.try_get::<String, _>("scopes")?)?;
    let grant = Grant {
        id: TokenId(row.try_get("id")?),
        scopes,
        expires_at: row.try_get::<Option<i64>, _>("expires_at")?.map(Timestamp),
    };
    Ok((Digest::from_stored(row.try_get("digest")?), grant))
}

/// The tokens that may be used.
pub(crate) const GRANTS: &str =
    "SELECT id, digest, scopes, expires_at FROM token WHERE revoked_at IS NULL";

struct Create {
    request: CreateToken,
    secret: String,
}

impl Command for Create {
    type Reply = CreatedToken;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<CreatedToken, StoreError> {
        let now = tx.now();
        let mut scopes = self.request.scopes.clone();
        scopes.sort();
        scopes.dedup();
        let expires_at = self.request.expires_in_ms.map(|ms| Timestamp(now.0.saturating_add(ms)));
        let digest = Digest::of(&self.secret);
        let sql = "INSERT INTO token (name, digest, scopes, created_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5) RETURNING id";
        let row = sqlx::query(sql)
            .bind(self.request.name.to_string())
            .bind(digest.as_str().to_owned())
            .bind(serde_json::to_string(&scopes)?)
            .bind(now.0)
            .bind(expires_at.map(|at| at.0))
            .fetch_one(&mut *tx.connection)
            .await?;
        let id = TokenId(row.try_get("id")?);
        tx.change(Change::Grant(digest, Grant { id, scopes: scopes.clone(), expires_at }));
        let name = self.request.name.to_string();
        let about = Token { id, name, scopes, created_at: now, expires_at, revoked_at: None };
        Ok(CreatedToken { about, token: self.secret.clone() })
    }
}

struct Revoke {
    id: TokenId,
}

impl Command for Revoke {
    type Reply = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let sql = "UPDATE token SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL";
        if tx.execute(sqlx::query(sql).bind(tx.now().0).bind(self.id.0)).await? == 0 {
            return Err(Refused::not_found(format!("token {}", self.id)).into());
        }
        tx.change(Change::Revoke(self.id));
        Ok(())
    }
}
