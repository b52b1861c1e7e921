use secrecy::ExposeSecret as _;
use serde_json::json;

use super::*;

const TOKEN: &str = "0123456789abcdef";
const OTHER: &str = "fedcba9876543210";

/// Reads an environment in which these are set.
fn set(variables: &[(&str, &str)]) -> Result<Read, String> {
    let get = |name: &str| {
        variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned())
    };
    read(&get).map_err(|bad| bad.to_string())
}

fn list(list: &Value) -> Result<Integrations, String> {
    set(&[("AGENT_RELAY_INTEGRATIONS", &list.to_string())]).map(|(integrations, _)| integrations)
}

/// One integration that is good but for these fields.
fn one(change: &Value) -> Result<Configured, String> {
    let mut entry = json!({ "name": "ops", "token": TOKEN });
    entry.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    Ok(list(&json!([entry]))?.iter().next().unwrap().clone())
}

#[test]
fn an_integration_without_a_word_about_it_may_do_nothing() {
    let ops = one(&json!({})).unwrap();
    assert_eq!(ops.policy.name.as_str(), "ops");
    assert!(ops.policy.scopes.is_empty());
    assert_eq!(ops.policy.targets, Allowed::Only(vec![]));
    assert_eq!(ops.policy.channels, Allowed::Only(vec![]));
    assert!(ops.callback.is_none());
    assert!(ops.digest.matches(&Digest::of(TOKEN)));
}

#[test]
fn what_is_written_is_what_it_may_do() {
    let ops = one(&json!({
        "scopes": ["tasks:read", "tasks:create", "tasks:read"],
        "targets": ["cap:ops", "label:On Call"], "channels": ["*"],
        "callbackUrl": "https://ops.example/relay?from=relay",
    }))
    .unwrap();
    assert_eq!(ops.policy.scopes, [Scope::TasksRead, Scope::TasksCreate]);
    assert_eq!(ops.policy.targets.to_texts(), ["cap:ops", "label:On Call"]);
    assert_eq!(ops.policy.channels, Allowed::Any);
    let receiver = ops.callback.unwrap();
    assert_eq!(receiver.url.as_str(), "https://ops.example/relay?from=relay");
    assert_eq!(receiver.secret.expose_secret(), TOKEN, "the token signs where nothing else does");
    let both = "0123456789abcdefg whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    for secret in both.split(' ').chain([both]) {
        let callback = json!({ "callbackUrl": "http://localhost:9/", "callbackSecret": secret });
        let receiver = one(&callback).unwrap().callback.unwrap();
        assert_eq!(receiver.secret.expose_secret(), secret);
    }
}

#[test]
fn a_bad_value_is_named_by_integration_and_field() {
    let refused = |change: Value, what: &str| {
        let error = one(&change).unwrap_err();
        let start = "AGENT_RELAY_INTEGRATIONS is `…`: integration";
        assert!(error.starts_with(start) && error.contains(what), "{change}: {error}");
    };
    refused(json!({"callbackURL": "http://x"}), "`ops`: there is no field `callbackURL`");
    refused(json!({"name": null}), "1: `name` is missing");
    refused(json!({"name": 7}), "1: `name` must be a text");
    refused(json!({"name": "a b"}), "1: `name`: must be 1 to 128 letters");
    refused(json!({"name": "Human"}), "`Human`: `name`: `human` is a reserved word");
    refused(json!({"name": "agent:x"}), "1: `name`: must be");
    refused(json!({"token": null}), "`ops`: `token` is missing");
    refused(json!({"token": ""}), "`ops`: `token` must have 16");
    refused(json!({"token": "short"}), "`token` must have 16");
    refused(json!({"token": "0123456789 abcdef"}), "`token` must be visible ASCII");
    refused(json!({"token": "0123456789abcdéf"}), "`token` must be visible ASCII");
    refused(json!({"token": "arl_operator_0123456789"}), "`token` is one that the relay gave");
    refused(json!({"scopes": "tasks:create"}), "`scopes` must be a list");
    refused(
        json!({"scopes": ["tasks"]}),
        "`scopes`: `tasks` is no scope; scopes are *, agents:read",
    );
    refused(json!({"scopes": [1]}), "`scopes` must be a list of texts");
    refused(json!({"targets": ["cap:"]}), "`targets`: ");
    refused(json!({"targets": {"cap": "ops"}}), "`targets` must be a list");
    refused(json!({"channels": ["a b"]}), "`channels`: ");
    for url in ["ops", "ftp://x/", "http://", "file:///etc/passwd", "http://u:p@x/", "http://x/#a"]
    {
        refused(json!({ "callbackUrl": url }), "`callbackUrl` ");
    }
    let metadata = json!({"callbackUrl": "http://[::ffff:169.254.169.254]/latest/"});
    refused(metadata, "`callbackUrl`: callbacks never go to ::ffff:169.254.169.254");
    for secret in [
        "short",
        "whsec_",
        "whsec_not base64 here",
        "whsec_abcdefghijk",
        "whsec_MfKQ====9r8GKYqr",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSx==",
        "0123456789abcdefg  0123456789abcdefg",
    ] {
        refused(
            json!({"callbackUrl": "http://x/", "callbackSecret": secret}),
            "`callbackSecret` must",
        );
    }
    refused(json!({"callbackSecret": OTHER}), "`callbackSecret` is there without a `callbackUrl`");
}

