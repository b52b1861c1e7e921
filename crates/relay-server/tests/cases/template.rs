//! Text with holes: `{{A}}` stands for a name of the world, and what would fill pages is counted.
//!
//! - `{{NAME}}`, `{{NAME_UPPERCASE}}`, `{{NAME_MINUS_LAST_CHAR}}`: a value;
//! - `{{repeat 3 x}}`: `xxx`; a `#` in it counts from 0;
//! - `{{list 3 "t#"}}`: `"t0","t1","t2"`;
//! - `{{hex fffe}}`: bytes that no text can hold.

use std::collections::BTreeMap;

/// What the names stand for.
#[derive(Debug, Default)]
pub struct Values {
    values: BTreeMap<String, String>,
    /// True where tokens are sent.
    guarded: bool,
}

impl Values {
    /// No names yet.
    pub fn new(guarded: bool) -> Self {
        Self { values: BTreeMap::new(), guarded }
    }

    /// Gives a name its meaning.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.values.insert(name.to_owned(), value.into());
    }

    /// What a name stands for.
    pub fn get(&self, name: &str) -> String {
        if let Some(value) = self.values.get(name) {
            return value.clone();
        }
        if let Some(name) = name.strip_suffix("_UPPERCASE") {
            return self.get(name).to_uppercase();
        }
        if let Some(name) = name.strip_suffix("_MINUS_LAST_CHAR") {
            let mut value = self.get(name);
            value.pop();
            return value;
        }
        panic!("no value `{name}`")
    }

    /// The token of an agent or of a caller, where tokens are sent.
    pub fn token(&self, name: &str) -> Option<String> {
        let own = format!("{name}_TOKEN");
        let name = if self.values.contains_key(&own) { &own } else { name };
        self.guarded.then(|| self.get(name))
    }
}

/// Fills the holes.
pub fn render(template: &str, values: &Values) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = template;
    while let Some((before, hole)) = rest.split_once("{{") {
        let (hole, after) = hole.split_once("}}").expect("a hole has an end");
        bytes.extend(before.bytes());
        bytes.extend(fill(hole, values));
        rest = after;
    }
    bytes.extend(rest.bytes());
    bytes
}

fn fill(hole: &str, values: &Values) -> Vec<u8> {
    match hole.splitn(3, ' ').collect::<Vec<_>>()[..] {
        ["hex", digits] => hex(digits),
        ["repeat", count, unit] => counted(count, unit).concat().into_bytes(),
        ["list", count, unit] => counted(count, unit).join(",").into_bytes(),
        _ => values.get(hole).into_bytes(),
    }
}

fn counted(count: &str, unit: &str) -> Vec<String> {
    let count: usize = count.parse().expect("a count");
    if unit.contains('#') {
        return (0..count).map(|index| unit.replace('#', &index.to_string())).collect();
    }
    vec![unit.repeat(count)]
}

fn hex(digits: &str) -> Vec<u8> {
    let byte = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).expect("digits");
        u8::from_str_radix(pair, 16).expect("hexadecimal digits")
    };
    digits.as_bytes().chunks(2).map(byte).collect()
}

#[test]
fn holes_are_filled() {
    let mut values = Values::new(true);
    values.set("A", "abc");
    values.set("A_TOKEN", "t0ken");
    let check = |template, expected: &[u8]| assert_eq!(render(template, &values), expected);
    check("{{A}}-{{A_UPPERCASE}}-{{A_MINUS_LAST_CHAR}}", b"abc-ABC-ab");
    check("[{{list 3 \"t#\"}}]", b"[\"t0\",\"t1\",\"t2\"]");
    check("{{repeat 3 [}}{{repeat 2 X-#: y\r\n}}", b"[[[X-0: y\r\nX-1: y\r\n");
    check("a{{hex c080}}b", b"a\xc0\x80b");
    assert_eq!(values.token("A").as_deref(), Some("t0ken"));
}
