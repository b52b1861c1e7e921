//! Whom a person means: a target, or a word that one available agent is called by.

use std::{convert::Infallible, str::FromStr};

use relay_client::error::ClientError;
use relay_core::{
    api::{query, reply::Sent, request::SendMessage},
    error::Code,
    target::{Target, resolve},
};

use crate::{context::Context, failure::Failure};

/// A target as it was typed.
#[derive(Clone, Debug)]
pub struct Recipient(String);

impl FromStr for Recipient {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl Recipient {
    /// Sends to whom it means.
    pub async fn send(
        &self,
        context: &Context,
        request: impl Fn(Target) -> SendMessage,
    ) -> Result<Sent, Failure> {
        self.reach(context, |to| context.relay.send_message(request(to))).await
    }

    /// Asks something for whom it means. What reads as a target is tried as it stands, which is one
    /// request for an id; only a word that is no registered id is looked up among the agents.
    pub async fn reach<T, F>(
        &self,
        context: &Context,
        ask: impl Fn(Target) -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, ClientError>>,
    {
        let bare = !self.0.contains(':');
        match self.0.parse::<Target>() {
            Ok(target) => match ask(target).await {
                Err(error) if bare && error.is(Code::TargetNotFound) => {}
                answer => return Ok(answer?),
            },
            Err(error) if !bare => {
                return Err(Failure::usage(format_args!("`{}` is no target: {error}", self.0)));
            }
            Err(_) => {}
        }
        let agents = context.relay.all_agents(&query::Agents::default()).await?;
        let target = Target::Agent(resolve(&self.0, &agents)?.id.clone());
        Ok(ask(target).await?)
    }
}
