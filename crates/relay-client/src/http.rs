//! A relay to talk to, and the one way in which a route is called.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use relay_core::{api::route::Route, error::ErrorBody};
use reqwest::{
    Method, RequestBuilder, Response, Url,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LINK, RETRY_AFTER},
};
use serde::de::DeserializeOwned;

use crate::{
    call::{Call, TIMEOUT},
    config::ConfigError,
    connection,
    error::{ClientError, Refusal},
    retry::{self, Backoff},
};

pub use crate::connection::is_same;

/// How long a health check may take.
const PROBE: Duration = Duration::from_secs(2);
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(2);

/// A relay, and the token with which it is spoken to. Clones share connections.
#[derive(Clone, Debug)]
pub struct Relay {
    base: Arc<str>,
    client: reqwest::Client,
    token: Option<HeaderValue>,
    retries: u32,
}

/// One page of a list. [`Relay::next`] fetches the one after it.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// What the page lists.
    pub items: Vec<T>,
    next: Option<String>,
}

impl<T> Page<T> {
    /// True when there is another page.
    pub fn has_more(&self) -> bool {
        self.next.is_some()
    }
}

/// An answer that is no refusal.
struct Answer {
    body: Bytes,
    next: Option<String>,
}

impl Relay {
    /// A relay by its address. Nothing is sent yet.
    pub fn new(url: &str, token: Option<&str>) -> Result<Self, ConfigError> {
        let url = connection::parse(url)?;
        let relay = Self::reached(&url, connection::client(&url)?);
        match token {
            Some(token) => relay.with_token(token),
            None => Ok(relay),
        }
    }

    /// The relay of this very machine at any of its addresses: what is said to it goes through no
    /// proxy, whatever the environment names.
    pub fn own(url: &str) -> Result<Self, ConfigError> {
        let url = connection::parse(url)?;
        Ok(Self::reached(&url, connection::own_client(&url)?))
    }

    fn reached(url: &Url, client: reqwest::Client) -> Self {
        let base = url.as_str().trim_end_matches('/').into();
        Self { client, base, token: None, retries: retry::RETRIES }
    }

