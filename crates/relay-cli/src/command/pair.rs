//! Pairs: invite an agent, answer, talk, hang up.

use relay_core::{
    api::{
        query,
        request::{ActOnPair, InvitePair, SayInPair},
    },
    id::{AgentId, PairId},
    pair::{INVITATION, Pair, Status},
    target::Whom,
    text::Note,
};

use crate::{
    context::Context,
    failure::Failure,
    input::{Text, short},
    output::pair,
};

/// Pair up with one agent: an exclusive live chat of two
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(disable_help_subcommand = true)]
pub struct PairUp {
    /// Whom to invite: an agent's id, label, name, provider or project; or id:X, tag:X, cap:X, label:X, machine:X
    #[arg(required = true)]
    target: Option<Whom>,
    /// What it is for
    #[arg(value_name = "OBJECTIVE")]
    words: Vec<String>,
    /// What it is for
    #[arg(long, value_name = "TEXT", conflicts_with = "words")]
    objective: Option<String>,
    #[command(subcommand)]
    step: Option<Step>,
}

/// What to do with a pair.
#[derive(Debug, clap::Subcommand)]
enum Step {
    Accept(Accept),
    Reject(Reject),
    Send(Send),
    Hangup(HangUp),
    Status(Show),
}

impl PairUp {
    /// Invites, or goes on with a pair that is there.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        match (self.step, self.target) {
            (Some(Step::Accept(accept)), _) => accept.run(context).await,
            (Some(Step::Reject(reject)), _) => reject.run(context).await,
            (Some(Step::Send(send)), _) => send.run(context).await,
            (Some(Step::Hangup(hang_up)), _) => hang_up.run(context).await,
            (Some(Step::Status(show)), _) => show.run(context).await,
            (None, Some(target)) => {
                let words = (!self.words.is_empty()).then(|| self.words.join(" "));
                invite(context, target, self.objective.or(words)).await
            }
            (None, None) => Err(Failure::usage("whom to invite is missing")),
        }
    }
}

async fn invite(context: &Context, target: Whom, what: Option<String>) -> Result<(), Failure> {
    let note = |text: String| {
        let read = text.parse::<Note>();
        read.map_err(|error| Failure::usage(format_args!("the objective {error}")))
    };
    let request = InvitePair {
        from: Some(context.me().clone()),
        objective: what.map(note).transpose()?,
        ..InvitePair::new(target)
    };
    let made = context.alive_while(context.relay.invite_pair(&request)).await?;
    context.output.show(&made, || format!("invited {} to pair {}", made.partner, made.id))?;
    context.output.note(&format!(
        "{} has {} to answer: `agent-relay inbox --wait` waits for it, `agent-relay disconnect` takes the invitation back",
        made.partner,
        short(INVITATION)
    ));
    Ok(())
}

/// Accept an invitation
#[derive(Debug, clap::Args)]
struct Accept {
    /// The pair [default: the one this agent is invited to]
    id: Option<PairId>,
}

impl Accept {
    async fn run(self, context: &Context) -> Result<(), Failure> {
        let id = chosen(self.id, context, |pair| is_invited(context, pair), NO_INVITATION).await?;
        let made = context.alive_while(context.relay.accept_pair(&id, &acting(context))).await?;
        say(context, &made, "is active")?;
        context.output.note(
            "`agent-relay pair send --body TEXT` talks, `agent-relay inbox --wait` listens, `agent-relay disconnect` ends it",
        );
        Ok(())
    }
}

/// Decline an invitation
#[derive(Debug, clap::Args)]
struct Reject {
    /// The pair [default: the one this agent is invited to]
    id: Option<PairId>,
}

impl Reject {
    async fn run(self, context: &Context) -> Result<(), Failure> {
        let id = chosen(self.id, context, |pair| is_invited(context, pair), NO_INVITATION).await?;
        let over = context.alive_while(context.relay.reject_pair(&id, &acting(context))).await?;
        say(context, &over, "is declined")
    }
}

