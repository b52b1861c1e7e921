//! Where a relay's data is: a file of SQLite's, or a PostgreSQL server.

use std::{fmt, path::PathBuf, str::FromStr};

use sqlx::postgres::PgConnectOptions;

use crate::dialect::Dialect;

/// Where a relay's data is.
#[derive(Clone, Debug)]
pub enum Place {
    /// SQLite, in this file: one relay.
    File(PathBuf),
    /// PostgreSQL, which any number of relays share.
    Server(Address),
}

impl Place {
    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Self::File(_) => Dialect::Sqlite,
            Self::Server(_) => Dialect::Postgres,
        }
    }

    /// Its name in an error: the file, or the address without its password.
    pub(crate) fn name(&self) -> PathBuf {
        match self {
            Self::File(path) => path.clone(),
            Self::Server(address) => address.to_string().into(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name().display())
    }
}

/// The address of a PostgreSQL database, `postgres://user:password@host:port/name`. What is printed
/// of it has no password.
#[derive(Clone)]
pub struct Address {
    url: String,
    options: Box<PgConnectOptions>,
}

impl Address {
    /// The address with its password, for the driver alone.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn options(&self) -> &PgConnectOptions {
        &self.options
    }
}

impl FromStr for Address {
    type Err = String;

    /// Reads an address. What is wrong with it is told without repeating it: it may hold a password.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if !["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme)) {
            return Err("must be postgres://user:password@host:port/database".to_owned());
        }
        let options = PgConnectOptions::from_str(text)
            .map_err(|_| "is no address that PostgreSQL's driver can read".to_owned())?;
        Ok(Self { url: text.to_owned(), options: Box::new(options) })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options = &self.options;
        let database = options.get_database().unwrap_or(options.get_username());
        match options.get_socket() {
            Some(socket) => write!(f, "postgres://{}/{database}", socket.display()),
            None => {
                write!(f, "postgres://{}:{}/{database}", options.get_host(), options.get_port())
            }
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_printed_has_the_password() {
        let address: Address = "postgres://relay:s3cret@db.lan:5433/agents".parse().unwrap();
        assert_eq!(address.to_string(), "postgres://db.lan:5433/agents");
        let place = Place::Server(address);
        let printed = format!("{place} {place:?} {}", place.name().display());
        assert!(!printed.contains("s3cret"), "{printed}");
    }

    #[test]
    fn what_is_no_address_is_refused_without_being_repeated() {
        for text in ["", "relay.db", "mysql://u:s3cret@h/d", "postgres://u:s3cret@h:port/d"] {
            let why = text.parse::<Address>().unwrap_err();
            assert!(!why.contains("s3cret"), "{why}");
        }
    }
}
