//! Opening a database: what is newer or somebody else's is refused before anything is written.

use std::{fmt, path::Path};

use sqlx::{AnyConnection, Connection, migrate::Migrator};

use crate::{
    dialect::{Access, Found, postgres, sqlite},
    error::StoreError,
    lock::{self, Lock},
    place::{Address, Place},
};

/// A database that is ready to be written to.
pub(crate) struct Opened {
    /// The connection that writes.
    pub(crate) connection: AnyConnection,
    /// Held while this process has the file.
    pub(crate) lock: Option<Lock>,
    /// The channel on which servers tell each other that there is news.
    pub(crate) channel: Option<String>,
    /// What makes a commit less than durable, if anything does.
    pub(crate) reduced: Option<String>,
}

/// Opens a database, or makes it: takes the lock where there is one, refuses what is not for us, and
/// brings the schema up to date.
pub(crate) async fn open(place: &Place) -> Result<Opened, StoreError> {
    match place {
        Place::File(path) => open_file(path).await,
        Place::Server(address) => open_server(address).await,
    }
}

async fn open_file(path: &Path) -> Result<Opened, StoreError> {
    create(path)?;
    let lock = Lock::take(path)?;
    check_before_touching(path).await?;
    sqlite::migrate(path).await?;
    let mut connection = sqlite::connect(path, Access::Write).await?;
    sqlite::check_engine(&mut connection).await?;
    Ok(Opened { connection, lock: Some(lock), channel: None, reduced: None })
}

async fn open_server(address: &Address) -> Result<Opened, StoreError> {
    let (mut connection, _) = approach(address, Access::Write).await?;
    postgres::migrate(address).await?;
    let reduced = postgres::reduced(&mut connection).await?;
    if let Some(why) = &reduced {
        tracing::warn!(
            "durability is reduced: {why}; what was acknowledged may be lost in a power cut"
        );
    }
    let channel = Some(postgres::channel(&mut connection).await?);
    Ok(Opened { connection, lock: None, channel, reduced })
}

/// Connects to a server's database, and refuses what is newer or somebody else's, with nothing written.
async fn approach(address: &Address, access: Access) -> Result<(AnyConnection, Found), StoreError> {
    let mut connection = postgres::connect(address, access).await?;
    let found = postgres::look(&mut connection).await?;
    judge(&found, &postgres::migrator(), &Place::Server(address.clone()).name())?;
    Ok((connection, found))
}

/// What a look at a PostgreSQL database found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    /// Its schema; 0 where it is empty.
    pub schema: i64,
    /// What makes a commit less than durable, if anything does.
    pub reduced: Option<String>,
}

/// Looks at a PostgreSQL database as a relay does before it starts, and writes nothing. What a relay
/// would refuse is refused.
pub async fn survey(address: &Address) -> Result<Survey, StoreError> {
    let (mut connection, found) = approach(address, Access::Read).await?;
    let schema = if let Found::Schema(schema) = found { schema } else { 0 };
    let reduced = postgres::reduced(&mut connection).await?;
    let _ = connection.close().await;
    Ok(Survey { schema, reduced })
}

fn create(path: &Path) -> Result<(), StoreError> {
    let failed =
        |why: &dyn fmt::Display| StoreError::Path { path: path.to_owned(), why: why.to_string() };
    if path.file_name().is_none() || path.is_dir() {
        return Err(failed(&"is a folder, not a file"));
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        lock::private_folder(folder)
            .map_err(|e| failed(&format!("its folder cannot be made: {e}")))?;
    }
    match lock::private(path, true) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(failed(&error)),
        Ok(_) => Ok(()),
    }
}

/// Refuses what is newer or somebody else's, with nothing written.
pub(crate) async fn check_before_touching(path: &Path) -> Result<(), StoreError> {
    if std::fs::metadata(path).is_ok_and(|meta| meta.len() == 0) {
        return Ok(());
    }
    let unreadable = |error: sqlx::Error| match error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code)
        .as_deref()
    {
        // SQLITE_NOTADB
        Some("26") => StoreError::Foreign { path: path.to_owned() },
        // SQLITE_CORRUPT
        Some("11") => StoreError::Damaged { path: path.to_owned(), why: error.to_string() },
        _ => StoreError::Path { path: path.to_owned(), why: error.to_string() },
    };
    let mut connection = sqlite::connect(path, Access::Read).await.map_err(unreadable)?;
    let found = sqlite::look(&mut connection).await.map_err(unreadable)?;
    let _ = connection.close().await;
    judge(&found, &sqlite::migrator(), path)
}

/// Refuses what was found, unless it is ours and no newer than we are.
pub(crate) fn judge(found: &Found, migrator: &Migrator, path: &Path) -> Result<(), StoreError> {
    let known = migrator.iter().map(|migration| migration.version).max().unwrap_or(0);
    match found {
        Found::Foreign => Err(StoreError::Foreign { path: path.to_owned() }),
        Found::Damaged(why) => {
            Err(StoreError::Damaged { path: path.to_owned(), why: (*why).to_owned() })
        }
        Found::Schema(found) if *found > known => {
            Err(StoreError::Newer { path: path.to_owned(), found: *found, known })
        }
        Found::Empty | Found::Schema(_) => Ok(()),
    }
}
