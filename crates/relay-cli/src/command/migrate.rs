//! `agent-relay migrate`: from a file into PostgreSQL.

use std::path::PathBuf;

use relay_core::env;
use relay_store::Moved;

use crate::{args::Common, failure::Failure, input::agree, output::Output, settings::Settings};

/// Move a relay from its file into an empty PostgreSQL database
///
/// The relay must be stopped. Everything goes, under the numbers and tokens that it has, in one
/// transaction that is counted before it is made final. The file stays as it is.
#[derive(Debug, clap::Args)]
pub struct Migrate {
    /// The database file to move [env: DB_PATH]
    #[arg(long, visible_alias = "db", value_name = "FILE")]
    db_path: Option<String>,
    /// The PostgreSQL database [env: AGENT_RELAY_DATABASE_URL]
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// Do it without asking
    #[arg(long, short)]
    yes: bool,
}

impl Migrate {
    /// Asks, and moves.
    pub async fn run(self, common: &Common) -> Result<(), Failure> {
        if let Some(agent) = &common.agent {
            return Err(Failure::usage(format_args!("`{agent}`: nobody acts as an agent here"))
                .hint("--from names an agent, everywhere; name the file with --db"));
        }
        let settings = Settings::of_environment()?
            .flag("--db-path", &env::DB_PATH, self.db_path.as_ref())
            .flag("--to", &env::DATABASE_URL, self.to.as_ref());
        let file: PathBuf = settings.database()?;
        let Some(address) = settings.address()? else {
            return Err(Failure::usage("where to? name the database with --to")
                .hint("--to postgres://user@host/database, or AGENT_RELAY_DATABASE_URL"));
        };
        let output = Output::new(common.json);
        if !self.yes {
            agree(&format!("move all of {} to {address}?", file.display()))?;
        }
        let moved = relay_store::migrate(&file, &address).await?;
        output.show(&moved, || told(&moved))?;
        output.note("serve it with AGENT_RELAY_DATABASE_URL; nothing looks at the file any more");
        Ok(())
    }
}

fn told(moved: &Moved) -> String {
    let Moved { from, to, rows, seq } = moved;
    let rows: Vec<String> = rows.iter().map(|(table, count)| format!("{count} {table}")).collect();
    format!(
        "from      {from}\nto        {to}\nrows      {}\nnumbers   go on above {seq}",
        rows.join(", ")
    )
}
