//! Free JSON: what `meta` and `payload` may hold.
//!
//! It is read by a visitor of our own, because the library's takes the last of two equal keys
//! without a word, and unpacks further JSON from the text under a key of its own, past every limit.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};

use super::request::{MOST_META_BYTES, MOST_META_KEYS};

/// How the library names what it treats as its own.
const LIBRARY_WORDS: &str = "$serde_json::private::";

/// Reads an object within the limits; null counts as absent.
pub(super) fn read<'de, D: Deserializer<'de>>(
    d: D,
) -> Result<Option<Map<String, Value>>, D::Error> {
    let Some(Fact(value)) = Option::<Fact>::deserialize(d)? else { return Ok(None) };
    let Value::Object(map) = value else { return Err(Error::custom("must be an object")) };
    check(&map).map_err(Error::custom)?;
    Ok(Some(map))
}

/// Says what is too much.
pub(crate) fn check(map: &Map<String, Value>) -> Result<(), String> {
    let text = serde_json::to_string(map).map_err(|error| error.to_string())?;
    if text.len() > MOST_META_BYTES {
        return Err("is larger than 8 KiB".to_owned());
    }
    if keys_of(map) > MOST_META_KEYS {
        return Err("has more than 64 keys".to_owned());
    }
    Ok(())
}

fn keys_of(map: &Map<String, Value>) -> usize {
    map.len() + map.values().map(keys_in).sum::<usize>()
}

fn keys_in(value: &Value) -> usize {
    match value {
        Value::Object(map) => keys_of(map),
        Value::Array(list) => list.iter().map(keys_in).sum(),
        _ => 0,
    }
}

/// A value in which no key stands twice.
struct Fact(Value);

impl<'de> Deserialize<'de> for Fact {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(FactVisitor).map(Self)
    }
}

struct FactVisitor;

impl<'de> Visitor<'de> for FactVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        check_text(value).map(|()| value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Fact(value)) = entries.next_element()? {
            list.push(value);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            check_text(&key)?;
            if key.starts_with(LIBRARY_WORDS) {
                return Err(Error::custom("has a key that no reader would take for one"));
            }
            let Fact(value) = entries.next_value()?;
            if map.insert(key, value).is_some() {
                return Err(Error::custom("names a key twice"));
            }
        }
        Ok(Value::Object(map))
    }
}

/// PostgreSQL keeps no NUL in text.
fn check_text<E: Error>(text: &str) -> Result<(), E> {
    if text.contains('\0') { Err(E::custom("holds the character U+0000")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(text: &str) -> Result<Option<Map<String, Value>>, String> {
        read(&mut serde_json::Deserializer::from_str(text)).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_read_is_what_was_written() {
        let text = r#"{"b":[1,-2,3.5,true,null,"x"],"a":{"__proto__":{"admin":true}}}"#;
        let value: Value = serde_json::from_str(text).unwrap();
        assert_eq!(facts(text).unwrap().map(Value::Object), Some(value));
        assert_eq!(facts("null"), Ok(None));
    }

    #[test]
    fn a_key_stands_once_at_every_depth() {
        for text in
            [r#"{"a":1,"a":2}"#, r#"{"x":{"a":1,"b":0,"a":1}}"#, r#"{"x":[{"a":1,"\u0061":2}]}"#]
        {
            assert!(facts(text).unwrap_err().contains("twice"), "{text}");
        }
        assert!(facts(r#"{"a":{"a":1},"b":[{"a":1},{"a":2}]}"#).is_ok());
    }

    #[test]
    fn nothing_is_unpacked_from_text() {
        for text in [
            r#"{"$serde_json::private::RawValue":"[1]"}"#,
            r#"{"x":{"$serde_json::private::RawValue":"[[1]]"}}"#,
        ] {
            assert!(facts(text).unwrap_err().contains("no reader"), "{text}");
        }
    }

    #[test]
    fn nul_is_refused_and_text_about_it_is_not() {
        for text in [r#"{"a":"x\u0000"}"#, r#"{"a\u0000":1}"#, r#"{"x":[["\u0000"]]}"#] {
            assert!(facts(text).unwrap_err().contains("U+0000"), "{text}");
        }
        assert!(facts(r#"{"a":"write \\u0000 for it"}"#).is_ok());
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in ["[]", "7", "\"x\"", "true"] {
            assert!(facts(text).unwrap_err().contains("must be an object"), "{text}");
        }
    }
}
