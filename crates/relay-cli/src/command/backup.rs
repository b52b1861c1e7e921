//! `agent-relay backup` and `agent-relay restore`: the database, copied while it is used and put back.

use std::path::PathBuf;

use relay_core::env;
use relay_store::{Place, Restored, Snapshot, StoreError};

use crate::{args::Common, failure::Failure, input::agree, output::Output, settings::Settings};

/// Copy the database into a new file, while the relay runs or not
///
/// The copy is the state at one moment, checked from its pages to the relay's own rules. It is
/// readable by its owner only, and replaces no file.
#[derive(Debug, clap::Args)]
pub struct Backup {
    /// The file to make
    file: PathBuf,
    /// The database file [env: DB_PATH]
    #[arg(long, visible_alias = "db", value_name = "FILE")]
    db_path: Option<String>,
}

impl Backup {
    /// Makes the copy, and says what is in it.
    pub async fn run(self, common: &Common) -> Result<(), Failure> {
        let database = database(self.db_path.as_ref())?;
        let made = relay_store::backup(&database, &self.file).await.map_err(explain)?;
        Output::new(common.json).show(&made, || told(&made))
    }
}

/// Put a backup in the place of the database
///
/// The relay must be stopped. The backup is checked first; the old database stays beside the new
/// one. Messages, tasks and events that came after the backup are lost, but no number is given
/// twice: streams that resume in the lost stretch are told of a gap.
#[derive(Debug, clap::Args)]
pub struct Restore {
    /// The backup
    file: PathBuf,
    /// The database file [env: DB_PATH]
    #[arg(long, visible_alias = "db", value_name = "FILE")]
    db_path: Option<String>,
    /// Do it without asking
    #[arg(long, short)]
    yes: bool,
    /// Only check the backup, and say what is in it
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
}

impl Restore {
    /// Checks, asks, and replaces.
    pub async fn run(self, common: &Common) -> Result<(), Failure> {
        let output = Output::new(common.json);
        let database = database(self.db_path.as_ref())?;
        let snapshot = relay_store::check(&self.file).await.map_err(explain)?;
        if self.dry_run {
            return output.show(&snapshot, || told(&snapshot));
        }
        if !self.yes {
            output.note(&told(&snapshot));
            agree(&format!("put it in the place of {}?", database.display()))?;
        }
        let done = relay_store::restore(&self.file, &database).await.map_err(explain)?;
        output.show(&done, || restored(&done))?;
        output.note(
            "tokens that were revoked since the backup are valid again: agent-relay token list",
        );
        Ok(())
    }
}

/// The file. What PostgreSQL holds is backed up by its own tools.
fn database(flag: Option<&String>) -> Result<PathBuf, Failure> {
    match Settings::of_environment()?.flag("--db-path", &env::DB_PATH, flag).place()? {
        Place::File(path) => Ok(path),
        Place::Server(_) => Err(Failure::usage(
            "this relay's data is in PostgreSQL, where pg_dump and pg_restore are the way",
        )
        .hint("docs/deployment.md says how; for a file, name it with --db")),
    }
}

/// The advice that serving gives, to choose another file, would not help here.
fn explain(error: StoreError) -> Failure {
    let hint = matches!(error, StoreError::Locked { .. }).then_some("stop the relay first");
    Failure::refused(error).maybe_hint(hint)
}

fn told(snapshot: &Snapshot) -> String {
    let Snapshot { file, bytes, sha256, schema, seq, agents, messages, tasks } = snapshot;
    format!(
        "file      {}\nsize      {bytes} bytes, schema {schema}\nholds     {messages} messages, {tasks} tasks, \
         {agents} agents, up to event {seq}\nsha256    {sha256}",
        file.display()
    )
}

fn restored(done: &Restored) -> String {
    let lost = match done.lost_through {
        Some(old) if old > done.backup.seq => {
            format!("what came after event {} up to {old} is lost", done.backup.seq)
        }
        Some(_) => "nothing: the old database had no more".to_owned(),
        None => "unknown: there was no old database that could be read".to_owned(),
    };
    let aside = match &done.aside {
        Some(file) => format!("kept as {}", file.display()),
        None => "there was none".to_owned(),
    };
    format!(
        "database  {}\nlost      {lost}\nold file  {aside}\nnumbers   go on above {}",
        done.database.display(),
        done.floor
    )
}
