//! Who may take an agent's id, and with what token.
//!
//! An id has one owner, the first to register it. Whoever takes it while the owner is away gets a
//! guest's token, which ends when the owner returns with the first one.

use std::str::FromStr;

use crate::{
    agent::Agent,
    error::{Code, Refused},
    text::{Line, TextError},
    token::Digest,
};

/// How much an unproven sender is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// The unproven may act, and is shown as such.
    #[default]
    Mark,
    /// The unproven is refused, and so is every takeover.
    Strict,
}

impl FromStr for Mode {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        match text {
            "mark" => Ok(Self::Mark),
            "strict" => Ok(Self::Strict),
            _ => Err(TextError("must be mark or strict".into())),
        }
    }
}

/// The tokens under which an id answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// The first token; it always wins.
    pub owner: Digest,
    /// The token of who took the id while the owner was away.
    pub guest: Option<Digest>,
}

/// What the caller's own token says about the id it wants to register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Nothing.
    None,
    /// It is the owner.
    Owner,
    /// It is the guest who holds the id now.
    Guest,
    /// It may do everything here.
    Full,
}

impl Credential {
    /// What a token proves about this id.
    pub fn proof(&self, digest: &Digest) -> Proof {
        if self.owner.matches(digest) {
            Proof::Owner
        } else if self.guest.as_ref().is_some_and(|guest| guest.matches(digest)) {
            Proof::Guest
        } else {
            Proof::None
        }
    }
}

/// What a registration is allowed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// The id is free: a new agent with a new token.
    Create,
    /// The same process says more about itself.
    Update,
    /// A new process of the same owner: the epoch rises.
    Replace,
    /// Somebody else takes the id: the epoch rises, a guest's token is made.
    TakeOver,
    /// The owner returns: the epoch rises, the guest's token ends.
    Reclaim,
}

/// Decides what a registration may do. `holder` is the agent registered under the id, if any, with
/// whether a guest holds it now.
///
/// Refuses with `agent_id_taken` whoever cannot prove to be a live agent, and, in strict mode,
/// whoever cannot prove to be an offline one.
pub fn decide(
    holder: Option<(&Agent, &Credential)>,
    proof: Proof,
    instance: Option<&Line>,
    mode: Mode,
) -> Result<Grant, Refused> {
    let Some((agent, credential)) = holder else { return Ok(Grant::Create) };
    let new_process = instance.is_some() && instance != agent.instance_id.as_ref();
    match proof {
        Proof::Owner if credential.guest.is_some() => Ok(Grant::Reclaim),
        Proof::Owner | Proof::Guest if new_process => Ok(Grant::Replace),
        Proof::Full if new_process => Ok(Grant::TakeOver),
        Proof::Owner | Proof::Guest | Proof::Full => Ok(Grant::Update),
        Proof::None if !agent.is_live() && mode == Mode::Mark => Ok(Grant::TakeOver),
        Proof::None => Err(taken(agent)),
    }
}

/// The refusal for who cannot prove to be this agent.
pub fn taken(agent: &Agent) -> Refused {
    let state =
        if agent.is_live() { "registered and live" } else { "registered, and identity is strict" };
    Refused::new(Code::AgentIdTaken, format!("`{}` is {state}", agent.id))
        .hint("register with the token of its first registration, or choose another id")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        agent::{Status, tests::agent},
        time::Timestamp,
    };

    #[test]
    fn who_may_register_what() {
        let live = agent("a");
        let mut offline = agent("a");
        offline.be(Status::Offline, Timestamp(2_000));
        let alone = Credential { owner: Digest::of("one"), guest: None };
        let shared = Credential { owner: Digest::of("one"), guest: Some(Digest::of("two")) };
        let p2: Line = "p2".parse().unwrap();
        let check = |agent: &Agent,
                     credential: &Credential,
                     proof,
                     instance,
                     mode,
                     expected: Option<Grant>| {
            let decided = decide(Some((agent, credential)), proof, instance, mode);
            assert_eq!(decided.ok(), expected, "{proof:?} {instance:?} {mode:?} {}", agent.status);
        };
        let (mark, strict) = (Mode::Mark, Mode::Strict);
        assert_eq!(decide(None, Proof::None, None, strict), Ok(Grant::Create));
        for mode in [mark, strict] {
            check(&live, &alone, Proof::None, None, mode, None);
            check(&live, &alone, Proof::Owner, None, mode, Some(Grant::Update));
            check(&live, &alone, Proof::Owner, Some(&p2), mode, Some(Grant::Replace));
            check(&live, &shared, Proof::Owner, None, mode, Some(Grant::Reclaim));
            check(&live, &shared, Proof::Guest, Some(&p2), mode, Some(Grant::Replace));
            check(&live, &alone, Proof::Full, None, mode, Some(Grant::Update));
            check(&live, &alone, Proof::Full, Some(&p2), mode, Some(Grant::TakeOver));
            check(&offline, &alone, Proof::Owner, None, mode, Some(Grant::Update));
        }
        check(&offline, &alone, Proof::None, None, mark, Some(Grant::TakeOver));
        check(&offline, &alone, Proof::None, None, strict, None);
    }
}
