//! The integrations in the settings: a JSON list, in a variable or in a file.
//!
//! The list is read by hand, entry by entry: what a reader made by a macro says of a wrong value
//! repeats the value, and here every other one is a secret.

use std::{fs, path::Path, sync::Arc};

use relay_core::{
    env::{self, BadValue},
    id::AgentId,
    integration::{Allowed, Integration},
    scope::Scope,
    token::Digest,
};
use secrecy::SecretString;
use serde_json::{Map, Value};
use url::Url;

use super::Get;
use crate::{
    callback::{address::check_url, signature::Keys},
    integration::{Configured, Integrations, Receiver},
};

/// The fields of an entry.
const FIELDS: [&str; 7] =
    ["name", "token", "scopes", "targets", "channels", "callbackUrl", "callbackSecret"];
/// The shortest token or secret.
const SHORTEST_SECRET: usize = 16;
/// How the tokens begin that are the relay's own to give.
const OTHER_TOKENS: [&str; 3] = ["arl_agent_", "arl_scoped_", "arl_operator_"];

/// What the settings say, and what is worth a warning.
pub type Read = (Integrations, Vec<String>);

/// Reads the variable, or the file that the other variable names.
pub fn read(get: Get<'_>) -> Result<Read, BadValue> {
    let list = env::INTEGRATIONS.read(get, parse)?;
    let file = env::INTEGRATIONS_FILE.read(get, |path| match list {
        Some(_) => Err(format!("{} is set, too; set one of the two", env::INTEGRATIONS.name)),
        None => read_file(Path::new(path)),
    })?;
    let (all, warnings) = match (list, file) {
        (Some(all), _) => (all, Vec::new()),
        (None, Some(read)) => read,
        (None, None) => return Ok(Read::default()),
    };
    let almighty = all.iter().filter(|one| one.policy.scopes.contains(&Scope::All));
    let almighty = almighty.map(|one| {
        format!("the integration `{}` has the scope `*`; name the scopes it needs", one.policy.name)
    });
    let warnings = warnings.into_iter().chain(almighty).collect();
    Ok((Integrations::new(all), warnings))
}

fn read_file(path: &Path) -> Result<(Vec<Configured>, Vec<String>), String> {
    let text = fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"))?;
    Ok((parse(&text)?, open_to_others(path)))
}

#[cfg(unix)]
fn open_to_others(path: &Path) -> Vec<String> {
    use std::os::unix::fs::PermissionsExt as _;
    const OTHERS: u32 = 0o077;

    let mode = fs::metadata(path).map_or(0, |about| about.permissions().mode());
    let warning = || format!("others may read the tokens in {0}; chmod 600 {0}", path.display());
    (mode & OTHERS != 0).then(warning).into_iter().collect()
}

#[cfg(not(unix))]
fn open_to_others(_: &Path) -> Vec<String> {
    Vec::new()
}

/// Reads the list. What is wrong is told by the integration's name and the field, never by value.
fn parse(text: &str) -> Result<Vec<Configured>, String> {
    let list: Value = serde_json::from_str(text).map_err(|error| {
        format!("is no JSON at line {}, column {}", error.line(), error.column())
    })?;
    let Value::Array(list) = list else {
        return Err("must be a JSON list of integrations: [{\"name\": …, \"token\": …}]".into());
    };
    let mut all: Vec<Configured> = Vec::with_capacity(list.len());
    for (index, entry) in list.iter().enumerate() {
        let entry = Entry::new(index, entry)?;
        let configured = entry.read().map_err(|why| format!("{}: {why}", entry.name()))?;
        for other in &all {
            let twice = |field: &str| {
                format!("{}: `{field}` is also that of `{}`", entry.name(), other.policy.name)
            };
            if other.policy.name == configured.policy.name {
                return Err(twice("name"));
            }
            if other.digest.matches(&configured.digest) {
                return Err(twice("token"));
            }
        }
        all.push(configured);
    }
    Ok(all)
}

/// One entry of the list, and its place.
struct Entry<'a> {
    place: usize,
    fields: &'a Map<String, Value>,
}

impl<'a> Entry<'a> {
    fn new(index: usize, entry: &'a Value) -> Result<Self, String> {
        let place = index + 1;
        let fields = entry
            .as_object()
            .ok_or_else(|| format!("integration {place} must be an object in braces"))?;
        Ok(Self { place, fields })
    }

