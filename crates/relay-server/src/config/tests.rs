use super::*;

fn read(set: &[(&str, &str)]) -> Result<Config, String> {
    let get =
        |name: &str| set.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
    let config = Config::from_env(&get).map_err(|e| e.to_string())?;
    config.check().map_err(|e| e.to_string())?;
    Ok(config)
}

#[test]
fn nothing_set_is_a_loopback_relay_without_a_token() {
    let config = read(&[]).unwrap();
    assert_eq!((config.host.as_str(), config.port), ("127.0.0.1", 4850));
    assert!(config.token.is_none() && !config.is_exposed());
    assert_eq!(config.stale_ttl, Duration::from_mins(2));
    assert_eq!(config.limits.streams_per_agent, 8);
}

#[test]
fn a_bad_value_names_the_variable_the_value_and_what_is_allowed() {
    let refused = |name: &str, value: &str, allowed: &str| {
        let error = read(&[(name, value)]).unwrap_err();
        assert!(error.starts_with(&format!("{name} is `{value}`: ")), "{error}");
        assert!(error.contains(allowed), "{error}");
    };
    refused("PORT", "65536", "0 to 65535");
    refused("PORT", "http", "0 to 65535");
    refused("AGENT_RELAY_HOST", "a b", "127.0.0.1");
    refused("STALE_TTL_MS", "0", "1000");
    refused("AGENT_RELAY_SHUTDOWN_DELAY_MS", "5001", "0 to 5000");
    refused("AGENT_RELAY_IDENTITY", "loose", "mark or strict");
    refused("AGENT_RELAY_PUBLIC_URL", "relay.example", "https://");
    refused("AGENT_RELAY_CORS_ORIGINS", "ftp://x", "http://host:port");
    refused("AGENT_RELAY_ALLOWED_HOSTS", "http://x", "without scheme");
    refused("AGENT_RELAY_ALLOW_UNAUTH", "yes", "1 or 0");
    refused("AGENT_RELAY_LOG", "relay_server=loud", "json,info");
    refused("AGENT_RELAY_MAX_STREAMS", "-1", "1 to");
    refused("AGENT_RELAY_INTEGRATION_RATE_LIMIT_PER_MINUTE", "0", "1 to");
    refused("AGENT_RELAY_CALLBACK_RETRY_MS", "0,soon", "separated by commas");
    refused("AGENT_RELAY_CALLBACK_RETRY_MS", "0,,5", "separated by commas");
    refused("AGENT_RELAY_CALLBACK_RETRY_MS", "-1", "0 to");
    refused("AGENT_RELAY_CALLBACK_RETRY_MS", "5000,5000", "begin with 0");
    let many = ["9"; 21].join(",");
    refused("AGENT_RELAY_CALLBACK_RETRY_MS", &many, "1 to 20 numbers");
    let secret = read(&[("AGENT_RELAY_TOKEN", "päss")]).unwrap_err();
    assert_eq!(secret.split(": ").next(), Some("AGENT_RELAY_TOKEN is `…`"));
}

#[test]
fn an_open_relay_beyond_loopback_must_be_asked_for() {
    for host in ["0.0.0.0", "::", "192.168.1.5", "relay.lan"] {
        let error = read(&[("HOST", host)]).unwrap_err();
        assert!(error.contains("AGENT_RELAY_ALLOW_UNAUTH=1"), "{error}");
        assert!(read(&[("HOST", host), ("AGENT_RELAY_ALLOW_UNAUTH", "1")]).unwrap().is_exposed());
        assert!(!read(&[("HOST", host), ("AGENT_RELAY_TOKEN", "t")]).unwrap().is_exposed());
    }
    for host in ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost", "LOCALHOST"] {
        assert!(read(&[("HOST", host)]).is_ok(), "{host}");
    }
}

#[test]
fn every_origin_is_welcome_only_where_a_token_is_asked_for() {
    assert!(read(&[("AGENT_RELAY_CORS_ORIGINS", "*")]).is_err());
    let config = read(&[("AGENT_RELAY_CORS_ORIGINS", "*"), ("AGENT_RELAY_TOKEN", "t")]).unwrap();
    assert_eq!(config.cors, Cors::Any);
}

#[test]
fn origins_are_compared_as_browsers_write_them() {
    let same = |a: &str, b: &str| assert_eq!(Origin::parse(a), Origin::parse(b), "{a} {b}");
    same("HTTP://Relay.Example:80/", "http://relay.example");
    same("https://relay.example:443", "https://relay.example");
    assert_ne!(Origin::parse("http://a"), Origin::parse("https://a"));
    for bad in ["null", "", "a", "file://", "http://", "http://a/b", "http://u@a", "http://a b"] {
        assert_eq!(Origin::parse(bad), None, "{bad}");
    }
}

#[test]
fn a_log_filter_may_ask_for_json() {
    let log = |text: &str| Log::parse(text).map(|log| (log.json, log.filter));
    assert_eq!(log("json"), Ok((true, "info".into())));
    assert_eq!(log("json,relay_server=debug"), Ok((true, "relay_server=debug".into())));
    assert_eq!(log("debug"), Ok((false, "debug".into())));
}

#[test]
fn secrets_do_not_print() {
    let config = read(&[("AGENT_RELAY_TOKEN", "s3cret-canary")]).unwrap();
    assert!(!format!("{config:?}").contains("canary"));
}

#[test]
fn callbacks_are_tried_by_the_timetable_that_is_set() {
    let waits = |value: &str| {
        let config = read(&[("AGENT_RELAY_CALLBACK_RETRY_MS", value)]).unwrap();
        config.callback_timetable.iter().map(Duration::as_millis).collect::<Vec<_>>()
    };
    assert_eq!(waits("0"), [0]);
    assert_eq!(waits("0, 50,7000"), [0, 50, 7000]);
    assert_eq!(read(&[]).unwrap().callback_timetable, callback::TIMETABLE);
}

#[test]
fn an_integration_does_not_carry_the_relays_own_token() {
    let list = r#"[{"name": "ops", "token": "0123456789abcdef"}]"#;
    let with = |token| read(&[("AGENT_RELAY_INTEGRATIONS", list), ("AGENT_RELAY_TOKEN", token)]);
    let error = with("0123456789abcdef").unwrap_err();
    assert!(error.starts_with("AGENT_RELAY_TOKEN is `…`: is also the token of"), "{error}");
    assert!(with("fedcba9876543210").is_ok());
}
