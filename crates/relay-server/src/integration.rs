//! The integrations that the settings name: who they are, what they may do, where they are called
//! back.

use std::{collections::HashMap, sync::Arc};

use relay_core::{
    id::AgentId,
    integration::{Integration, Overview, Seen},
    token::Digest,
};
use relay_store::Known;
use secrecy::SecretString;
use url::Url;

/// One integration, as the settings describe it. Its secrets do not print.
#[derive(Clone, Debug)]
pub struct Configured {
    /// What it may do.
    pub policy: Arc<Integration>,
    /// The digest of its token.
    pub digest: Digest,
    /// Where it is called back.
    pub callback: Option<Receiver>,
}

/// Who is called back, and with which key what it is sent is signed.
#[derive(Clone, Debug)]
pub struct Receiver {
    /// Where to post.
    pub url: Url,
    /// The key: `callbackSecret`, else the integration's token.
    pub secret: SecretString,
}

/// Every integration.
#[derive(Clone, Debug, Default)]
pub struct Integrations(Vec<Configured>);

impl Integrations {
    /// Those that the settings name.
    pub fn new(all: Vec<Configured>) -> Self {
        Self(all)
    }

    /// Whose token has this digest.
    pub fn find(&self, digest: &Digest) -> Option<&Arc<Integration>> {
        let found = self.0.iter().find(|configured| configured.digest.matches(digest));
        found.map(|configured| &configured.policy)
    }

    /// True where an integration has this name.
    pub fn has(&self, name: &AgentId) -> bool {
        self.0.iter().any(|configured| configured.policy.name == *name)
    }

    /// Every one of them.
    pub fn iter(&self) -> impl Iterator<Item = &Configured> {
        self.0.iter()
    }

    /// What the store must know of them.
    pub fn known(&self) -> Vec<Known> {
        let known = |configured: &Configured| Known {
            name: configured.policy.name.clone(),
            callback: configured.callback.is_some(),
        };
        self.0.iter().map(known).collect()
    }

    /// What is configured together with what was seen, by name.
    pub fn overviews(&self, seen: Vec<(AgentId, Seen)>) -> Vec<Overview> {
        let mut seen: HashMap<AgentId, Seen> = seen.into_iter().collect();
        let mut all: Vec<Overview> = self
            .0
            .iter()
            .map(|configured| Overview {
                name: configured.policy.name.clone(),
                configured: true,
                scopes: configured.policy.scopes.clone(),
                targets: configured.policy.targets.to_texts(),
                channels: configured.policy.channels.to_texts(),
                callback: configured.callback.is_some(),
                seen: seen.remove(&configured.policy.name).unwrap_or_default(),
            })
            .collect();
        all.extend(seen.into_iter().map(|(name, seen)| Overview {
            name,
            configured: false,
            scopes: Vec::new(),
            targets: Vec::new(),
            channels: Vec::new(),
            callback: false,
            seen,
        }));
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }
}

#[cfg(test)]
mod tests {
    use relay_core::{integration::Allowed, scope::Scope};

    use super::*;

    #[test]
    fn what_is_configured_and_what_was_seen_stand_together_by_name() {
        let id = |name: &str| name.parse::<AgentId>().unwrap();
        let policy = Integration {
            name: id("ops"),
            scopes: vec![Scope::TasksCreate],
            targets: Allowed::Only(vec!["cap:ops".parse().unwrap()]),
            channels: Allowed::Any,
        };
        let digest = Digest::of("0123456789abcdef");
        let all = Integrations::new(vec![Configured {
            policy: Arc::new(policy),
            digest: digest.clone(),
            callback: None,
        }]);
        assert!(all.has(&id("OPS")) && !all.has(&id("former")));
        assert_eq!(all.find(&digest).unwrap().name, id("ops"));
        assert!(all.find(&Digest::of("0123456789abcdeF")).is_none());

        let seen = Seen { tasks: 3, ..Seen::default() };
        let shown = all.overviews(vec![(id("Ops"), seen), (id("former"), seen)]);
        let names: Vec<_> = shown.iter().map(|one| (one.name.as_str(), one.configured)).collect();
        assert_eq!(names, [("former", false), ("ops", true)]);
        assert_eq!((shown[1].seen.tasks, &shown[1].targets[..]), (3, &["cap:ops".to_owned()][..]));
        assert_eq!(shown[1].channels, ["*"]);
    }
}
