//! One call, before it is made.

use std::{marker::PhantomData, time::Duration};

use relay_core::api::route::Route;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    error::{ClientError, Refusal},
    retry,
};

/// How long an answer may take.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

/// Fields that decide who gets what: a relay that does not know them must refuse, not guess.
const ESSENTIAL: &[&str] = &[
    "agentId",
    "body",
    "channel",
    "claimable",
    "dedupeKey",
    "expiresInMs",
    "from",
    "generation",
    "handled",
    "id",
    "idempotencyKey",
    "label",
    "name",
    "progress",
    "read",
    "replyTo",
    "result",
    "scopes",
    "status",
    "target",
    "title",
    "to",
];

/// A call before it is made.
pub(crate) struct Call<T> {
    pub(crate) route: Route,
    pub(crate) query: Vec<(&'static str, String)>,
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) timeout: Duration,
    /// True when making it twice does what making it once does.
    pub(crate) repeatable: bool,
    reply: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Call<T> {
    pub(crate) fn new(route: Route) -> Self {
        let repeatable = retry::is_repeatable(&route);
        Self {
            route,
            query: Vec::new(),
            body: None,
            timeout: TIMEOUT,
            repeatable,
            reply: PhantomData,
        }
    }

    pub(crate) fn query(mut self, query: Vec<(&'static str, String)>) -> Self {
        self.query = query;
        self
    }

    pub(crate) fn body(mut self, body: &impl Serialize) -> Self {
        self.body = Some(serde_json::to_vec(body).expect("requests are plain JSON"));
        self
    }

    /// Says that this one may be made twice, though others of its route may not.
    pub(crate) fn repeatable(mut self) -> Self {
        self.repeatable = true;
        self
    }

    /// Gives the answer less time than usual.
    pub(crate) fn within(mut self, span: Duration) -> Self {
        self.timeout = span;
        self
    }

    /// Allows the relay to hold the answer back for `span`.
    pub(crate) fn waiting(mut self, span: Duration) -> Self {
        self.timeout = TIMEOUT + span;
        self
    }

    /// An older relay refuses fields it does not know. One that changes nothing essential is left
    /// out. True when it was.
    pub(crate) fn drop_unknown_field(&mut self, error: &ClientError) -> bool {
        let field = error.refusal().filter(|r| r.code == "unknown_field").and_then(unknown_field);
        let (Some(field), Some(body)) = (field, &self.body) else { return false };
        let Ok(Value::Object(mut fields)) = serde_json::from_slice(body) else { return false };
        if ESSENTIAL.contains(&field) || fields.remove(field).is_none() {
            return false;
        }
        tracing::warn!(field, "the relay is older and does not know this field; it is left out");
        self.body = serde_json::to_vec(&fields).ok();
        true
    }
}

fn unknown_field(refusal: &Refusal) -> Option<&str> {
    refusal.details.as_ref()?.get("field")?.as_str()
}
