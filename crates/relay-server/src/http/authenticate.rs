//! Who asks: from the token in the headers to a [`Caller`].

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, header};
use relay_core::{
    caller::Caller,
    error::{Code, Refused},
    token::Digest,
};
use relay_store::{Identity, Store};
use secrecy::{ExposeSecret as _, SecretString};

use super::{error::HttpError, limit::WrongTokens};
use crate::{config::Config, integration::Integrations, metrics::Metrics};

pub(super) const OWN_HEADER: HeaderName = HeaderName::from_static("x-agent-relay-token");

/// The two tokens that the settings know. What is kept of them is their digests.
#[derive(Debug)]
pub struct Keys {
    relay: Option<Digest>,
    operator: Option<Digest>,
}

/// A caller and the token that it sent, if any.
#[derive(Debug)]
pub struct Identified {
    /// Who asks.
    pub caller: Caller,
    /// The token; it goes into no log.
    pub token: Option<String>,
}

impl Keys {
    /// The keys that the settings name.
    pub fn new(config: &Config) -> Self {
        let digest = |secret: &SecretString| Digest::of(secret.expose_secret());
        Self {
            relay: config.token.as_ref().map(digest),
            operator: config.operator.as_ref().map(digest),
        }
    }

    /// Whose token has this digest.
    pub fn caller(
        &self,
        store: &Store,
        integrations: &Integrations,
        digest: &Digest,
    ) -> Option<Caller> {
        let is = |key: &Option<Digest>| key.as_ref().is_some_and(|key| key.matches(digest));
        if is(&self.operator) {
            return Some(Caller::Operator);
        }
        if is(&self.relay) {
            return Some(Caller::Full);
        }
        if let Some(integration) = integrations.find(digest) {
            return Some(Caller::Integration(integration.clone()));
        }
        match store.authenticate(digest)? {
            // It registered before an integration got that name, and would now pass for it.
            Identity::Agent(id) if integrations.has(&id) => None,
            Identity::Agent(id) => Some(Caller::Agent(id)),
            Identity::Scoped { id, scopes } => Some(Caller::Scoped { id, scopes }),
        }
    }
}

/// What is needed to tell who asks.
pub struct Door<'a> {
    /// The settings' tokens.
    pub keys: &'a Keys,
    /// The integrations' tokens.
    pub integrations: &'a Integrations,
    /// Where agents' and scoped tokens are.
    pub store: &'a Store,
    /// How many wrong ones a peer has tried.
    pub wrong: &'a WrongTokens,
    /// Where refusals are counted.
    pub metrics: &'a Metrics,
}

impl Door<'_> {
    /// Tells who asks. A wrong token is refused also where none is asked for: who sends one means
    /// to be somebody.
    pub async fn identify(
        &self,
        peer: IpAddr,
        headers: &HeaderMap,
    ) -> Result<Identified, HttpError> {
        let Some(token) = presented(headers)? else {
            return match self.keys.relay {
                None => Ok(Identified { caller: Caller::Anonymous, token: None }),
                Some(_) => Err(unauthorized("this relay asks for a token").into()),
            };
        };
        match self.caller(&Digest::of(&token)).await {
            Some(caller) => Ok(Identified { caller, token: Some(token) }),
            None => Err(self.refuse(peer)),
        }
    }

    /// Whose token has this digest; one that another server gave out a moment ago is asked for.
    async fn caller(&self, digest: &Digest) -> Option<Caller> {
        let caller = || self.keys.caller(self.store, self.integrations, digest);
        match caller() {
            None if self.store.identify(digest).await.is_some() => caller(),
            known => known,
        }
    }

    fn refuse(&self, peer: IpAddr) -> HttpError {
        self.metrics.auth_failures.inc();
        match self.wrong.note(peer) {
            Ok(()) => Refused::new(Code::Unauthorized, "this token is not known here")
                .hint("it may be mistyped, revoked, expired, or of an agent that was removed")
                .into(),
            Err(wait) => HttpError::from(
                Refused::new(Code::RateLimited, "too many wrong tokens from this address")
                    .hint("wait, then try with the right one"),
            )
            .retry_after(wait),
        }
    }
}

/// The one token that the headers carry.
fn presented(headers: &HeaderMap) -> Result<Option<String>, Refused> {
    let bearer = single(headers, &header::AUTHORIZATION)?.map(bearer).transpose()?;
    let own = single(headers, &OWN_HEADER)?;
    match (bearer, own) {
        (Some(a), Some(b)) if a != b => Err(unauthorized("the two tokens of this request differ")),
        (Some(token), _) | (None, Some(token)) => match token.trim() {
            "" => Err(unauthorized("the token is empty")),
            token => Ok(Some(token.to_owned())),
        },
        (None, None) => Ok(None),
    }
}

fn bearer(value: &str) -> Result<&str, Refused> {
    match value.trim().split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        _ => Err(unauthorized("the Authorization header carries no bearer token")),
    }
}

fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Refused> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value
            .to_str()
            .map(Some)
            .map_err(|_| unauthorized("the token holds characters that no token has")),
        (Some(_), Some(_)) => Err(unauthorized("a token header stands more than once")),
    }
}

fn unauthorized(why: &str) -> Refused {
    Refused::new(Code::Unauthorized, why)
        .hint("send `Authorization: Bearer TOKEN`, with AGENT_RELAY_TOKEN or an agent's own token")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(headers: &[(&'static str, &[u8])]) -> Result<Option<String>, Code> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, http::HeaderValue::from_bytes(value).unwrap());
        }
        presented(&map).map_err(|refused| refused.code)
    }

    #[test]
    fn one_token_is_taken_from_either_header() {
        let some = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(token(&[]), Ok(None));
        assert_eq!(token(&[("authorization", b"Bearer t")]), some("t"));
        assert_eq!(token(&[("authorization", b"bearer  t ")]), some("t"));
        assert_eq!(token(&[("x-agent-relay-token", b"t")]), some("t"));
        let both: &[(&str, &[u8])] =
            &[("authorization", b"Bearer t"), ("x-agent-relay-token", b"t")];
        assert_eq!(token(both), some("t"));
    }

    #[test]
    fn two_that_disagree_and_what_is_no_token_are_refused() {
        let refused: &[&[(&str, &[u8])]] = &[
            &[("authorization", b"Bearer wrong"), ("x-agent-relay-token", b"t")],
            &[("authorization", b"Bearer t"), ("authorization", b"Bearer t")],
            &[("x-agent-relay-token", b"t"), ("x-agent-relay-token", b"t")],
            &[("authorization", b"Basic dTpw")],
            &[("authorization", b"Bearer")],
            &[("authorization", b"Bearer  ")],
            &[("authorization", b"")],
            &[("x-agent-relay-token", b"")],
            &[("authorization", "Bearer éé".as_bytes())],
        ];
        for headers in refused {
            assert_eq!(token(headers), Err(Code::Unauthorized), "{headers:?}");
        }
    }
}
