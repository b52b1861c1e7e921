//! What is written down: settings, contexts, profiles.

use std::{fs, io, path::PathBuf};

use relay_client::{config::environment, managed, place::config_dir};
use relay_core::{
    doctor::Finding,
    env,
    profile::{ProfileError, Profiles},
};

use crate::{args::Common, command::context::chosen_by, settings::Settings};

/// The settings as every command would read them; none where they cannot be.
pub fn settings(common: &Common, findings: &mut Vec<Finding>) -> Option<Settings> {
    let wrong = |failure| {
        Finding::failed("settings", format!("{failure}"))
            .hint("mend what is named; agent-relay setup --yes writes a file that is not there")
    };
    let settings = match common.settings() {
        Ok(settings) => settings,
        Err(failure) => {
            findings.push(wrong(failure));
            return None;
        }
    };
    let config = settings.client();
    let server = relay_server::Config::from_env(&|name| settings.get(name));
    let server = server.and_then(|config| config.check()).map_err(|bad| settings.explain(bad));
    match (&config, server) {
        (Err(_), _) => findings.extend(settings.client().err().map(wrong)),
        (Ok(_), Err(failure)) => findings.push(wrong(failure)),
        (Ok(_), Ok(())) => findings.push(file()),
    }
    let config = config.ok()?;
    findings.push(context(&settings, &config.url));
    Some(settings)
}

/// Which relay is talked to, and what made it that one.
fn context(settings: &Settings, url: &str) -> Finding {
    let known = settings.known();
    match (known.at(url), &known.chosen) {
        (Some((name, _)), Some(chosen)) if *name == chosen.name => {
            Finding::ok("context", format!("{name}, by {}: {url}", chosen_by(chosen.by)))
        }
        (Some((name, _)), _) => Finding::ok("context", format!("{name}, by its address: {url}")),
        (None, Some(chosen)) => {
            let name = &chosen.name;
            Finding::ok(
                "context",
                format!("{name} is in use, but the address that is set wins: {url}"),
            )
        }
        (None, None) => Finding::ok("context", format!("none is in use: {url}")),
    }
}

fn file() -> Finding {
    match managed::file() {
        Ok(path) if path.exists() => Finding::ok("settings", path.display().to_string()),
        Ok(path) => {
            Finding::ok("settings", format!("the defaults; there is no {}", path.display()))
        }
        Err(error) => Finding::failed("settings", error.to_string()).hint("export HOME"),
    }
}

/// Every profile of the file, and the one that is asked for.
pub fn profiles() -> Finding {
    let set = env::PROFILES_FILE.find(&environment).map(|(_, path)| PathBuf::from(path));
    let Some(path) = set.or_else(|| Some(config_dir().ok()?.join("profiles.json"))) else {
        return Finding::skipped("profiles", "there is no home folder");
    };
    let asked = env::PROFILE.find(&environment).map(|(_, name)| name);
    let shown = path.display();
    let failed = |why: &dyn std::fmt::Display| {
        Finding::failed("profiles", format!("{shown}: {why}"))
            .hint("mend it; docs/providers.md has the fields of a profile")
    };
    match (fs::read_to_string(&path), asked) {
        (Err(error), None) if error.kind() == io::ErrorKind::NotFound => {
            Finding::ok("profiles", "there are none")
        }
        (Err(error), _) => failed(&error),
        (Ok(text), asked) => match read(&text, asked.as_deref()) {
            Ok(0) => Finding::ok("profiles", format!("{shown} has none")),
            Ok(count) => Finding::ok("profiles", format!("{shown} has {count}, all valid")),
            Err(error) => failed(&error),
        },
    }
}

/// How many there are; the first that is bad is the error.
fn read(text: &str, asked: Option<&str>) -> Result<usize, ProfileError> {
    let profiles = Profiles::parse(text)?;
    asked.map(|name| profiles.get(name)).transpose()?;
    profiles.names().try_for_each(|name| profiles.get(name).map(drop))?;
    Ok(profiles.names().count())
}
