//! Texts that nobody else has made.

use relay_core::text::{Key, Line};

/// An idempotency key of 128 random bits.
pub(crate) fn key() -> Key {
    name("once").parse().expect("printable ASCII")
}

/// A name for this process, told from every other that ever spoke for the same agent.
pub(crate) fn instance() -> Line {
    name("p").parse().expect("one line")
}

fn name(prefix: &str) -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    let number = u128::from_be_bytes(bytes);
    format!("{prefix}-{number:032x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_names_are_equal() {
        assert_ne!(key(), key());
        assert_eq!(instance().len(), 34);
    }
}
