use std::collections::HashMap;

use super::*;

fn read(set: &[(&str, &str)]) -> Result<Config, String> {
    let set: HashMap<_, _> = set.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    Config::read(&move |name| set.get(name).cloned()).map_err(|e| e.to_string())
}

#[test]
fn nothing_set_gives_the_documented_defaults() {
    let config = read(&[]).unwrap();
    assert_eq!(config.url, "http://localhost:4850");
    assert_eq!(config.capabilities, ["chat".parse().unwrap()]);
    assert_eq!((config.channels, config.approval), (Subscription::All, Approval::Open));
    assert_eq!(config.heartbeat, Duration::from_secs(30));
    assert!(config.token.is_none() && config.agent.is_none() && !config.interrupt);
}

#[test]
fn a_bad_value_names_variable_value_and_what_is_allowed() {
    for (name, value, expected) in [
        ("AGENT_RELAY_URL", "localhost", "AGENT_RELAY_URL is `localhost`: "),
        ("AGENT_RELAY_ID", "a b", "AGENT_RELAY_ID is `a b`: must be 1 to 128 letters"),
        ("AGENT_RELAY_CAPS", "ok,not ok", "AGENT_RELAY_CAPS is `ok,not ok`: `not ok` must not"),
        ("AGENT_RELAY_APPROVAL", "no", "AGENT_RELAY_APPROVAL is `no`: must be one of open,"),
        ("AGENT_RELAY_CHANNELS", "a b", "AGENT_RELAY_CHANNELS is `a b`: must be `all` or"),
        ("AGENT_RELAY_LABEL", " ", "AGENT_RELAY_LABEL is ` `: must not be empty"),
        ("AGENT_RELAY_HEARTBEAT_MS", "5", "AGENT_RELAY_HEARTBEAT_MS is `5`: must be a whole"),
    ] {
        let error = read(&[(name, value)]).unwrap_err();
        assert!(error.starts_with(expected), "{error}");
    }
    let many = vec!["x"; 33].join(",");
    assert!(read(&[("AGENT_RELAY_TAGS", &many)]).unwrap_err().contains("32 entries"));
}

#[test]
fn secrets_are_never_shown() {
    let error = read(&[("AGENT_RELAY_TOKEN", "s3 cret")]).unwrap_err();
    assert!(error.starts_with("AGENT_RELAY_TOKEN is `…`: "), "{error}");
    let error = read(&[("AGENT_RELAY_URL", "http://me:hunter2@relay")]).unwrap_err();
    assert!(!error.contains("hunter2"), "{error}");
    let config = read(&[("AGENT_RELAY_TOKEN", " s3cret\n")]).unwrap();
    assert!(!format!("{config:?}").contains("s3cret"));
    assert_eq!(config.token.unwrap().expose_secret(), "s3cret");
}

#[test]
fn explicit_variables_win_over_the_profile() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("profiles.json");
    let text = r#"{"review": {"label": "Reviewer", "tags": ["ci"], "capabilities": ["review"],
        "channels": ["ops"], "approval": "guarded", "interrupt": true, "meta": {"team": "a"}}}"#;
    std::fs::write(&path, text).unwrap();
    let file = path.to_str().unwrap();
    let profile = [("AGENT_RELAY_PROFILE", "review"), ("AGENT_RELAY_PROFILES_FILE", file)];
    let config = read(&profile).unwrap();
    assert_eq!(config.label.as_deref(), Some("Reviewer"));
    assert_eq!((config.approval, config.interrupt), (Approval::Guarded, true));
    let set = [("AGENT_RELAY_LABEL", "Night"), ("AGENT_RELAY_APPROVAL", "open")];
    let config = read(&[&profile[..], &set[..]].concat()).unwrap();
    assert_eq!(config.label.as_deref(), Some("Night"));
    assert_eq!(config.approval, Approval::Open);
    assert_eq!(config.capabilities, ["review".parse().unwrap()], "not set, so the profile's");
}

#[test]
fn a_profile_that_cannot_be_had_is_one_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("profiles.json");
    let file = path.to_str().unwrap();
    let why =
        || read(&[("AGENT_RELAY_PROFILE", "x"), ("AGENT_RELAY_PROFILES_FILE", file)]).unwrap_err();
    assert!(why().starts_with(&format!("cannot read {file}: ")), "{}", why());
    std::fs::write(&path, "{").unwrap();
    assert!(why().contains("not a profiles file"), "{}", why());
    std::fs::write(&path, r#"{"y": {}}"#).unwrap();
    assert!(why().contains("there is no profile `x`; the file has y"), "{}", why());
    std::fs::write(&path, r#"{"x": {"labl": "a"}}"#).unwrap();
    assert!(why().contains("has the field `labl`, which no profile has"), "{}", why());
    assert!(read(&[("AGENT_RELAY_PROFILES_FILE", file)]).is_ok(), "not read unless asked for");
}

#[test]
fn settings_describe_an_agent_without_overruling_its_provider() {
    let config = read(&[("AGENT_RELAY_TAGS", "mine"), ("AGENT_RELAY_LABEL", "Night")]).unwrap();
    let mut request = RegisterAgent::new("a".parse().unwrap());
    request.tags = Some(vec!["rust".parse().unwrap()]);
    request.capabilities = Some(vec!["shell".parse().unwrap()]);
    config.describe(&mut request);
    assert_eq!(request.tags.unwrap(), ["rust".parse().unwrap(), "mine".parse().unwrap()]);
    assert_eq!(request.capabilities.unwrap(), ["shell".parse().unwrap()]);
    assert_eq!(request.label.as_deref(), Some("Night"));
}
