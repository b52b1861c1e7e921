//! Callers: who asks, and what the route table lets them ask.

use std::sync::Arc;

use crate::{
    api::route::Route,
    error::{Code, Refused},
    id::{AgentId, TokenId},
    identity::Mode,
    integration::Integration,
    scope::Scope,
};

/// Who asks, as its token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// No token, on a relay that asks for none.
    Anonymous,
    /// `AGENT_RELAY_TOKEN`: everything, but it is nobody in particular.
    Full,
    /// The operator's token: everything, and it speaks for `human`.
    Operator,
    /// A scoped token made at run time.
    Scoped {
        /// Which.
        id: TokenId,
        /// What it allows.
        scopes: Vec<Scope>,
    },
    /// An integration's token: it acts within what its settings allow.
    Integration(Arc<Integration>),
    /// An agent's own token: it acts for that agent only.
    Agent(AgentId),
}

/// What an agent's own token allows; to its own mail and itself the handlers narrow it.
const AGENT_SCOPES: &[Scope] = &[
    Scope::AgentsRead,
    Scope::AgentsWrite,
    Scope::MessagesRead,
    Scope::MessagesWrite,
    Scope::PairsRead,
    Scope::PairsWrite,
    Scope::TasksRead,
    Scope::TasksWrite,
    Scope::EventsRead,
    Scope::ChannelsRead,
    Scope::StatsRead,
    Scope::HealthRead,
];

impl Caller {
    /// True when the caller has the scope.
    pub fn has(&self, scope: Scope) -> bool {
        match self {
            Self::Anonymous | Self::Full | Self::Operator => true,
            Self::Scoped { scopes, .. } => covers(scopes, scope),
            Self::Integration(integration) => covers(&integration.scopes, scope),
            Self::Agent(_) => AGENT_SCOPES.contains(&scope),
        }
    }

    /// Refuses what none of the route's scopes allow this caller, and what is not for it at all:
    /// the ingress takes a token, on a relay that asks for none too; an integration does no work.
    pub fn check(&self, route: &Route) -> Result<(), Refused> {
        let scopes = route.scopes();
        let Some(first) = scopes.first() else { return Ok(()) };
        if scopes.iter().any(|scope| self.has(*scope)) {
            return match self {
                Self::Anonymous if *route == Route::PostEvent => Err(no_source()),
                Self::Integration(integration) => integration.check_route(route),
                _ => Ok(()),
            };
        }
        let who = match self {
            Self::Agent(id) => format!("the token of agent `{id}`"),
            Self::Integration(integration) => format!("the integration `{}`", integration.name),
            _ => "this token".to_owned(),
        };
        let hint = match self {
            Self::Integration(_) => format!("add {first} to its scopes in the relay's settings"),
            _ => format!(
                "ask the operator for a token with it; in a terminal that has not joined: \
                 agent-relay token create NAME --scope {first}"
            ),
        };
        Err(Refused::new(Code::ForbiddenScope, format!("{who} lacks the scope {first}"))
            .hint(hint)
            .with(serde_json::json!({ "scope": first })))
    }

    /// The agent whose own token this is; the operator's is `human`'s.
    pub fn agent(&self) -> Option<AgentId> {
        match self {
            Self::Agent(id) => Some(id.clone()),
            Self::Operator => Some(AgentId::human()),
            Self::Integration(integration) => Some(integration.name.clone()),
            Self::Anonymous | Self::Full | Self::Scoped { .. } => None,
        }
    }

    /// The integration whose token this is.
    pub fn integration(&self) -> Option<&Integration> {
        match self {
            Self::Integration(integration) => Some(integration),
            _ => None,
        }
    }

    /// The agent or integration to whose own things the caller is narrowed; `None` for those who
    /// see everything that their scopes allow.
    pub fn narrowed_to(&self) -> Option<&AgentId> {
        match self {
            Self::Agent(id) => Some(id),
            Self::Integration(integration) => Some(&integration.name),
            _ => None,
        }
    }

    /// Decides whether the caller may act as `agent`, and whether that is proven.
    ///
    /// Refuses with `sender_mismatch` another agent's token, and in strict mode everybody without
    /// the agent's own; `system` speaks for itself only.
    pub fn speak_for(&self, agent: &AgentId, mode: Mode) -> Result<Verified, Refused> {
        if agent.is_system() {
            return Err(Refused::new(Code::ReservedId, "`system` is the relay itself")
                .hint("act as an agent, or as `human`"));
        }
        match self {
            Self::Agent(own) if own == agent => Ok(Verified(true)),
            Self::Agent(own) => Err(Refused::new(
                Code::SenderMismatch,
                format!("this is the token of `{own}`, not of `{agent}`"),
            )
            .hint("act as the agent whose token it is, or send the other's own token")),
            Self::Integration(own) if own.name == *agent => Ok(Verified(true)),
            Self::Integration(own) => Err(Refused::new(
                Code::SenderMismatch,
                format!("the integration `{}` does not act as `{agent}`", own.name),
            )
            .hint("what an integration sends is from its own name; leave the sender out")),
            Self::Operator if agent.is_human() => Ok(Verified(true)),
            _ if mode == Mode::Mark => Ok(Verified(false)),
            _ => Err(Refused::new(
                Code::SenderMismatch,
                format!("identity is strict: acting as `{agent}` takes its own token"),
            )
            .hint(if agent.is_human() {
                "use the operator's token, which `agent-relay serve` wrote on the relay's machine"
            } else {
                "send the token that its registration returned"
            })),
        }
    }

