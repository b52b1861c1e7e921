//! Integrations: systems that create work, and what each of them may do.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    api::route::Route,
    error::{Code, Refused},
    id::AgentId,
    scope::Scope,
    target::Target,
    text::Word,
};

/// What stands in a list of targets or channels for all of them.
pub const ANY: &str = "*";

/// What an integration may do. Its secrets are the server's to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Integration {
    /// Its name, which is the source of its tasks and the sender of its messages.
    pub name: AgentId,
    /// What its token allows.
    pub scopes: Vec<Scope>,
    /// Whom it may address.
    pub targets: Allowed<Target>,
    /// On which channels it may speak, besides none at all.
    pub channels: Allowed<Word>,
}

/// A list of what is allowed; an empty one allows nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed<T> {
    /// Everything: the list has a `*`.
    Any,
    /// These.
    Only(Vec<T>),
}

impl<T: std::str::FromStr> Allowed<T> {
    /// Reads a list of texts.
    pub fn parse(texts: &[String]) -> Result<Self, T::Err> {
        if texts.iter().any(|text| text == ANY) {
            return Ok(Self::Any);
        }
        Ok(Self::Only(texts.iter().map(|text| text.parse()).collect::<Result<_, _>>()?))
    }
}

impl<T: fmt::Display> Allowed<T> {
    /// The list as texts.
    pub fn to_texts(&self) -> Vec<String> {
        match self {
            Self::Any => vec![ANY.to_owned()],
            Self::Only(list) => list.iter().map(ToString::to_string).collect(),
        }
    }
}

impl Integration {
    /// Refuses with `forbidden_target` or `forbidden_channel` what its settings do not name.
    pub fn check(&self, target: &Target, channel: Option<&Word>) -> Result<(), Refused> {
        let allowed = match &self.targets {
            Allowed::Any => true,
            Allowed::Only(targets) => targets.iter().any(|own| own.address() == target.address()),
        };
        if !allowed {
            let code = Code::ForbiddenTarget;
            return Err(self.refuse(code, "target", target, &self.targets.to_texts()));
        }
        match (channel, &self.channels) {
            (None, _) | (_, Allowed::Any) => Ok(()),
            (Some(channel), Allowed::Only(channels)) if channels.contains(channel) => Ok(()),
            (Some(channel), channels) => {
                let code = Code::ForbiddenChannel;
                Err(self.refuse(code, "channel", channel, &channels.to_texts()))
            }
        }
    }

    /// Refuses with `forbidden` the routes in which an integration has no part, whatever its scopes:
    /// it creates work and follows it, but it is no agent, does no work and administers nothing.
    pub fn check_route(&self, route: &Route) -> Result<(), Refused> {
        let (may_not, hint) = match route {
            Route::RegisterAgent
            | Route::UpdateAgent(_)
            | Route::SetLabel(_)
            | Route::SetStatus(_)
            | Route::Heartbeat(_)
            | Route::RemoveAgent(_) => {
                ("register or change agents", "an agent registers itself and sends its own token")
            }
            Route::ClaimMessage(_)
            | Route::ReleaseMessage(_)
            | Route::FinishMessage(_)
            | Route::MarkMessage(_)
            | Route::ClaimTask(_)
            | Route::ReleaseTask(_) => (
                "claim or finish work",
                "agents do work; to call off a task of its own an integration changes its status",
            ),
            Route::InvitePair
            | Route::ListPairs
            | Route::GetPair(_)
            | Route::AcceptPair(_)
            | Route::RejectPair(_)
            | Route::SayInPair(_)
            | Route::HangUpPair(_) => ("take part in pairs", "a pair is of two agents"),
            Route::CreateToken | Route::ListTokens | Route::RevokeToken(_) => {
                ("manage tokens", "use the relay's own token, or a scoped one with system:write")
            }
            Route::ListAgents
            | Route::FindAgents
            | Route::GetAgent(_)
            | Route::SendMessage
            | Route::ListMessages
            | Route::MessageCursor
            | Route::GetMessage(_)
            | Route::GetThread(_)
            | Route::GetReceipts(_)
            | Route::DeleteMessage(_)
            | Route::PostEvent
            | Route::ListIntegrations
            | Route::ListDeadLetters
            | Route::RetryDeadLetter(_)
            | Route::ListChannels
            | Route::CreateTask
            | Route::ListTasks
            | Route::GetTask(_)
            | Route::GetTaskEvents(_)
            | Route::UpdateTask(_)
            | Route::StreamEvents
            | Route::Stats
            | Route::StatsSeries
            | Route::HealthDetails
            | Route::OpenApi
            | Route::Health
            | Route::Ready
            | Route::Metrics
            | Route::Dashboard => return Ok(()),
        };
        let why = format!("the integration `{}` may not {may_not}", self.name);
        Err(Refused::new(Code::Forbidden, why).hint(hint))
    }