    /// The same relay, spoken to with another token.
    pub fn with_token(&self, token: &str) -> Result<Self, ConfigError> {
        let mut bearer =
            HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| ConfigError::Token)?;
        bearer.set_sensitive(true);
        Ok(Self { token: Some(bearer), ..self.clone() })
    }

    /// The same relay, giving up after so many repeated attempts (3 by default).
    #[must_use]
    pub fn with_retries(self, retries: u32) -> Self {
        Self { retries, ..self }
    }

    /// True unless the caller wants nothing to be repeated.
    pub(crate) fn repeats(&self) -> bool {
        self.retries > 0
    }

    /// The relay's address, without a slash at its end.
    pub fn url(&self) -> &str {
        &self.base
    }

    /// True when the relay can only be on this machine.
    pub fn is_local(&self) -> bool {
        Url::parse(&self.base).is_ok_and(|url| connection::is_loopback(&url))
    }

    /// The page after this one; `None` at the end.
    pub async fn next<T: DeserializeOwned>(
        &self,
        page: &Page<T>,
    ) -> Result<Option<Page<T>>, ClientError> {
        let Some(path) = &page.next else { return Ok(None) };
        let request = || self.authorized(self.client.get(format!("{}{path}", self.base)));
        let mut backoff = Backoff::new(FIRST_RETRY, LAST_RETRY);
        let mut retries = self.retries;
        loop {
            match self.exchange(request().timeout(TIMEOUT)).await {
                Ok(answer) => return self.page(answer).map(Some),
                Err(error) => match retry::wait(&error, true, &mut backoff) {
                    Some(delay) if retries > 0 => tokio::time::sleep(delay).await,
                    _ => return Err(error),
                },
            }
            retries -= 1;
        }
    }

    /// What stands on this page and on all after it.
    pub(crate) async fn rest<T: DeserializeOwned>(
        &self,
        mut page: Page<T>,
    ) -> Result<Vec<T>, ClientError> {
        let mut items = std::mem::take(&mut page.items);
        while let Some(mut next) = self.next(&page).await? {
            items.append(&mut next.items);
            page = next;
        }
        Ok(items)
    }

    /// Makes a call and reads its answer.
    pub(crate) async fn call<T: DeserializeOwned>(&self, call: Call<T>) -> Result<T, ClientError> {
        let answer = self.perform(call).await?;
        self.read(&answer.body)
    }

    /// Makes a call whose answer is a list.
    pub(crate) async fn list<T: DeserializeOwned>(
        &self,
        call: Call<Vec<T>>,
    ) -> Result<Page<T>, ClientError> {
        let answer = self.perform(call).await?;
        self.page(answer)
    }

    /// Makes a call whose answer says nothing but that it is done.
    pub(crate) async fn done(&self, call: Call<()>) -> Result<(), ClientError> {
        self.perform(call).await.map(drop)
    }

    /// Makes a call whose answer is text.
    pub(crate) async fn text(&self, call: Call<String>) -> Result<String, ClientError> {
        let answer = self.perform(call).await?;
        String::from_utf8(answer.body.into()).map_err(|e| self.protocol(e.to_string()))
    }

    async fn perform<T: DeserializeOwned>(&self, mut call: Call<T>) -> Result<Answer, ClientError> {
        let mut backoff = Backoff::new(FIRST_RETRY, LAST_RETRY);
        let mut retries = self.retries;
        let mut complete = true;
        loop {
            let error = match self.exchange(self.request(&call)).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if complete && call.drop_unknown_field(&error) {
                complete = false;
                continue;
            }
            match retry::wait(&error, call.repeatable, &mut backoff) {
                Some(delay) if retries > 0 => tokio::time::sleep(delay).await,
                _ => return Err(error),
            }
            retries -= 1;
        }
    }

    fn request<T>(&self, call: &Call<T>) -> RequestBuilder {
        let method = match call.route.method() {
            relay_core::api::route::Method::Get => Method::GET,
            relay_core::api::route::Method::Post => Method::POST,
            relay_core::api::route::Method::Patch => Method::PATCH,
            relay_core::api::route::Method::Delete => Method::DELETE,
        };
        let mut request = self
            .client
            .request(method, format!("{}{}", self.base, call.route))
            .timeout(call.timeout);
        if !call.query.is_empty() {
            request = request.query(&call.query);
        }
        if let Some(body) = &call.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.clone());
        }
        self.authorized(request)
    }

    fn authorized(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.token {
            Some(token) => request.header(AUTHORIZATION, token.clone()),
            None => request,
        }
    }

    async fn exchange(&self, request: RequestBuilder) -> Result<Answer, ClientError> {
        let response = request.send().await.map_err(|e| self.unreachable(e))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = self.body(response).await?;
        if status.is_success() {
            return Ok(Answer { body, next: next_link(&headers) });
        }
        Err(self.refusal(status.as_u16(), &headers, &body))
    }

    /// True when the path, which carries no JSON, is answered with success.
    pub(crate) async fn probe(&self, route: &Route) -> Result<bool, ClientError> {
        let response = self.ask_unproven(route).await.map_err(|e| self.unreachable(e))?;
        Ok(response.status().is_success())
    }

    /// Asks without a token, once and briefly.
    pub(crate) async fn ask_unproven(&self, route: &Route) -> reqwest::Result<Response> {
        self.client.get(format!("{}{route}", self.base)).timeout(PROBE).send().await
    }

    async fn body(&self, response: Response) -> Result<Bytes, ClientError> {
        response.bytes().await.map_err(|e| self.unreachable(e))
    }

    /// Reads a refusal; what is none says that somebody else has this address.
    pub(crate) fn refusal(&self, status: u16, headers: &HeaderMap, body: &[u8]) -> ClientError {
        let after = headers.get(RETRY_AFTER).and_then(|v| v.to_str().ok()?.trim().parse().ok());
        match serde_json::from_slice::<ErrorBody>(body) {
            Ok(body) => {
                Refusal::new(status, body.error, after.map(Duration::from_secs)).into_error()
            }
            Err(_) => self.protocol(format!("status {status} without the relay's form of error")),
        }
    }

    fn page<T: DeserializeOwned>(&self, answer: Answer) -> Result<Page<T>, ClientError> {
        Ok(Page { items: self.read(&answer.body)?, next: answer.next })
    }

    fn read<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, ClientError> {
        serde_json::from_slice(body).map_err(|e| self.protocol(e.to_string()))
    }

    pub(crate) fn protocol(&self, what: impl Into<String>) -> ClientError {
        ClientError::Protocol { url: self.base.to_string(), what: what.into() }
    }

    fn unreachable(&self, error: reqwest::Error) -> ClientError {
        let sent = !error.is_connect();
        ClientError::Unreachable { url: self.base.to_string(), source: error.into(), sent }
    }

    /// The parts from which a stream is opened.
    pub(crate) fn stream_parts(&self) -> (&reqwest::Client, Option<&HeaderValue>) {
        (&self.client, self.token.as_ref())
    }
}

/// The path of `Link: <…>; rel="next"`. Only its path and query count: a page is never fetched
/// from another host, because the token goes with it.
fn next_link(headers: &HeaderMap) -> Option<String> {
    let links = headers.get(LINK)?.to_str().ok()?;
    let (target, _) = links
        .split('<')
        .filter_map(|link| link.split_once('>'))
        .find(|(_, parameters)| parameters.contains("rel=\"next\""))?;
    target.find("/api/").map(|start| target[start..].to_owned())
}

#[cfg(test)]
mod tests;
