//! What is counted so that nobody can have all of it: streams, and wrong tokens.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock as _};
use relay_core::{
    env,
    error::{Code, Refused},
    id::AgentId,
};
use relay_store::Store;

use super::error::HttpError;

/// Past this many peers, those that have been quiet for long are forgotten.
const MANY_PEERS: usize = 1_024;

/// The streams that are open.
#[derive(Debug)]
pub struct Streams {
    most: usize,
    most_per_agent: usize,
    open: Arc<Mutex<Open>>,
}

#[derive(Debug, Default)]
struct Open {
    total: usize,
    per_agent: HashMap<AgentId, usize>,
}

/// One stream's place; dropping it gives the place back.
#[derive(Debug)]
pub struct Place {
    agent: Option<AgentId>,
    open: Arc<Mutex<Open>>,
}

impl Streams {
    /// Room for so many.
    pub fn new(most: usize, most_per_agent: usize) -> Self {
        Self { most, most_per_agent, open: Arc::default() }
    }

    /// How many are open.
    pub fn count(&self) -> usize {
        lock(&self.open).total
    }

    /// Takes a place, for one agent's stream or for one of everything.
    pub fn take(&self, agent: Option<&AgentId>) -> Result<Place, Refused> {
        let mut open = lock(&self.open);
        if open.total >= self.most {
            return Err(too_many(
                format!("{} streams are open", open.total),
                env::MAX_STREAMS.name,
            ));
        }
        if let Some(agent) = agent {
            let count = open.per_agent.entry(agent.clone()).or_default();
            if *count >= self.most_per_agent {
                let what = format!("`{agent}` has {count} streams open");
                return Err(too_many(what, env::MAX_STREAMS_PER_AGENT.name));
            }
            *count += 1;
        }
        open.total += 1;
        Ok(Place { agent: agent.cloned(), open: Arc::clone(&self.open) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = lock(&self.open);
        open.total -= 1;
        let Some(agent) = &self.agent else { return };
        if let Some(count) = open.per_agent.get_mut(agent) {
            *count -= 1;
            if *count == 0 {
                open.per_agent.remove(agent);
            }
        }
    }
}

fn lock(open: &Mutex<Open>) -> std::sync::MutexGuard<'_, Open> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

fn too_many(what: String, variable: &str) -> Refused {
    Refused::new(Code::TooManyStreams, what)
        .hint(format!("close some; {variable} on the relay sets how many may be open"))
}

/// Wrong tokens, by who sent them.
pub struct WrongTokens {
    tries: DefaultKeyedRateLimiter<IpAddr>,
}

impl WrongTokens {
    /// Allows so many in a minute.
    pub fn new(per_minute: u32) -> Self {
        let quota = Quota::per_minute(NonZeroU32::new(per_minute).unwrap_or(NonZeroU32::MIN));
        Self { tries: RateLimiter::keyed(quota) }
    }

    /// Notes a wrong token; returns how long to wait when there were too many.
    pub fn note(&self, peer: IpAddr) -> Result<(), Duration> {
        if self.tries.len() > MANY_PEERS {
            self.tries.retain_recent();
        }
        let now = self.tries.clock().now();
        self.tries.check_key(&network(peer)).map_err(|until| until.wait_time_from(now))
    }
}

/// The events that integrations post, by integration.
pub struct EventRates {
    posts: DefaultKeyedRateLimiter<AgentId>,
    per_minute: u32,
}

impl EventRates {
    /// Allows each integration so many in a minute.
    pub fn new(per_minute: u32) -> Self {
        let quota = Quota::per_minute(NonZeroU32::new(per_minute).unwrap_or(NonZeroU32::MIN));
        Self { posts: RateLimiter::keyed(quota), per_minute }
    }

    /// Counts one event, here and then on all servers together; refused with when to come back where
    /// there were too many.
    pub async fn count(&self, store: &Store, integration: &AgentId) -> Result<(), HttpError> {
        let now = self.posts.clock().now();
        self.posts
            .check_key(integration)
            .map_err(|until| self.refuse(integration, until.wait_time_from(now)))?;
        match store.count_report(integration, self.per_minute).await? {
            Some(wait) => Err(self.refuse(integration, wait)),
            None => Ok(()),
        }
    }

    fn refuse(&self, integration: &AgentId, wait: Duration) -> HttpError {
        let what = format!("`{integration}` posts more than {} events a minute", self.per_minute);
        HttpError::from(Refused::new(Code::RateLimited, what).hint(format!(
            "wait as long as Retry-After says; {} on the relay sets how many are allowed",
            env::INTEGRATION_RATE_LIMIT.name
        )))
        .retry_after(wait)
    }
}

/// An IPv6 host owns a whole /64, so that counting its addresses would count nothing.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_given_back() {
        let streams = Streams::new(3, 2);
        let (a, b): (AgentId, AgentId) = ("a".parse().unwrap(), "b".parse().unwrap());
        let code = |agent| streams.take(agent).map(|_| ()).map_err(|refused| refused.code);
        let first = streams.take(Some(&a)).unwrap();
        let second = streams.take(Some(&"A".parse().unwrap())).unwrap();
        assert_eq!(code(Some(&a)), Err(Code::TooManyStreams), "ids are compared without case");
        let third = streams.take(Some(&b)).unwrap();
        assert_eq!(code(None), Err(Code::TooManyStreams), "all places are taken");
        drop(first);
        assert_eq!(code(Some(&a)), Ok(()));
        drop((second, third));
        assert_eq!(streams.count(), 0);
        assert!(lock(&streams.open).per_agent.is_empty());
    }

    #[test]
    fn wrong_tokens_are_counted_by_network() {
        let wrong = WrongTokens::new(2);
        let peer = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(wrong.note(peer("2001:db8::1")).is_ok());
        assert!(wrong.note(peer("2001:db8::2")).is_ok());
        assert!(wrong.note(peer("2001:db8::3")).is_err());
        assert!(wrong.note(peer("10.0.0.1")).is_ok());
        assert!(wrong.note(peer("::ffff:10.0.0.1")).is_ok());
        assert!(wrong.note(peer("10.0.0.1")).is_err());
    }
}