    fn refuse(
        &self,
        code: Code,
        what: &str,
        which: impl fmt::Display,
        allowed: &[String],
    ) -> Refused {
        let list = if allowed.is_empty() { "none".to_owned() } else { allowed.join(", ") };
        Refused::new(
            code,
            format!("the integration `{}` may not use the {what} `{which}`", self.name),
        )
        .hint(format!("its {what}s in the relay's settings are: {list}"))
        .with(serde_json::json!({ "field": what, "allowed": allowed }))
    }
}

/// An integration as the API shows it: configured, seen, or both. Never a secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Overview {
    /// Its name.
    pub name: AgentId,
    /// False for one whose tasks are here but whose settings are gone.
    pub configured: bool,
    /// What its token allows.
    #[serde(default)]
    pub scopes: Vec<Scope>,
    /// Whom it may address; `*` is everybody.
    #[serde(default)]
    pub targets: Vec<String>,
    /// On which channels it may speak; `*` is all.
    #[serde(default)]
    pub channels: Vec<String>,
    /// True when it is called back.
    #[serde(default)]
    pub callback: bool,
    /// What was seen of it.
    #[serde(flatten)]
    pub seen: Seen,
}

/// What was seen of an integration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Seen {
    /// Its tasks that are not finished.
    pub active_tasks: u64,
    /// All its tasks that are stored.
    pub tasks: u64,
    /// When it last posted an event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen_at: Option<crate::time::Timestamp>,
    /// Callbacks that wait to be sent.
    pub waiting_callbacks: u64,
    /// Callbacks given up on.
    pub dead_letters: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn integration(targets: &[&str], channels: &[&str]) -> Integration {
        let texts = |list: &[&str]| list.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
        Integration {
            name: "ops".parse().unwrap(),
            scopes: vec![],
            targets: Allowed::parse(&texts(targets)).unwrap(),
            channels: Allowed::parse(&texts(channels)).unwrap(),
        }
    }

    #[test]
    fn what_is_not_listed_is_refused() {
        let check = |targets: &[&str], channels: &[&str], target: &str, channel: Option<&str>| {
            let channel: Option<Word> = channel.map(|c| c.parse().unwrap());
            integration(targets, channels).check(&target.parse().unwrap(), channel.as_ref()).is_ok()
        };
        assert!(check(&["cap:ops"], &["alerts"], "cap:ops", Some("alerts")));
        assert!(check(&["cap:ops"], &[], "cap:ops", None));
        assert!(check(&["id:Ann"], &[], "ann", None), "one address in two spellings");
        assert!(check(&["*"], &["*"], "broadcast", Some("x")));
        assert!(!check(&["cap:ops"], &["alerts"], "cap:opsx", Some("alerts")));
        assert!(!check(&["cap:ops"], &["alerts"], "broadcast", Some("alerts")));
        assert!(!check(&["cap:ops"], &["alerts"], "cap:ops", Some("secrets")));
        assert!(!check(&["cap:ops"], &[], "cap:ops", Some("alerts")));
        assert!(!check(&[], &["*"], "cap:ops", None), "an empty list allows nothing");
    }

    #[test]
    fn a_refusal_says_what_is_allowed() {
        let refused =
            integration(&["cap:ops"], &[]).check(&"tag:x".parse().unwrap(), None).unwrap_err();
        assert_eq!(refused.code, Code::ForbiddenTarget);
        assert_eq!(refused.hint.unwrap(), "its targets in the relay's settings are: cap:ops");
    }
}
