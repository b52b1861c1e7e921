//! What text may contain where it means something: words, slugs, labels, names.
//!
//! Bodies are free text (only NUL is refused). What is compared, typed or printed in a header may
//! not hold characters that hide, reorder or break the line they stand on.

use std::{fmt, ops::Deref, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a text was not accepted, as a lowercase fragment that follows the field's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TextError(pub String);

/// True for characters that hide or reorder text: controls, bidi marks, zero-width characters,
/// line and paragraph separators, soft hyphen and the byte order mark.
pub fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
            | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}')
}

/// Removes what could move a cursor or hide text on a terminal: C0 and C1 controls but tab and
/// newline, and bidi overrides.
pub fn printable(text: &str) -> String {
    text.chars().filter(|c| matches!(c, '\n' | '\t') || !is_deceptive(*c)).collect()
}

fn check(text: &str, most: usize) -> Result<(), TextError> {
    if text.is_empty() {
        return Err(TextError("must not be empty".into()));
    }
    if text.chars().nth(most).is_some() {
        return Err(TextError(format!("is longer than {most} characters")));
    }
    match text.chars().find(|c| is_deceptive(*c)) {
        Some(c) => {
            Err(TextError(format!("holds the invisible or control character U+{:04X}", c as u32)))
        }
        None => Ok(()),
    }
}

/// What is written and read as its text.
macro_rules! as_text {
    ($type:ty) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use as_text;

macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $most:literal, $pattern:expr, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        #[schemars(extend("minLength" = 1, "maxLength" = $most, "pattern" = $pattern))]
        pub struct $name(String);

        impl $name {
            /// The text as it was given, trimmed where the type trims.
            pub fn as_str(&self) -> &str { &self.0 }
        }
        impl FromStr for $name {
            type Err = TextError;
            fn from_str(text: &str) -> Result<Self, TextError> {
                let check: fn(&str) -> Result<String, TextError> = $check;
                check(text).map(Self)
            }
        }
        impl TryFrom<String> for $name {
            type Error = TextError;
            fn try_from(text: String) -> Result<Self, TextError> { text.parse() }
        }
        impl From<$name> for String {
            fn from(text: $name) -> String { text.0 }
        }
        impl Deref for $name {
            type Target = str;
            fn deref(&self) -> &str { &self.0 }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }
    };
}

text_type! {
    /// A tag, capability, channel or machine name: 1 to 64 visible characters without white space,
    /// `:` and `,`. Compared exactly.
    Word, 64, r"^[^\s:,]+$", |text| {
        check(text, 64)?;
        match text.chars().find(|c| c.is_whitespace() || matches!(c, ':' | ',')) {
            Some(c) => Err(TextError(format!("must not contain {c:?}"))),
            None => Ok(text.to_owned()),
        }
    }
}

text_type! {
    /// A lowercase identifier such as a provider or a message kind: `[a-z0-9][a-z0-9_-]{0,63}`.
    Slug, 64, r"^[a-z0-9][a-z0-9_-]{0,63}$", |text| {
        check(text, 64)?;
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        if text.starts_with(good) && text.chars().all(|c| good(c) || matches!(c, '_' | '-')) {
            Ok(text.to_owned())
        } else {
            Err(TextError("must be lowercase letters, digits, `-` and `_`, and start with a letter or digit".into()))
        }
    }
}

text_type! {
    /// What people call an agent: 1 to 128 characters, trimmed, compared without case.
    Label, 128, r"\S", |text| {
        let text = text.trim();
        check(text, 128)?;
        Ok(text.to_owned())
    }
}

impl Label {
    /// The form in which two labels are compared.
    pub fn folded(&self) -> String {
        self.0.to_lowercase()
    }
}

text_type! {
    /// One line of plain text of up to 200 characters: names, projects, subjects, details. Emoji may
    /// carry the mark that says how they are drawn.
    Line, 200, r"\S", |text| {
        let text = text.trim();
        check(&text.replace(['\u{FE0E}', '\u{FE0F}'], ""), 200)?;
        Ok(text.to_owned())
    }
}

text_type! {
    /// A few lines of text of up to 2,000 characters: what a pair is for.
    Note, 2000, r"\S", |text| {
        let text = text.trim();
        check(&text.replace(['\n', '\t'], " "), 2000)?;
        Ok(text.to_owned())
    }
}

