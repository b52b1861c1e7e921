//! Agents: who is there, and what this one is called.

use relay_core::{
    agent::{Agent, Status},
    api::{query, request::UpdateAgent},
    text::{Label, Line, Slug, Word},
};

use crate::{
    context::Context,
    failure::Failure,
    output::{agent, inline},
};

/// List the agents
#[derive(Debug, clap::Args)]
pub struct Agents {
    /// Only agents with this tag
    #[arg(long)]
    tag: Option<Word>,
    /// Only agents on this machine
    #[arg(long)]
    machine: Option<Word>,
    /// Only agents with this status: idle, busy, waiting or offline
    #[arg(long)]
    status: Option<Status>,
    /// Only agents with this capability
    #[arg(long, visible_alias = "cap")]
    capability: Option<Word>,
    /// Only agents with this label
    #[arg(long)]
    label: Option<Label>,
    /// Only agents of this provider
    #[arg(long)]
    provider: Option<Slug>,
    /// Only agents in this project
    #[arg(long)]
    project: Option<Line>,
}

impl Agents {
    /// Prints all of them, page by page.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let query = query::Agents {
            tag: self.tag,
            machine: self.machine,
            status: self.status,
            capability: self.capability,
            label: self.label,
            provider: self.provider,
            project: self.project,
            ..query::Agents::default()
        };
        let agents = context.alive_while(context.relay.all_agents(&query)).await?;
        context.output.list(
            &agents,
            "no agents; `agent-relay join NAME` makes this terminal one",
            || agent::list(&agents, context.now()),
        )
    }
}

/// Show or set what people call this agent
#[derive(Debug, clap::Args)]
pub struct SetLabel {
    /// The label; without it, shows the present one
    #[arg(value_name = "TEXT")]
    words: Vec<String>,
    /// Take the label away
    #[arg(long, conflicts_with = "words")]
    clear: bool,
}

impl SetLabel {
    /// Words need no quotes: they are joined.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let label = match self.words.as_slice() {
            [] if self.clear => Some(None),
            [] => None,
            words => Some(Some(parse_label(&words.join(" "))?)),
        };
        let change =
            label.map(|label| UpdateAgent { label: Some(label), ..UpdateAgent::default() });
        show(context, change, |agent| {
            agent.label.as_ref().map_or("no label".to_owned(), |label| inline(label))
        })
        .await
    }
}

fn parse_label(text: &str) -> Result<Label, Failure> {
    text.parse().map_err(|error| Failure::usage(format_args!("the label {error}")))
}

/// Show or set the groups this agent belongs to
#[derive(Debug, clap::Args)]
pub struct SetTags {
    /// The tags, all of them; without any, shows the present ones
    #[arg(value_name = "TAG")]
    tags: Vec<Word>,
    /// Take all tags away
    #[arg(long, conflicts_with = "tags")]
    clear: bool,
}

impl SetTags {
    /// Replaces the tags by those given.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let change = (self.clear || !self.tags.is_empty())
            .then(|| UpdateAgent { tags: Some(self.tags), ..UpdateAgent::default() });
        show(context, change, |agent| match agent.tags.as_slice() {
            [] => "no tags".to_owned(),
            tags => agent::words(tags),
        })
        .await
    }
}

/// Changes the current agent where there is something to change, and shows it.
async fn show(
    context: &Context,
    change: Option<UpdateAgent>,
    people: impl FnOnce(&Agent) -> String,
) -> Result<(), Failure> {
    let me = context.me();
    let agent = match change {
        Some(change) => context.alive_while(context.relay.update_agent(me, &change)).await?,
        None => context.alive_while(context.relay.agent(me)).await?,
    };
    context.output.show(&agent, || people(&agent))
}