    /// Refuses an agent, or an integration, that reaches for another's things.
    pub fn check_own(&self, agent: &AgentId, what: &str) -> Result<(), Refused> {
        let hint = match self {
            Self::Agent(_) => "an agent's token is for its own things; send that agent's own token",
            _ => "an integration's token is for its own things",
        };
        match self.narrowed_to() {
            Some(own) if own != agent => {
                Err(Refused::new(Code::Forbidden, format!("`{own}` may not {what} of `{agent}`"))
                    .hint(hint))
            }
            _ => Ok(()),
        }
    }
}

/// The refusal for an event that comes without a token: it would have no source.
pub fn no_source() -> Refused {
    Refused::new(Code::Unauthorized, "an event needs an integration's token").hint(
        "configure the integration in AGENT_RELAY_INTEGRATIONS, and send its token as \
         `Authorization: Bearer TOKEN`",
    )
}

fn covers(scopes: &[Scope], scope: Scope) -> bool {
    scopes.iter().any(|own| *own == Scope::All || *own == scope)
}

/// Whether an action is proven to come from the agent it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified(pub bool);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        id::{MessageId, TaskId},
        integration::Allowed,
    };

    fn id(text: &str) -> AgentId {
        text.parse().unwrap()
    }

    fn integration(scopes: &[Scope]) -> Caller {
        Caller::Integration(Arc::new(Integration {
            name: id("ops"),
            scopes: scopes.to_vec(),
            targets: Allowed::Any,
            channels: Allowed::Any,
        }))
    }

    #[test]
    fn who_speaks_for_whom() {
        let scoped = Caller::Scoped { id: TokenId(1), scopes: vec![Scope::All] };
        let a = Caller::Agent(id("a"));
        let says = |caller: &Caller, agent: &str, mode| {
            caller.speak_for(&id(agent), mode).map(|v| v.0).map_err(|r| r.code)
        };
        for mode in [Mode::Mark, Mode::Strict] {
            assert_eq!(says(&a, "A", mode), Ok(true));
            assert_eq!(says(&a, "b", mode), Err(Code::SenderMismatch));
            assert_eq!(says(&a, "human", mode), Err(Code::SenderMismatch));
            assert_eq!(says(&Caller::Operator, "human", mode), Ok(true));
            assert_eq!(says(&Caller::Full, "system", mode), Err(Code::ReservedId));
        }
        for caller in [&Caller::Anonymous, &Caller::Full, &scoped] {
            assert_eq!(says(caller, "human", Mode::Mark), Ok(false), "{caller:?}");
            assert_eq!(says(caller, "a", Mode::Strict), Err(Code::SenderMismatch), "{caller:?}");
        }
        assert_eq!(says(&Caller::Operator, "a", Mode::Mark), Ok(false));
        let ops = integration(&[Scope::All]);
        assert_eq!(says(&ops, "OPS", Mode::Strict), Ok(true));
        assert_eq!(says(&ops, "a", Mode::Mark), Err(Code::SenderMismatch));
        assert_eq!(says(&ops, "human", Mode::Mark), Err(Code::SenderMismatch));
    }

    #[test]
    fn who_is_narrowed_to_its_own_things() {
        let check = |caller: &Caller, of: &str| caller.check_own(&id(of), "read the mail").is_ok();
        assert!(check(&Caller::Agent(id("a")), "A") && !check(&Caller::Agent(id("a")), "b"));
        let ops = integration(&[Scope::All]);
        assert!(check(&ops, "Ops") && !check(&ops, "a"));
        assert!(check(&Caller::Full, "a") && check(&Caller::Anonymous, "a"));
    }

    #[test]
    fn an_event_takes_a_token_everywhere() {
        let code = |caller: &Caller| caller.check(&Route::PostEvent).err().map(|r| r.code);
        assert_eq!(code(&Caller::Anonymous), Some(Code::Unauthorized));
        assert_eq!(Caller::Anonymous.check(&Route::CreateTask), Ok(()));
        for scope in [Scope::TasksCreate, Scope::EventsCreate, Scope::TasksWrite, Scope::All] {
            assert_eq!(code(&integration(&[scope])), None, "{scope}");
        }
        assert_eq!(code(&integration(&[])), Some(Code::ForbiddenScope));
        assert_eq!(code(&integration(&[Scope::TasksRead])), Some(Code::ForbiddenScope));
        assert_eq!(code(&Caller::Agent(id("a"))), None);
    }

    #[test]
    fn an_integration_does_no_work_and_administers_nothing_whatever_its_scopes() {
        let code = |route: Route| integration(&[Scope::All]).check(&route).err().map(|r| r.code);
        for shut in [
            Route::RegisterAgent,
            Route::Heartbeat(id("a")),
            Route::ClaimMessage(MessageId(1)),
            Route::ClaimTask(TaskId(1)),
            Route::InvitePair,
            Route::CreateToken,
        ] {
            assert_eq!(code(shut.clone()), Some(Code::Forbidden), "{shut}");
        }
        for open in [Route::PostEvent, Route::UpdateTask(TaskId(1)), Route::SendMessage] {
            assert_eq!(code(open.clone()), None, "{open}");
        }
    }

    #[test]
    fn scopes_open_their_routes_only() {
        let reader = Caller::Scoped { id: TokenId(1), scopes: vec![Scope::StatsRead] };
        assert!(reader.check(&Route::Stats).is_ok());
        assert_eq!(reader.check(&Route::ListAgents).unwrap_err().code, Code::ForbiddenScope);
        assert_eq!(reader.check(&Route::OpenApi), Ok(()), "needs none");
        assert_eq!(
            Caller::Agent(id("a")).check(&Route::CreateToken).unwrap_err().code,
            Code::ForbiddenScope
        );
    }
}