text_type! {
    /// A file system path of up to 1,024 characters.
    Folder, 1024, r"\S", |text| { check(text, 1024)?; Ok(text.to_owned()) }
}

text_type! {
    /// An idempotency key: 1 to 255 printable ASCII characters.
    Key, 255, r"^[\x20-\x7e]{1,255}$", |text| {
        check(text, 255)?;
        if text.bytes().all(|b| (0x20..=0x7e).contains(&b)) {
            Ok(text.to_owned())
        } else {
            Err(TextError("must be printable ASCII".into()))
        }
    }
}

text_type! {
    /// What makes two reports the same task: 1 to 256 characters on a line. Compared exactly.
    DedupeKey, 256, r"\S", |text| {
        check(text, 256)?;
        if text.trim().is_empty() {
            return Err(TextError("must not be empty".into()));
        }
        Ok(text.to_owned())
    }
}

text_type! {
    /// The text of a message: 1 byte to 64 KiB of UTF-8, any characters but NUL.
    Body, 65536, r"(?s).", |text| {
        if text.is_empty() {
            return Err(TextError("must not be empty".into()));
        }
        if text.len() > Body::MOST_BYTES {
            return Err(TextError("is longer than 64 KiB".into()));
        }
        if text.contains('\0') {
            return Err(TextError("holds the character U+0000".into()));
        }
        Ok(text.to_owned())
    }
}

impl Body {
    /// The most bytes a body may have.
    pub const MOST_BYTES: usize = 64 * 1024;

    /// What stands in the place of a deleted body.
    pub fn blank() -> Self {
        Self(String::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused<T: FromStr<Err = TextError> + fmt::Debug>(texts: &[&str]) {
        for text in texts {
            assert!(text.parse::<T>().is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn words_have_no_separators_and_nothing_hidden() {
        refused::<Word>(&["", "a b", "cap:x", "a,b", "a\nb", "ad\u{200b}min", &"x".repeat(65)]);
        assert_eq!("Rust-2024".parse::<Word>().unwrap().as_str(), "Rust-2024");
    }

    #[test]
    fn labels_are_trimmed_and_compared_without_case() {
        refused::<Label>(&["", "   ", "admin\u{202e}nekcab", "a\u{7}b", &"x".repeat(129)]);
        let label: Label = "  Backend Änderung ".parse().unwrap();
        assert_eq!(label.as_str(), "Backend Änderung");
        assert_eq!(label.folded(), "BACKEND ÄNDERUNG".parse::<Label>().unwrap().folded());
        assert!(
            "<img src=x onerror=alert(1)>".parse::<Label>().is_ok(),
            "shown as text, so harmless"
        );
    }

    #[test]
    fn lines_may_have_emoji_and_nothing_else_that_hides() {
        refused::<Line>(&["", " ", "\u{fe0f}", "a\nb", "a\u{200b}b", "a\u{202e}b"]);
        assert_eq!("Disk full \u{26a0}\u{fe0f}".parse::<Line>().unwrap().chars().count(), 12);
    }

    #[test]
    fn slugs_and_keys_are_ascii() {
        refused::<Slug>(&["", "Chat", "-a", "a b", "ä"]);
        refused::<Key>(&["", "a\tb", "ä", &"k".repeat(256)]);
        assert!("k y~".parse::<Key>().is_ok());
    }

    #[test]
    fn what_makes_tasks_the_same_is_taken_as_it_is() {
        refused::<DedupeKey>(&["", " ", "a\nb", "a\u{202e}b", &"k".repeat(257)]);
        for key in ["disk:/var on db-1", " Größe ", &"ü".repeat(256)] {
            assert_eq!(key.parse::<DedupeKey>().unwrap().as_str(), key);
        }
    }

    #[test]
    fn bodies_keep_everything_but_nul() {
        refused::<Body>(&["", "a\0b", &"x".repeat(64 * 1024 + 1)]);
        assert_eq!("\u{1b}]52;c;x\u{7}".parse::<Body>().unwrap().as_str(), "\u{1b}]52;c;x\u{7}");
    }

    #[test]
    fn printing_strips_what_moves_the_cursor() {
        assert_eq!(printable("a\u{1b}[2Jb\u{202e}c\n\td"), "a[2Jbc\n\td");
    }
}