/// Say something to the other side of a pair
#[derive(Debug, clap::Args)]
struct Send {
    /// The pair [default: the one this agent is in]
    id: Option<PairId>,
    /// The text; `-`, or nothing when something is piped in, reads standard input
    #[arg(long, value_name = "TEXT", conflicts_with = "words")]
    body: Option<String>,
    #[command(flatten)]
    text: Text,
}

impl Send {
    async fn run(self, context: &Context) -> Result<(), Failure> {
        let body = self.body.map_or(self.text, Text::of).read()?;
        let active = |pair: &Pair| pair.status == Status::Active;
        let id = chosen(self.id, context, active, "is in no pair that was accepted").await?;
        let request = SayInPair { from: Some(context.me().clone()), ..SayInPair::new(body) };
        let sent = context.alive_while(context.relay.say_in_pair(&id, &request)).await?;
        let message = &sent.message;
        context.output.show(&sent, || format!("sent [msg:{}] to {}", message.id, message.to))
    }
}

/// End a pair, or take an invitation back
#[derive(Debug, clap::Args)]
pub struct HangUp {
    /// The pair [default: the one this agent is in]
    id: Option<PairId>,
}

impl HangUp {
    /// Hangs up; the other side is told.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let id = chosen(self.id, context, |_| true, "is in no pair").await?;
        let over = context.alive_while(context.relay.hang_up_pair(&id, &acting(context))).await?;
        say(context, &over, "is over")
    }
}

/// Show the pair this agent is in
#[derive(Debug, clap::Args)]
struct Show {
    /// Those that are over, too
    #[arg(long)]
    all: bool,
}

impl Show {
    async fn run(self, context: &Context) -> Result<(), Failure> {
        let pairs = if self.all {
            let query = query::Pairs { agent: Some(context.me().clone()), ..Default::default() };
            context.alive_while(context.relay.all_pairs(&query)).await?
        } else {
            context.alive_while(current(context)).await?.into_iter().collect()
        };
        context.output.list(
            &pairs,
            "in no pair; `agent-relay pair TARGET` invites an agent",
            || pair::list(&pairs, context.me(), context.now()),
        )
    }
}

const NO_INVITATION: &str = "has no invitation to answer";

/// Asks for an agent's newest pair: the one that is not over, if it has one.
pub fn newest(agent: &AgentId) -> query::Pairs {
    query::Pairs {
        agent: Some(agent.clone()),
        limit: Some(query::Within(1)),
        ..query::Pairs::default()
    }
}

/// The one of an agent's newest pairs that is not over.
pub fn live(pairs: Vec<Pair>) -> Option<Pair> {
    pairs.into_iter().find(|pair| pair.status.is_live())
}

async fn current(context: &Context) -> Result<Option<Pair>, Failure> {
    Ok(live(context.relay.pairs(&newest(context.me())).await?.items))
}

/// The pair that was named, else the one this agent is in, if it is what is wanted.
async fn chosen(
    named: Option<PairId>,
    context: &Context,
    wanted: impl Fn(&Pair) -> bool,
    none: &str,
) -> Result<PairId, Failure> {
    if let Some(id) = named {
        return Ok(id);
    }
    let me = context.me();
    match current(context).await? {
        Some(pair) if wanted(&pair) => Ok(pair.id),
        Some(other) => Err(Failure::refused(format_args!("`{me}` {none}"))
            .hint(format_args!("it is in pair {}", pair::brief(&other, me)))),
        None => Err(Failure::refused(format_args!("`{me}` {none}"))
            .hint("name the pair, or invite an agent: agent-relay pair TARGET")),
    }
}

fn is_invited(context: &Context, pair: &Pair) -> bool {
    pair.status == Status::Pending && pair.partner == *context.me()
}

fn acting(context: &Context) -> ActOnPair {
    ActOnPair { agent_id: Some(context.me().clone()), ..ActOnPair::default() }
}

fn say(context: &Context, made: &Pair, what: &str) -> Result<(), Failure> {
    let with = pair::with(made, context.me());
    context.output.show(made, || format!("pair {} with {with} {what}", made.id))
}
