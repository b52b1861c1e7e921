//! Settings as this run has them: flags over the environment.
//!
//! Server and client read their settings by the names of `relay_core::env`; a flag answers to the
//! variable's name, so that both know one set of names, and a bad value is told by what the person
//! wrote: the flag or the variable.

use std::{
    fs,
    path::{Path, PathBuf},
};

use relay_client::{
    config::{Config, ConfigError, data_dir, environment},
    context::{By, Known},
    managed::Managed,
};
use relay_core::env::{self, BadValue, Variable};
use relay_store::{Address, Place};

use crate::failure::Failure;

/// The flags that were given, each in the place of a variable, the context in use, and what `setup`
/// wrote down.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    flags: Vec<Flag>,
    known: Known,
    managed: Managed,
}

#[derive(Clone, Debug)]
struct Flag {
    name: &'static str,
    variable: &'static str,
    value: String,
}

impl Settings {
    /// The environment, and below it what `setup` wrote down. What is set but is no text would count as not set, and the relay
    /// would then use another database than it was told: that is refused.
    pub fn of_environment() -> Result<Self, Failure> {
        let names = env::ALL.iter().flat_map(|variable| [Some(variable.name), variable.short]);
        match names.flatten().find(|name| !is_text(name)) {
            Some(name) => Err(Failure::usage(format_args!("{name} is not UTF-8 text"))),
            None => {
                Ok(Self { managed: Managed::load().map_err(Failure::usage)?, ..Self::default() })
            }
        }
    }

    /// Puts a flag in the place of a variable, when it was given.
    #[must_use]
    pub fn flag(
        mut self,
        name: &'static str,
        variable: &Variable,
        value: Option<impl Into<String>>,
    ) -> Self {
        self.flags.extend(value.map(|value| Flag {
            name,
            variable: variable.name,
            value: value.into(),
        }));
        self
    }

    /// Goes by a context where flags and environment do not say which relay: the one named, else
    /// the one in use.
    pub fn context(self, named: Option<&str>) -> Result<Self, Failure> {
        let known = Known::look(named, &environment).map_err(Failure::usage)?;
        Ok(Self { known, ..self })
    }

    /// The contexts of this user.
    pub fn known(&self) -> &Known {
        &self.known
    }

    /// Puts what a file holds in the place of a variable: a secret has no business among arguments,
    /// which every user of the machine can read.
    pub fn file(
        self,
        name: &'static str,
        variable: &Variable,
        path: Option<&Path>,
    ) -> Result<Self, Failure> {
        let Some(path) = path else { return Ok(self) };
        let shown = path.display();
        let text = fs::read_to_string(path)
            .map_err(|error| Failure::usage(format_args!("{name} {shown}: {error}")))?;
        match text.trim() {
            "" => Err(Failure::usage(format_args!("{name} {shown}: the file is empty"))),
            text => Ok(self.flag(name, variable, Some(text))),
        }
    }

    /// The value under a variable's name: the flag's, else the environment's, else what `setup`
    /// wrote down.
    pub fn get(&self, variable: &str) -> Option<String> {
        self.given(variable).or_else(|| self.managed.get(variable))
    }

    /// What this run was told by flags and the environment. A context that a flag names is all
    /// that counts of relays: the environment's token is another one's.
    fn given(&self, variable: &str) -> Option<String> {
        let flag = self.flags.iter().find(|flag| flag.variable == variable);
        let of_relay = [env::URL.name, env::CLIENT_TOKEN.name].contains(&variable);
        let by_flag = self.chosen_by(By::Flag);
        let set = || environment(variable).filter(|_| !(of_relay && by_flag));
        flag.map(|flag| flag.value.clone()).or_else(set).filter(|value| !value.is_empty())
    }

    /// True where this run was told which relay to talk to, by address or by name. What is merely
    /// in use gives way to the relay of a session that is open.
    pub fn names_relay(&self) -> bool {
        let named = self.chosen_by(By::Flag) || self.chosen_by(By::Variable);
        named || self.given(env::URL.name).is_some()
    }

    fn chosen_by(&self, by: By) -> bool {
        self.known.chosen.as_ref().is_some_and(|chosen| chosen.by == by)
    }

    /// The database file: as it is set, else the one in the user's data folder.
    pub fn database(&self) -> Result<PathBuf, Failure> {
        if let Some((_, path)) = env::DB_PATH.find(&|name| self.get(name)) {
            return Ok(path.into());
        }
        Ok(data_dir().map_err(Failure::usage)?.join("relay.db"))
    }