#[test]
fn two_integrations_share_neither_name_nor_token() {
    let two = |name: &str, token: &str| {
        list(&json!([{"name": "ops", "token": TOKEN}, {"name": name, "token": token}]))
    };
    assert_eq!(two("ci", OTHER).unwrap().iter().count(), 2);
    assert!(two("OPS", OTHER).unwrap_err().contains("`OPS`: `name` is also that of `ops`"));
    assert!(two("ci", TOKEN).unwrap_err().contains("`ci`: `token` is also that of `ops`"));
}

#[test]
fn no_secret_is_ever_told() {
    let secret = "s3cret-s3cret-s3cret";
    for text in [
        format!("[{{\"name\": \"ops\", \"token\": \"{secret}\"]"),
        format!("\"{secret}\""),
        format!("[\"{secret}\"]"),
        json!([{"name": secret, "token": [secret]}]).to_string().replace(secret, "x y"),
        json!([{"name": "ops", "token": [secret]}]).to_string(),
        json!([{"name": "ops", "token": format!("{secret} ")}]).to_string(),
        json!([{"name": "ops", "token": TOKEN, "callbackSecret": secret}]).to_string(),
        json!([{"name": "ops", "token": TOKEN, "callbackUrl": format!("x://{secret}@h")}])
            .to_string(),
        json!([{"name": "a", "token": secret}, {"name": "b", "token": secret}]).to_string(),
    ] {
        let error = set(&[("AGENT_RELAY_INTEGRATIONS", &text)]).unwrap_err();
        assert!(!error.contains("s3cret"), "{error}");
    }
    let ops = one(&json!({"token": secret, "callbackUrl": "http://x/"})).unwrap();
    assert!(!format!("{ops:?}").contains(secret));
}

#[test]
fn a_file_stands_for_the_variable_and_never_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("integrations.json");
    let name = path.to_str().unwrap();
    let missing = set(&[("AGENT_RELAY_INTEGRATIONS_FILE", name)]).unwrap_err();
    let start = format!("AGENT_RELAY_INTEGRATIONS_FILE is `{name}`: cannot be read");
    assert!(missing.starts_with(&start), "{missing}");
    fs::write(&path, json!([{"name": "ops", "token": TOKEN}]).to_string()).unwrap();
    let (integrations, _) = set(&[("AGENT_RELAY_INTEGRATIONS_FILE", name)]).unwrap();
    assert!(integrations.has(&"OPS".parse().unwrap()));
    let both = set(&[("AGENT_RELAY_INTEGRATIONS_FILE", name), ("AGENT_RELAY_INTEGRATIONS", "[]")]);
    assert!(both.unwrap_err().contains("set one of the two"));
    fs::write(&path, "[{}]").unwrap();
    let error = set(&[("AGENT_RELAY_INTEGRATIONS_FILE", name)]).unwrap_err();
    assert!(error.ends_with("`: integration 1: `token` is missing"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_file_that_others_may_read_and_a_scope_for_everything_are_worth_a_warning() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("integrations.json");
    fs::write(&path, json!([{"name": "ops", "token": TOKEN, "scopes": ["*"]}]).to_string())
        .unwrap();
    let warnings = |mode| {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        set(&[("AGENT_RELAY_INTEGRATIONS_FILE", path.to_str().unwrap())]).unwrap().1
    };
    assert_eq!(warnings(0o600).len(), 1);
    let [file, scope] = &warnings(0o640)[..] else { panic!("two warnings") };
    assert!(file.contains("chmod 600"), "{file}");
    assert_eq!(scope, "the integration `ops` has the scope `*`; name the scopes it needs");
}