    /// How it is called where something is wrong with it.
    fn name(&self) -> String {
        match self.fields.get("name").and_then(Value::as_str).map(str::parse::<AgentId>) {
            Some(Ok(name)) => format!("integration `{name}`"),
            _ => format!("integration {}", self.place),
        }
    }

    fn read(&self) -> Result<Configured, String> {
        if let Some(unknown) = self.fields.keys().find(|key| !FIELDS.contains(&key.as_str())) {
            let unknown: String = unknown.chars().filter(|c| !c.is_control()).take(64).collect();
            return Err(format!("there is no field `{unknown}`; fields are {}", FIELDS.join(", ")));
        }
        let token = self.token()?;
        let policy = Integration {
            name: self.id()?,
            scopes: self.scopes()?,
            targets: Allowed::parse(&self.texts("targets")?).map_err(wrong("targets"))?,
            channels: Allowed::parse(&self.texts("channels")?).map_err(wrong("channels"))?,
        };
        let callback = self.receiver(token)?;
        Ok(Configured { policy: Arc::new(policy), digest: Digest::of(token), callback })
    }

    fn id(&self) -> Result<AgentId, String> {
        let text = self.text("name")?.ok_or("`name` is missing")?;
        let id: AgentId = text.parse().map_err(wrong("name"))?;
        id.check_unreserved().map_err(wrong("name"))?;
        Ok(id)
    }

    fn token(&self) -> Result<&'a str, String> {
        let token = self.text("token")?.ok_or("`token` is missing")?;
        check_secret("token", token)?;
        if OTHER_TOKENS.iter().any(|kind| token.starts_with(kind)) {
            return Err("`token` is one that the relay gave to somebody else".into());
        }
        Ok(token)
    }

    fn scopes(&self) -> Result<Vec<Scope>, String> {
        let mut scopes =
            self.texts("scopes")?.iter().map(|text| text.parse()).collect::<Result<Vec<_>, _>>();
        if let Ok(scopes) = &mut scopes {
            scopes.sort();
            scopes.dedup();
        }
        scopes.map_err(wrong("scopes"))
    }

    fn receiver(&self, token: &str) -> Result<Option<Receiver>, String> {
        let secret = self.text("callbackSecret")?;
        let Some(url) = self.text("callbackUrl")? else {
            return match secret {
                Some(_) => Err("`callbackSecret` is there without a `callbackUrl`".into()),
                None => Ok(None),
            };
        };
        if let Some(secret) = secret {
            check_callback_secret(secret)?;
        }
        let secret = SecretString::from(secret.unwrap_or(token));
        Ok(Some(Receiver { url: callback_url(url)?, secret }))
    }

    /// A text; null counts as absent.
    fn text(&self, field: &str) -> Result<Option<&'a str>, String> {
        match self.fields.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(format!("`{field}` must be a text")),
        }
    }

    /// A list of texts; none where there is none.
    fn texts(&self, field: &str) -> Result<Vec<String>, String> {
        let no_list = || format!("`{field}` must be a list of texts");
        match self.fields.get(field) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(list)) => list
                .iter()
                .map(|text| text.as_str().map(str::to_owned).ok_or_else(no_list))
                .collect(),
            Some(_) => Err(no_list()),
        }
    }
}

fn wrong<E: std::fmt::Display>(field: &'static str) -> impl Fn(E) -> String {
    move |error| format!("`{field}`: {error}")
}

fn check_secret(field: &str, text: &str) -> Result<(), String> {
    if !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(format!("`{field}` must be visible ASCII characters without white space"));
    }
    if text.len() < SHORTEST_SECRET {
        return Err(format!("`{field}` must have {SHORTEST_SECRET} characters or more"));
    }
    Ok(())
}

/// Two secrets, separated by a space, both sign: so one is replaced by the other without a gap.
fn check_callback_secret(secrets: &str) -> Result<(), String> {
    secrets.split(' ').try_for_each(|secret| check_secret("callbackSecret", secret))?;
    let keys = Keys::read(&secrets.into());
    keys.map(|_| ()).map_err(|why| format!("`callbackSecret` {why}"))
}

fn callback_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|_| "`callbackUrl` is no address".to_owned())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("`callbackUrl` must begin with http:// or https://".into());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("`callbackUrl` may hold no name and password; callbacks are signed".into());
    }
    if url.fragment().is_some() {
        return Err("`callbackUrl` may hold no fragment".into());
    }
    check_url(&url).map_err(wrong("callbackUrl"))?;
    Ok(url)
}

#[cfg(test)]
mod tests;