    /// Where the data is: in PostgreSQL where an address is set, else in the database file. A file that
    /// is named by a flag wins over an address in the environment.
    pub fn place(&self) -> Result<Place, Failure> {
        if self.is_flag(&env::DB_PATH) && !self.is_flag(&env::DATABASE_URL) {
            return Ok(Place::File(self.database()?));
        }
        match self.address()? {
            Some(address) => Ok(Place::Server(address)),
            None => Ok(Place::File(self.database()?)),
        }
    }

    /// The address of the PostgreSQL database, where one is set.
    pub fn address(&self) -> Result<Option<Address>, Failure> {
        let address = env::DATABASE_URL.read(&|name| self.get(name), str::parse::<Address>);
        address.map_err(|bad| self.explain(bad))
    }

    /// True when the variable, or a flag in its place, is set.
    pub fn has(&self, variable: &Variable) -> bool {
        variable.find(&|name| self.get(name)).is_some()
    }

    /// True when flags or the environment say it, whatever is written down.
    pub fn is_set(&self, variable: &Variable) -> bool {
        variable.find(&|name| self.given(name)).is_some()
    }

    /// True when a flag stands in the variable's place.
    pub fn is_flag(&self, variable: &Variable) -> bool {
        self.flags.iter().any(|flag| flag.variable == variable.name)
    }

    /// What the settings say to clients and providers.
    pub fn client(&self) -> Result<Config, Failure> {
        self.config().map_err(|error| self.wrong(error))
    }

    /// The same for one relay, as if a flag had named it: another one's token does not go there.
    pub fn client_of(&self, url: &str) -> Result<Config, ConfigError> {
        self.clone().flag("--url", &env::URL, Some(url)).config()
    }

    /// Where the token of a client with this configuration was found; none where it has none.
    pub fn token_source(&self, config: &Config) -> Option<String> {
        config.token.as_ref()?;
        let variable = env::CLIENT_TOKEN.name;
        if let Some(flag) = self.flags.iter().find(|flag| flag.variable == variable) {
            return Some(flag.name.to_owned());
        }
        if self.given(variable).is_some() {
            return Some(variable.to_owned());
        }
        match self.known.at(&config.url).filter(|(_, context)| context.token.is_some()) {
            Some((name, _)) => Some(format!("the context `{name}`")),
            None => relay_client::managed::file().ok().map(|path| path.display().to_string()),
        }
    }

    fn config(&self) -> Result<Config, ConfigError> {
        let given = |name: &str| self.given(name);
        Config::read(&|name| self.managed.below(&self.known, &given, name))
    }

    /// Settings that cannot be used.
    pub fn wrong(&self, error: ConfigError) -> Failure {
        match error {
            ConfigError::BadValue(bad) => self.explain(bad),
            other => Failure::usage(other),
        }
    }

    /// Says of a bad value where it was written.
    pub fn explain(&self, bad: BadValue) -> Failure {
        let flag = self.flags.iter().find(|flag| flag.variable == bad.name);
        Failure::usage(BadValue { name: flag.map_or(bad.name, |flag| flag.name), ..bad })
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the client's look at the environment passes over what is no text"
)]
fn is_text(variable: &str) -> bool {
    !matches!(std::env::var(variable), Err(std::env::VarError::NotUnicode(_)))
}

#[cfg(test)]
mod tests {
    use relay_core::env::{PORT, number};

    use super::*;

    #[test]
    fn a_bad_value_is_told_by_the_flag_it_was_written_in() {
        let settings = Settings::default().flag("--port", &PORT, Some("x"));
        let bad = PORT.read(&|name| settings.get(name), number(0, 9)).unwrap_err();
        let said = format!("{:?}", settings.explain(bad));
        assert!(said.contains("--port is `x`: must be a whole number from 0 to 9"), "{said}");
    }

    #[test]
    fn a_secret_is_read_from_a_file_and_trimmed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, "s3cret\n").unwrap();
        let read = |path: &Path| {
            Settings::default().file("--token-file", &relay_core::env::TOKEN, Some(path))
        };
        assert_eq!(read(&path).unwrap().get("AGENT_RELAY_TOKEN").as_deref(), Some("s3cret"));
        fs::write(&path, " \n").unwrap();
        assert!(format!("{:?}", read(&path).unwrap_err()).contains("is empty"));
        assert!(
            format!("{:?}", read(folder.path().join("no").as_path()).unwrap_err())
                .contains("--token-file")
        );
    }
}
