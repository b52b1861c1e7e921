//! Ids: of agents (text) and of messages, events and tokens (numbers that only grow).

use std::{
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};
use sha2::{Digest as _, Sha256};

/// The largest number that JSON readers keep exactly (2^53 - 1).
pub const MAX_NUMBER: i64 = (1 << 53) - 1;

/// Words that no agent may have as its id: addresses, built-in agents, path segments.
pub const RESERVED: &[&str] = &[
    "admin",
    "agent",
    "all",
    "anonymous",
    "any",
    "broadcast",
    "cap",
    "channel",
    "cursor",
    "everyone",
    "find",
    "human",
    "id",
    "integration",
    "label",
    "machine",
    "me",
    "nobody",
    "none",
    "null",
    "operator",
    "relay",
    "root",
    "self",
    "system",
    "tag",
    "unknown",
    "user",
];

/// Why a text is no id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Wrong characters or length.
    #[error("must be 1 to 128 letters, digits, `.`, `_` or `-`, and start with a letter or digit")]
    Shape,
    /// A word that means something else.
    #[error("`{0}` is a reserved word")]
    Reserved(String),
    /// Not a number in canonical decimal form within 1..2^53.
    #[error("must be a whole number from 1 to 9007199254740991")]
    Number,
    /// Not a pair's id.
    #[error("must be `p` and five letters or digits, such as p7f3k2")]
    Pair,
}

/// An agent's id: `[A-Za-z0-9][A-Za-z0-9._-]{0,127}`, shown as it was given, compared without case.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct AgentId(#[schemars(pattern(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"))] String);

impl AgentId {
    /// The operator: built in, addressable, never reaped.
    pub fn human() -> Self {
        Self("human".into())
    }

    /// The relay itself.
    pub fn system() -> Self {
        Self("system".into())
    }

    /// The deterministic id of a session: `{hostname}-{project}-{session-hash}`, cut to fit.
    pub fn of_session(hostname: &str, project: &str, session: &str) -> Self {
        let digest = Sha256::digest(format!("{hostname}\0{project}\0{session}"));
        let hash = crate::token::hex(&digest[..4]);
        let mut parts: Vec<String> = [(hostname, 48), (project, 48)]
            .into_iter()
            .map(|(part, most)| slugged(part, most))
            .filter(|part| !part.is_empty())
            .collect();
        parts.push(hash);
        Self(parts.join("-"))
    }

    /// The id as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form in which two ids are compared.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// True for `human`.
    pub fn is_human(&self) -> bool {
        self.0.eq_ignore_ascii_case("human")
    }

    /// True for `system`.
    pub fn is_system(&self) -> bool {
        self.0.eq_ignore_ascii_case("system")
    }

    /// Refuses the words that no agent may register.
    pub fn check_unreserved(&self) -> Result<(), IdError> {
        let folded = self.folded();
        match RESERVED.binary_search(&folded.as_str()) {
            Ok(_) => Err(IdError::Reserved(folded)),
            Err(_) => Ok(()),
        }
    }
}

fn slugged(part: &str, most: usize) -> String {
    let part: String = part
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_') { c } else { '-' })
        .collect();
    let part = part.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    part.chars().take(most).collect::<String>().trim_end_matches(['-', '.', '_']).to_owned()
}

impl FromStr for AgentId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        match text.as_bytes() {
            [first, rest @ ..]
                if first.is_ascii_alphanumeric()
                    && rest.len() <= 127
                    && rest.iter().all(|b| inner(*b)) =>
            {
                Ok(Self(text.to_owned()))
            }
            _ => Err(IdError::Shape),
        }
    }
}

impl PartialEq for AgentId {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}
impl Eq for AgentId {}
impl PartialOrd for AgentId {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for AgentId {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let lower = |id: &Self| id.0.bytes().map(|b| b.to_ascii_lowercase()).collect::<Vec<_>>();
        lower(self).cmp(&lower(other))
    }
}
impl Hash for AgentId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for byte in self.0.bytes() {
            state.write_u8(byte.to_ascii_lowercase());
        }
        state.write_u8(0xff);
    }
}
impl fmt::Display for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl<'de> Deserialize<'de> for AgentId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(#[schemars(range(min = 1, max = 9_007_199_254_740_991_i64))] pub i64);

        impl FromStr for $name {
            type Err = IdError;
            /// Accepts the canonical decimal form only: no sign, no leading zero.
            fn from_str(text: &str) -> Result<Self, IdError> {
                let canonical = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
                match text.parse::<i64>() {
                    Ok(number) if canonical && number <= MAX_NUMBER => Ok(Self(number)),
                    _ => Err(IdError::Number),
                }
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { write!(f, "{}", self.0) }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let number = i64::deserialize(deserializer)?;
                if (1..=MAX_NUMBER).contains(&number) {
                    Ok(Self(number))
                } else {
                    Err(de::Error::custom(IdError::Number))
                }
            }
        }
    };
}

