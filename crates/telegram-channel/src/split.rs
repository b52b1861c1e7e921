//! Cutting a text into parts that Telegram takes.
//!
//! Telegram counts UTF-16 code units. A part ends where a reader would pause: after a paragraph,
//! else a line, else a word; never inside what one sees as one character, unless that alone is
//! longer than a part. Nothing is added or left out: the parts put together are the text.

use unicode_segmentation::UnicodeSegmentation as _;

/// The most UTF-16 code units of one message.
pub const MOST_UNITS: usize = 4096;

/// How long Telegram counts a text.
pub fn units(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// Cuts a text into parts of at most `most` code units. An empty text is one empty part.
///
/// `most` is 2 or more, so that every character fits.
pub fn split(text: &str, most: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(end) = overflow(rest, most) {
        let (part, after) = rest.split_at(cut(&rest[..end], most));
        parts.push(part);
        rest = after;
    }
    if !rest.is_empty() || parts.is_empty() {
        parts.push(rest);
    }
    parts
}

/// Where the first character ends that does not fit any more; `None` when all do.
fn overflow(text: &str, most: usize) -> Option<usize> {
    let mut count = 0;
    for (start, character) in text.char_indices() {
        count += character.len_utf16();
        if count > most {
            return Some(start + character.len_utf8());
        }
    }
    None
}

/// Where to cut a text that is one character too long. A good place in the first half would make
/// the part too short to be worth it.
fn cut(text: &str, most: usize) -> usize {
    let (mut paragraph, mut line, mut word, mut visible) = (None, None, None, None);
    let (mut count, mut end, mut after_line) = (0, 0, false);
    for grapheme in text.graphemes(true) {
        count += units(grapheme);
        end += grapheme.len();
        if count > most {
            break;
        }
        visible = Some(end);
        let is_line = grapheme.ends_with('\n');
        if count * 2 >= most && grapheme.trim().is_empty() {
            word = Some(end);
            line = if is_line { Some(end) } else { line };
            paragraph = if is_line && after_line { Some(end) } else { paragraph };
        }
        after_line = is_line;
    }
    let last = text.char_indices().next_back().map_or(0, |(start, _)| start);
    paragraph.or(line).or(word).or(visible).unwrap_or(last)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_part_ends_where_a_reader_would_pause() {
        for (text, most, expected) in [
            ("", 10, vec![""]),
            ("short", 10, vec!["short"]),
            ("exactly 10", 10, vec!["exactly 10"]),
            ("one two three", 10, vec!["one two ", "three"]),
            ("line one\nline two", 12, vec!["line one\n", "line two"]),
            ("a b c\n\nd\ne f g", 12, vec!["a b c\n\n", "d\ne f g"]),
            ("a b c\n\nd\ne f g", 10, vec!["a b c\n\n", "d\ne f g"]),
            ("abcdefghijkl", 5, vec!["abcde", "fghij", "kl"]),
            ("a bcdefghijk", 10, vec!["a bcdefghi", "jk"]),
            ("12345\r\n789", 6, vec!["12345", "\r\n789"]),
        ] {
            assert_eq!(split(text, most), expected, "{text:?} by {most}");
        }
    }

    #[test]
    fn what_is_seen_as_one_character_stays_whole() {
        assert_eq!(units("😀"), 2);
        assert_eq!(split("a😀😀", 4), ["a😀", "😀"], "a surrogate pair");
        assert_eq!(split("ab👨‍👩‍👧", 9), ["ab", "👨‍👩‍👧"], "a family of eight units");
        assert_eq!(split("abcde\u{301}", 5), ["abcd", "e\u{301}"], "an accent");
        assert_eq!(split("a\u{301}\u{301}\u{301}", 2), ["a\u{301}", "\u{301}\u{301}"], "too long");
    }

    fn texts() -> impl Strategy<Value = String> {
        prop_oneof![
            "(?s).{0,200}",
            "[ab \n]{0,200}",
            "(😀|👨‍👩‍👧|e\u{301}|\r\n|[a-c ]|\u{1F1E9}){0,80}",
        ]
    }

    proptest! {
        #[test]
        fn parts_fit_and_together_are_the_text(text in texts(), most in 2_usize..40) {
            let parts = split(&text, most);
            prop_assert_eq!(parts.concat(), text.as_str());
            for part in &parts {
                prop_assert!(units(part) <= most, "{part:?}");
                prop_assert!(!part.is_empty() || text.is_empty());
            }
        }
    }
}
