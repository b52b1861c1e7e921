//! Tokens: what a script, a machine or a person may be given to use the relay with.

use std::time::Duration;

use relay_core::{
    api::{reply, request::CreateToken},
    id::TokenId,
    scope::Scope,
    text::Line,
    time::{Timestamp, millis},
};

use crate::{
    context::Context,
    failure::Failure,
    input::{short, span},
    output::{inline, table},
};

/// Make, list and revoke scoped tokens
#[derive(Debug, clap::Subcommand)]
pub enum Token {
    Create(Create),
    List(List),
    Revoke(Revoke),
}

/// Make a token; its secret is shown this once
#[derive(Debug, clap::Args)]
pub struct Create {
    /// What it is for
    name: Line,
    /// What it allows, such as messages:write; several times for several, * for everything
    #[arg(long = "scope", required = true, value_delimiter = ',')]
    scopes: Vec<Scope>,
    /// It ends by itself after this: 12h, 30d
    #[arg(long, value_name = "SPAN", value_parser = span)]
    expires: Option<Duration>,
}

/// List the tokens, never their secrets
#[derive(Debug, clap::Args)]
pub struct List {}

/// Revoke a token at once; its streams close
#[derive(Debug, clap::Args)]
pub struct Revoke {
    /// Its number in the list
    id: TokenId,
}

impl Token {
    /// Does one of the three.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Create(create) => create.run(context).await,
            Self::List(_) => list(context).await,
            Self::Revoke(revoke) => revoke.run(context).await,
        }
    }
}

impl Create {
    /// The secret alone is data, so that a script can keep it.
    async fn run(self, context: &Context) -> Result<(), Failure> {
        let request = CreateToken {
            name: self.name,
            scopes: self.scopes,
            expires_in_ms: self.expires.map(millis),
        };
        let created = context.relay.create_token(&request).await?;
        context.output.show(&created, || created.token.clone())?;
        context.output.note(&format!(
            "token {0} is shown this once; `agent-relay token revoke {0}` ends it",
            created.about.id
        ));
        Ok(())
    }
}

async fn list(context: &Context) -> Result<(), Failure> {
    let tokens = context.relay.tokens().await?;
    let now = context.now();
    context.output.list(
        &tokens,
        "no tokens; `agent-relay token create NAME --scope …` makes one",
        || table(&["token", "name", "scopes", "made", "state"], tokens.iter().map(|t| row(t, now))),
    )
}

fn row(token: &reply::Token, now: Timestamp) -> Vec<String> {
    let scopes: Vec<_> = token.scopes.iter().map(|scope| scope.as_str()).collect();
    vec![
        token.id.to_string(),
        inline(&token.name),
        scopes.join(","),
        format!("{} ago", short(now.since(token.created_at))),
        state(token, now),
    ]
}

fn state(token: &reply::Token, now: Timestamp) -> String {
    match (token.revoked_at, token.expires_at) {
        (Some(_), _) => "revoked".to_owned(),
        (None, Some(at)) if at <= now => "ended".to_owned(),
        (None, Some(at)) => format!("ends in {}", short(at.since(now))),
        (None, None) => "valid".to_owned(),
    }
}

impl Revoke {
    async fn run(self, context: &Context) -> Result<(), Failure> {
        context.relay.revoke_token(self.id).await?;
        context.output.note(&format!("token {} is revoked", self.id));
        Ok(())
    }
}