number! {
    /// A message's id, which is the sequence number of its own `message.new` event.
    MessageId
}
number! {
    /// A scoped token's id.
    TokenId
}
number! {
    /// A task's id, which is the sequence number of its own `task.created` event.
    TaskId
}
number! {
    /// A callback's id, which is the sequence number of the task event that it tells of.
    CallbackId
}

/// A pair's id: `p` and five letters or digits that nobody confuses, short enough to type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct PairId(#[schemars(pattern(r"^p[0-9a-hjkmnp-tv-z]{5}$"))] String);

impl PairId {
    /// The 32 letters and digits of an id (Crockford's, in lower case).
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

    /// The id that four random bytes make.
    pub fn from_random(random: [u8; 4]) -> Self {
        let bits = u32::from_be_bytes(random);
        let letter = |n: u32| char::from(Self::ALPHABET[(bits >> (5 * n)) as usize & 31]);
        Self(std::iter::once('p').chain((0..5).map(letter)).collect())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PairId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let text = text.to_ascii_lowercase();
        let fits = text.len() == 6
            && text.starts_with('p')
            && text.bytes().skip(1).all(|b| Self::ALPHABET.contains(&b));
        if fits { Ok(Self(text)) } else { Err(IdError::Pair) }
    }
}
impl fmt::Display for PairId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl<'de> Deserialize<'de> for PairId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// An event's sequence number; as a cursor, 0 stands before the first event.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(transparent)]
pub struct Seq(pub i64);

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl FromStr for Seq {
    type Err = IdError;

    /// Any canonical decimal from 0 to `i64::MAX`: a cursor from the future is merely quiet.
    fn from_str(text: &str) -> Result<Self, IdError> {
        let canonical =
            text == "0" || (text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0'));
        match text.parse::<i64>() {
            Ok(number) if canonical => Ok(Self(number)),
            _ => Err(IdError::Number),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_reserved_words_are_sorted_for_the_search() {
        assert!(RESERVED.is_sorted());
        assert!("Human".parse::<AgentId>().unwrap().check_unreserved().is_err());
        assert!("humane".parse::<AgentId>().unwrap().check_unreserved().is_ok());
    }

    #[test]
    fn agent_ids_have_a_shape() {
        let long = "a".repeat(128);
        for good in ["a", "A.b_c-9", "9", long.as_str()] {
            assert_eq!(good.parse::<AgentId>().unwrap().as_str(), good);
        }
        let longer = "a".repeat(129);
        for bad in ["", "-a", ".a", "a/../b", "a b", "a\nb", "ä", "a:b", longer.as_str()] {
            assert_eq!(bad.parse::<AgentId>(), Err(IdError::Shape), "{bad:?}");
        }
    }

    #[test]
    fn numbers_have_one_spelling() {
        assert_eq!("42".parse::<MessageId>(), Ok(MessageId(42)));
        for bad in
            ["", "0", "-1", "+1", "0001", "1e3", "9007199254740992", "9223372036854775808", "nope"]
        {
            assert_eq!(bad.parse::<MessageId>(), Err(IdError::Number), "{bad:?}");
        }
        assert_eq!("0".parse::<Seq>(), Ok(Seq(0)));
        assert_eq!("9223372036854775807".parse::<Seq>(), Ok(Seq(i64::MAX)));
        assert!("abc".parse::<Seq>().is_err());
    }

    #[test]
    fn pair_ids_are_short_and_read_back() {
        let id = PairId::from_random([0xde, 0xad, 0xbe, 0xef]);
        assert_eq!(id.to_string().to_uppercase().parse::<PairId>(), Ok(id));
        assert!("p7f3k2".parse::<PairId>().is_ok());
        for bad in ["", "p", "nope", "p7f3k", "p7f3k22", "q7f3k2", "p7f3kl", "p7f3k\u{e9}"] {
            assert_eq!(bad.parse::<PairId>(), Err(IdError::Pair), "{bad:?}");
        }
    }

    #[test]
    fn a_session_has_one_id() {
        let id = AgentId::of_session("My Mac.local", "~/src/web app", "s-1");
        assert_eq!(id, AgentId::of_session("My Mac.local", "~/src/web app", "s-1"));
        assert!(id.as_str().starts_with("My-Mac.local-src-web-app-"), "{id}");
        assert_ne!(id, AgentId::of_session("My Mac.local", "~/src/web app", "s-2"));
    }

    proptest! {
        #[test]
        fn session_ids_are_always_valid(host in ".{0,80}", project in ".{0,200}", session in ".{0,80}") {
            let id = AgentId::of_session(&host, &project, &session);
            prop_assert_eq!(id.as_str().parse::<AgentId>().unwrap(), id);
        }

        #[test]
        fn ids_are_compared_without_case(text in "[A-Za-z0-9][A-Za-z0-9._-]{0,20}") {
            let a: AgentId = text.parse().unwrap();
            let b: AgentId = text.to_ascii_uppercase().parse().unwrap();
            prop_assert_eq!(&a, &b);
            prop_assert_eq!(a.cmp(&b), std::cmp::Ordering::Equal);
            prop_assert_eq!(a.folded(), b.folded());
        }
    }
}
