//! Strict JSON: what is wrong is named by its field, and no input is repeated.

use relay_core::error::{Code, Refused};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::error::Category;

/// How deep objects and lists may nest.
pub const MOST_LEVELS: usize = 32;
/// The most characters of an explanation that may hold a piece of the input.
const MOST_WHY: usize = 160;

/// Reads a JSON object.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refused> {
    let text = std::str::from_utf8(bytes).map_err(|_| not_utf8(bytes))?;
    if is_too_deep(bytes) {
        return Err(invalid("nests deeper than 32 levels"));
    }
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).map_err(|_| explain::<T>(text));
    }
    match serde_json::from_str::<IgnoredAny>(text) {
        Err(error) => Err(syntax(&error)),
        Ok(_) => Err(Refused::new(Code::InvalidField, "the body must be a JSON object")),
    }
}

/// UTF-16 and UTF-32 announce themselves; what else is not UTF-8 is just that.
fn not_utf8(bytes: &[u8]) -> Refused {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return invalid("is UTF-16").hint("send UTF-8");
    }
    Refused::new(Code::InvalidUtf8, "the body is not UTF-8")
}

/// Counts brackets outside strings, before anything recurses into them.
fn is_too_deep(bytes: &[u8]) -> bool {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => depth += 1,
            b'}' | b']' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MOST_LEVELS {
            return true;
        }
    }
    false
}

/// Reads what failed once more, to learn where: good requests need not pay for that.
fn explain<T: DeserializeOwned>(whole: &str) -> Refused {
    let mut reader = serde_json::Deserializer::from_str(whole);
    let Err(error) = serde_path_to_error::deserialize::<_, T>(&mut reader) else {
        return reader.end().map_or_else(|error| syntax(&error), |()| invalid("is not JSON"));
    };
    let path = error.path().to_string();
    let error = error.into_inner();
    if error.classify() != Category::Data {
        return syntax(&error);
    }
    // A wrong field may stand before the place where the text stops being JSON.
    if let Err(error) = serde_json::from_str::<IgnoredAny>(whole) {
        return syntax(&error);
    }
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
    let parent = if path == "." { String::new() } else { format!("{path}.") };
    if let Some(name) = text.strip_prefix("missing field ").map(unquoted) {
        let name = format!("{parent}{name}");
        return Refused::new(Code::MissingField, format!("`{name}` is missing")).with(field(&name));
    }
    if let Some(rest) = text.strip_prefix("unknown field ") {
        return unknown(rest, &path);
    }
    if let Some(name) = text.strip_prefix("duplicate field ").map(unquoted) {
        return Refused::field(&format!("{parent}{name}"), "stands more than once");
    }
    Refused::field(&path, why(text))
}

/// serde writes ``unknown field `x`, expected one of `a`, `b` ``; its path ends in the field.
fn unknown(rest: &str, path: &str) -> Refused {
    let (name, expected) = rest.split_once(", ").unwrap_or((rest, ""));
    let name: String = unquoted(name).chars().take(64).collect();
    let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
    let place =
        path.rsplit_once('.').map_or(String::new(), |(parent, _)| format!(" in `{parent}`"));
    let refused = Refused::new(Code::UnknownField, format!("there is no field `{name}`{place}"))
        .with(field(&name));
    match nearest(&name, &known) {
        Some(near) => refused.hint(format!("did you mean `{near}`?")),
        None if known.is_empty() => refused,
        None => refused.hint(format!("the fields are {}", known.join(", "))),
    }
}

/// What serde says of a value, without the value: it may be long, or a secret in the wrong place.
fn why(text: &str) -> String {
    let about_a_value = ["invalid type", "invalid value", "invalid length", "unknown variant"];
    if about_a_value.iter().any(|start| text.starts_with(start))
        && let Some((_, expected)) = text.rsplit_once(", expected ")
    {
        return format!("must be {}", expected.replace('`', ""));
    }
    text.chars().take(MOST_WHY).collect()
}

fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    known.iter().copied().find(|candidate| {
        candidate.eq_ignore_ascii_case(&name.replace(['_', '-'], ""))
            || is_one_slip(name, candidate)
    })
}

/// True where one character was left out, put in, mistyped or swapped with its neighbour.
fn is_one_slip(typed: &str, meant: &str) -> bool {
    let start = typed.chars().zip(meant.chars()).take_while(|(one, other)| one == other).count();
    let typed: Vec<char> = typed.chars().skip(start).collect();
    let meant: Vec<char> = meant.chars().skip(start).collect();
    let same = |skip_typed: usize, skip_meant: usize| matches!((typed.get(skip_typed..), meant.get(skip_meant..)), (Some(a), Some(b)) if a == b);
    let swapped = || typed[..2].iter().eq(meant[..2].iter().rev());
    same(1, 0) || same(0, 1) || same(1, 1) || (same(2, 2) && swapped())
}

fn unquoted(text: &str) -> String {
    text.trim_matches('`').to_owned()
}

fn field(name: &str) -> serde_json::Value {
    serde_json::json!({ "field": name })
}

fn syntax(error: &serde_json::Error) -> Refused {
    invalid(&format!("is not JSON at line {}, column {}", error.line(), error.column()))
}

