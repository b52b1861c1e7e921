//! Tokens: how they look, and that only their digest is kept.
//!
//! A token reads `arl_<kind>_<base62>_<checksum>`: 256 random bits in 43 characters, and the CRC-32
//! of all before it in 6, so that a scanner of leaked secrets recognises one without asking.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// What a token is for; it shows in its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An agent's own, from its registration.
    Agent,
    /// A scoped one, made at run time.
    Scoped,
    /// The operator's, from the 0600 file that `serve` writes.
    Operator,
    /// One for `AGENT_RELAY_TOKEN`.
    Relay,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Scoped => "scoped",
            Self::Operator => "operator",
            Self::Relay => "relay",
        }
    }
}

/// Writes a token of 256 random bits.
pub fn mint(kind: Kind, random: [u8; 32]) -> String {
    let head = format!("arl_{}_{}", kind.word(), base62(&random, 43));
    let sum = crc32fast::hash(head.as_bytes()).to_be_bytes();
    format!("{head}_{}", base62(&sum, 6))
}

/// True when the text has a token's form and its checksum is right.
pub fn is_well_formed(token: &str) -> bool {
    let Some((head, sum)) = token.rsplit_once('_') else { return false };
    head.starts_with("arl_") && base62(&crc32fast::hash(head.as_bytes()).to_be_bytes(), 6) == sum
}

fn base62(bytes: &[u8], width: usize) -> String {
    let mut number = bytes.to_vec();
    let mut digits = Vec::with_capacity(width);
    for _ in 0..width {
        let mut rest = 0_u32;
        for byte in &mut number {
            let value = (rest << 8) | u32::from(*byte);
            *byte = (value / 62) as u8;
            rest = value % 62;
        }
        digits.push(ALPHABET[rest as usize]);
    }
    digits.reverse();
    digits.into_iter().map(char::from).collect()
}

/// Lowercase hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |b: u8| char::from(DIGITS[usize::from(b)]);
    bytes.iter().flat_map(|b| [digit(b >> 4), digit(b & 15)]).collect()
}

/// The SHA-256 of a token: what is stored and compared.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(String);

impl Digest {
    /// The digest of a token.
    pub fn of(token: &str) -> Self {
        Self(hex(&Sha256::digest(token)))
    }

    /// A digest as it came from storage.
    pub fn from_stored(hex: String) -> Self {
        Self(hex)
    }

    /// The hexadecimal text, for storage.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Compares in a time that does not tell where the difference is.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_what_it_is_and_carries_its_checksum() {
        let token = mint(Kind::Agent, [7; 32]);
        assert!(token.starts_with("arl_agent_"));
        assert!(is_well_formed(&token));
        assert!(!is_well_formed(&token.replace("agent", "relay")));
        assert_eq!(mint(Kind::Scoped, [0; 32]).len(), "arl_scoped_".len() + 43 + 1 + 6);
    }

    #[test]
    fn every_random_bit_counts() {
        let mut low = [0xff; 32];
        low[31] = 0xfe;
        assert_ne!(mint(Kind::Agent, [0xff; 32]), mint(Kind::Agent, low));
        let mut high = [0xff; 32];
        high[0] = 0x7f;
        assert_ne!(mint(Kind::Agent, [0xff; 32]), mint(Kind::Agent, high));
    }

    #[test]
    fn a_digest_does_not_print() {
        assert_eq!(format!("{:?}", Digest::of("secret")), "Digest(…)");
        assert!(Digest::of("secret").matches(&Digest::of("secret")));
        assert!(!Digest::of("secret").matches(&Digest::of("secre")));
    }
}
