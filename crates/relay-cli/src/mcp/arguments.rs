//! Arguments of calls: unknown ones refused by name, ids as models write them.

use relay_core::{
    error::Code,
    id::MessageId,
    text::{Body, TextError},
};
use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Value};

use super::fault::Fault;

/// Reads a call's arguments.
pub fn read<T: for<'de> Deserialize<'de>>(arguments: Map<String, Value>) -> Result<T, Fault> {
    serde_json::from_value(Value::Object(arguments)).map_err(|error| {
        let text = error.to_string();
        let code = match text.as_str() {
            text if text.starts_with("unknown field") => Code::UnknownField,
            text if text.starts_with("missing field") => Code::MissingField,
            _ => Code::InvalidField,
        };
        Fault::new(code.as_str(), text)
    })
}

/// Reads a text as a message's body.
pub fn body(name: &str, text: &str) -> Result<Body, Fault> {
    text.parse().map_err(|why: TextError| Fault::argument(name, why))
}

/// A message's id: `42`, and, as models write it, `"42"` or `"msg:42"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Id(pub MessageId);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let number = match Value::deserialize(d)? {
            Value::Number(number) => number.to_string(),
            Value::String(text) => {
                let text = text.trim().trim_start_matches('[').trim_end_matches(']');
                text.strip_prefix("msg:").unwrap_or(text).to_owned()
            }
            _ => String::new(),
        };
        number.parse().map(Self).map_err(|_| de::Error::custom("`id` is the N of a [msg:N]"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        id: Id,
    }

    fn sample(value: &Value) -> Result<i64, String> {
        let read = read::<Sample>(value.as_object().unwrap().clone());
        read.map(|sample| sample.id.0.0).map_err(|fault| fault.text())
    }

    #[test]
    fn an_id_is_read_as_models_write_it() {
        for id in [json!(42), json!("42"), json!("msg:42"), json!("[msg:42]")] {
            assert_eq!(sample(&json!({"id": id})), Ok(42));
        }
        for id in [json!("x"), json!(1.5), json!(null), json!([42]), json!("")] {
            assert!(sample(&json!({"id": id})).unwrap_err().contains("[msg:N]"), "{id}");
        }
    }

    #[test]
    fn what_is_wrong_with_arguments_has_the_relays_codes() {
        let said = |value: Value| sample(&value).unwrap_err();
        assert!(said(json!({})).starts_with("error missing_field: missing field `id`"));
        assert!(
            said(json!({"id": 1, "x": 1})).starts_with("error unknown_field: unknown field `x`")
        );
        assert!(said(json!({"id": false})).starts_with("error invalid_field: "));
    }
}
