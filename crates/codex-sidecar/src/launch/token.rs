//! The token that opens an app-server: whoever has it can do what its user can.

use std::fmt;

use relay_core::token::hex;
use sha2::{Digest as _, Sha256};

/// 256 random bits, in hex.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// A new one.
    pub fn random() -> Self {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
        Self(hex(&bytes))
    }

    /// What clients send.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Its SHA-256 digest in hex, which may stand on a command line.
    pub fn digest(&self) -> String {
        hex(&Sha256::digest(&self.0))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_never_shown_and_no_two_are_equal() {
        let (one, other) = (Token::random(), Token::random());
        assert_ne!(one.text(), other.text());
        assert_eq!((one.text().len(), one.digest().len()), (64, 64));
        assert_ne!(one.text(), one.digest());
        assert_eq!(format!("{one:?}"), "…");
        let known = Token("abc".into());
        assert!(known.digest().starts_with("ba7816bf8f01cfea"));
    }
}
