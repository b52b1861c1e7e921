//! `codex-relay upgrade`: what an older version has installed becomes what this one would.

use relay_client::core::version::VERSION;

use crate::{
    failure::{Failure, note},
    find,
    install::{self, Wishes, situation::Situation},
};

/// Bring what `install` has put in place to this program's version
#[derive(Debug, clap::Args)]
pub struct Upgrade {
    /// Print what would be changed, and change nothing
    #[arg(long)]
    dry_run: bool,
}

impl Upgrade {
    /// Upgrades.
    pub fn run(self) -> Result<(), Failure> {
        let mut codex = find::codex()?;
        let now = Situation::look(Some(&mut codex))?;
        let Some(before) = &now.manifest else {
            return Err(Failure::refused("nothing is installed").hint("run `codex-relay install`"));
        };
        let elsewhere = before.marketplace.clone().filter(|folder| *folder != now.folder);
        let wishes = Wishes { wrap: before.wrap, plugin: elsewhere };
        let plan = install::plan(&now, &wishes)?;
        let plugin = now.plugin.as_ref().map_or("none", |plugin| &plugin.version);
        note(&format!(
            "codex {}; codex-relay {VERSION}, installed as {}; plugin {plugin}",
            codex.version()?,
            before.version
        ));
        if self.dry_run || plan.is_empty() {
            plan.show("everything has this version already")?;
        } else {
            plan.carry_out(Some(&codex))?;
            note("sessions that run keep the older plugin; new ones have this one");
        }
        note("newer programs are not fetched here; install them first, then run this again");
        Ok(())
    }
}
