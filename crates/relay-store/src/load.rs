//! Reading the directory: all of it, or what has changed since.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use relay_core::{
    agent::Agent,
    api::request::RegisterAgent,
    id::{AgentId, Seq},
    identity::Credential,
    target::Address,
    time::Timestamp,
    token::Digest,
};
use sqlx::{AnyConnection, Executor, Row, any::AnyRow};

use crate::{
    dialect::{Dialect, End, Standing},
    directory::{Change, Directory, Entry},
    error::StoreError,
    store::Known,
    token,
};

/// The directory, and where it and the log stood when it was read.
pub(crate) struct Loaded {
    pub(crate) directory: Directory,
    pub(crate) standing: Standing,
}

/// What others have changed in the directory.
pub(crate) enum Update {
    Whole(Box<Directory>),
    Changes(Vec<Change>),
}

impl Update {
    /// Makes it known; true when a token was revoked, or may have been.
    pub(crate) fn apply(&self, directory: &mut Directory) -> bool {
        match self {
            Self::Whole(whole) => {
                directory.clone_from(whole);
                true
            }
            Self::Changes(changes) => {
                for change in changes {
                    directory.apply(change);
                }
                changes.iter().any(|change| matches!(change, Change::Revoke(_)))
            }
        }
    }
}

/// Reads all of it, while nobody changes it.
pub(crate) async fn all(
    connection: &mut AnyConnection,
    dialect: Dialect,
    integrations: &[Known],
) -> Result<Loaded, StoreError> {
    let begun = dialect.begin(connection).await?;
    let loaded = async {
        let standing = match begun {
            Some(standing) => standing,
            None => dialect.standing(connection).await?,
        };
        for known in integrations {
            list_mail(connection, &known.name).await?;
        }
        Ok(Loaded { directory: whole(connection, integrations).await?, standing })
    }
    .await;
    match &loaded {
        Ok(_) => {
            dialect.commit(connection, End::default()).await?;
        }
        Err(_) => drop(connection.execute("ROLLBACK").await),
    }
    loaded
}

/// Reads what has changed since a version, in a transaction that sees one state of it.
pub(crate) async fn since(
    connection: &mut AnyConnection,
    version: i64,
    standing: &Standing,
    integrations: &[Known],
) -> Result<Update, StoreError> {
    if standing.reset > version {
        return Ok(Update::Whole(Box::new(whole(connection, integrations).await?)));
    }
    let ours: HashSet<AgentId> = integrations.iter().map(|known| known.name.clone()).collect();
    let sql = "SELECT agent, address, since FROM membership \
         WHERE agent IN (SELECT id FROM agent WHERE version > $1)";
    let rows = sqlx::query(sql).bind(version).fetch_all(&mut *connection).await?;
    let mut addresses = memberships(&rows)?;
    let sql =
        "SELECT id, owner, guest, last_seen_at, removed_at, data FROM agent WHERE version > $1";
    let mut changes = Vec::new();
    for row in sqlx::query(sql).bind(version).fetch_all(&mut *connection).await? {
        let entry = entry(&row, &mut addresses)?;
        if !ours.contains(&entry.agent.id) {
            changes.push(Change::Put(Arc::new(entry)));
        }
    }
    let sql = "SELECT id, digest, scopes, expires_at, revoked_at FROM token WHERE version > $1";
    for row in sqlx::query(sql).bind(version).fetch_all(&mut *connection).await? {
        let (digest, grant) = token::grant(&row)?;
        let revoked = row.try_get::<Option<i64>, _>("revoked_at")?.is_some();
        changes.push(if revoked { Change::Revoke(grant.id) } else { Change::Grant(digest, grant) });
    }
    Ok(Update::Changes(changes))
}

/// Reads every agent and token.
async fn whole(
    connection: &mut AnyConnection,
    integrations: &[Known],
) -> Result<Directory, StoreError> {
    let sql = "SELECT agent, address, since FROM membership";
    let mut addresses = memberships(&sqlx::query(sql).fetch_all(&mut *connection).await?)?;
    let mut directory = Directory::default();
    directory.apply(&Change::Put(Arc::new(built_in(AgentId::human(), "human"))));
    let sql = "SELECT id, owner, guest, last_seen_at, removed_at, data FROM agent";
    for row in sqlx::query(sql).fetch_all(&mut *connection).await? {
        directory.apply(&Change::Put(Arc::new(entry(&row, &mut addresses)?)));
    }
    for known in integrations {
        if directory.get(&known.name).is_some() {
            tracing::warn!(integration = %known.name, "an agent has this name, too; it can be reached no more");
        }
        directory.apply(&Change::Put(Arc::new(built_in(known.name.clone(), "integration"))));
        if known.callback {
            directory.call_back(known.name.clone());
        }
    }
    for row in sqlx::query(token::GRANTS).fetch_all(&mut *connection).await? {
        let (digest, grant) = token::grant(&row)?;
        directory.apply(&Change::Grant(digest, grant));
    }
    Ok(directory)
}

type Addresses = BTreeMap<String, BTreeMap<Address, Seq>>;

fn memberships(rows: &[AnyRow]) -> Result<Addresses, StoreError> {
    let mut addresses = Addresses::new();
    for row in rows {
        let address = Address::from_stored(row.try_get("address")?);
        let agent = addresses.entry(row.try_get("agent")?).or_default();
        agent.insert(address, Seq(row.try_get("since")?));
    }
    Ok(addresses)
}

fn entry(row: &AnyRow, addresses: &mut Addresses) -> Result<Entry, StoreError> {
    let mut agent: Agent = serde_json::from_str(&row.try_get::<String, _>("data")?)?;
    agent.last_seen_at = Timestamp(row.try_get("last_seen_at")?);
    Ok(Entry {
        credential: Credential {
            owner: Digest::from_stored(row.try_get("owner")?),
            guest: row.try_get::<Option<String>, _>("guest")?.map(Digest::from_stored),
        },
        addresses: addresses.remove(&row.try_get::<String, _>("id")?).unwrap_or_default(),
        removed_at: row.try_get::<Option<i64>, _>("removed_at")?.map(Timestamp),
        built_in: agent.id.is_human(),
        agent,
    })
}

/// Notes under which address an integration gets mail, so that it is listed.
async fn list_mail(connection: &mut AnyConnection, name: &AgentId) -> Result<(), StoreError> {
    let sql = "INSERT INTO membership (agent, address, since) VALUES ($1, $2, 0) \
         ON CONFLICT (agent, address) DO NOTHING";
    let address = Address::of_agent(name).to_string();
    sqlx::query(sql).bind(name.to_string()).bind(address).execute(connection).await?;
    Ok(())
}

/// The operator or an integration: never reaped, in no group. The row of `membership` by which the
/// operator's mail is listed is in the migration.
fn built_in(id: AgentId, provider: &str) -> Entry {
    let mut agent = Agent::register(RegisterAgent::new(id), Timestamp(0));
    agent.provider = provider.parse().expect("a slug");
    let address = Address::of_agent(&agent.id);
    Entry {
        agent,
        credential: Credential { owner: Digest::from_stored(String::new()), guest: None },
        addresses: BTreeMap::from([(address, Seq(0))]),
        removed_at: None,
        built_in: true,
    }
}