fn invalid(what: &str) -> Refused {
    Refused::new(Code::InvalidJson, format!("the body {what}"))
}

#[cfg(test)]
mod tests {
    use relay_core::api::request::{ActOnClaim, RegisterAgent, SendMessage};

    use super::*;

    fn send(body: &str) -> Refused {
        parse::<SendMessage>(body.as_bytes()).unwrap_err()
    }

    fn check(body: &str, code: Code, field: &str) {
        let refused = send(body);
        let named = refused.details.as_ref().and_then(|d| d["field"].as_str()).unwrap_or("");
        assert_eq!((refused.code, named), (code, field), "{body}: {refused}");
    }

    #[test]
    fn what_is_no_json_object_is_told_apart() {
        for body in ["", "{'from':'a'}", "{/*x*/}", "{\"a\":", "nonsense", "{} {}", "[1,", "{}x"] {
            let code = parse::<ActOnClaim>(body.as_bytes()).unwrap_err().code;
            assert_eq!(code, Code::InvalidJson, "{body}");
        }
        for body in ["[]", "null", "\"hello\"", "7", "[{\"from\":\"a\"}]"] {
            assert_eq!(send(body).code, Code::InvalidField, "{body}");
        }
        let code = |bytes: &[u8]| parse::<SendMessage>(bytes).unwrap_err().code;
        assert_eq!(code(b"\xff\xfe{\0"), Code::InvalidJson);
        assert_eq!(code(b"{\"body\":\"\xff\xfe\"}"), Code::InvalidUtf8);
        assert_eq!(code(b"{\"body\":\"a\xc0\x80b\"}"), Code::InvalidUtf8);
    }

    #[test]
    fn depth_is_counted_outside_strings_and_before_parsing() {
        let nested =
            |levels: usize| format!("{{\"x\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(send(&nested(31)).code, Code::UnknownField);
        assert_eq!(send(&nested(32)).code, Code::InvalidJson);
        assert_eq!(send(&"[".repeat(100_000)).code, Code::InvalidJson);
        let text =
            format!(r#"{{"from":"a","to":"b","body":"{}\" {}"}}"#, "[".repeat(50), "{".repeat(50));
        assert!(parse::<SendMessage>(text.as_bytes()).is_ok());
    }

    #[test]
    fn the_field_is_named() {
        check(r#"{"from":"a","body":"x"}"#, Code::MissingField, "to");
        check(r#"{"from":"a","to":"b","body":"x","claimble":1}"#, Code::UnknownField, "claimble");
        check(r#"{"from":"a","to":"b","body":"x","body":"y"}"#, Code::InvalidField, "body");
        check(r#"{"from":"a","to":"b","body":7}"#, Code::InvalidField, "body");
        check(r#"{"from":"a","to":["b"],"body":"x"}"#, Code::InvalidField, "to");
        check(r#"{"from":"a","to":"tag:","body":"x"}"#, Code::InvalidField, "to");
        check(r#"{"from":"a","to":"b","body":"a\u0000b"}"#, Code::InvalidField, "body");
        check(r#"{"from":"a\u0000","to":"b","body":"x"}"#, Code::InvalidField, "from");
        for number in ["1.5", "-1", "0", "9007199254740993", "99999999999999999999999", "\"1\""] {
            let body = format!(r#"{{"from":"a","to":"b","body":"x","replyTo":{number}}}"#);
            check(&body, Code::InvalidField, "replyTo");
        }
        let nested = r#"{"id":"a","capabilities":[["chat"]]}"#;
        let refused = parse::<RegisterAgent>(nested.as_bytes()).unwrap_err();
        assert_eq!(refused.code, Code::InvalidField);
        assert!(refused.to_string().contains("capabilities"), "{refused}");
    }

    #[test]
    fn a_near_miss_gets_a_suggestion_and_a_far_one_the_list() {
        let hint = |name: &str| send(&format!(r#"{{"{name}":1}}"#)).hint.unwrap();
        assert_eq!(hint("claimble"), "did you mean `claimable`?");
        assert_eq!(hint("reply_to"), "did you mean `replyTo`?");
        assert_eq!(hint("bdoy"), "did you mean `body`?");
        assert!(hint("createdAt").starts_with("the fields are from, to"));
    }

    #[test]
    fn input_is_not_repeated() {
        let secret = "s3cret".repeat(100);
        for body in [
            format!(r#"{{"claimable":"{secret}"}}"#),
            format!(r#"{{"urgency":"{secret}"}}"#),
            format!(r#"{{"to":"group{secret}:x"}}"#),
            format!(r#"{{"{secret}":1}}"#),
            format!("{{{secret}"),
        ] {
            let refused = send(&body);
            let shown = serde_json::to_string(&refused.to_body()).unwrap();
            assert!(shown.matches("s3cret").count() <= 25, "{shown}");
        }
        assert_eq!(send(r#"{"claimable":"yes"}"#).to_string(), "`claimable` must be a boolean");
        assert_eq!(
            send(r#"{"urgency":"now"}"#).to_string(),
            "`urgency` must be one of normal, later, interrupt"
        );
    }
}
