//! The relay: what is at its address, what it says of itself, and who is there.

use std::time::Duration;

use relay_client::{config::Config, error::ClientError, http::Relay, pulse::Pulse};
use relay_core::{
    agent::Agent,
    api::query,
    doctor::{self, Answer, Finding, Reached, TokenAnswer},
    time::{Clock as _, Timestamp},
    version::VERSION,
};
use relay_store::SystemClock;
use tokio::time::timeout;

use crate::{context::Context, daemon::Manager, port, settings::Settings, speaker};

/// How long the relay may take for one answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was seen of the relay.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Whether a relay answers, ready or not.
    pub answers: bool,
    /// Whether it can only be on this machine.
    pub is_local: bool,
    /// The process that listens on its port here.
    pub holder: Option<u32>,
    /// Its address.
    pub url: String,
}

/// Looks at the relay that the settings name, its token, its version and its clock.
pub async fn look(settings: &Settings, findings: &mut Vec<Finding>) -> Seen {
    let asked = settings.client().and_then(|config| {
        let relay = config.relay().map_err(|error| settings.wrong(error))?;
        Ok((config, relay.with_retries(0)))
    });
    let Ok((config, relay)) = asked else {
        findings.push(Finding::skipped("relay", "its address is in settings that cannot be read"));
        return Seen::default();
    };
    let before = SystemClock.now();
    let pulse = relay.pulse().await;
    let middle = Timestamp(before.0.midpoint(SystemClock.now().0));
    let seen = push_reached(&relay, &pulse, findings);
    if seen.answers {
        if let Pulse::Answer { at: Some(at), .. } = pulse {
            findings.push(doctor::clock(ahead(at, middle)));
        }
        push_known(settings, &config, &relay, findings).await;
    }
    seen
}

/// The other side writes whole seconds; the half of one is the fairest guess.
fn ahead(theirs: Timestamp, ours: Timestamp) -> i64 {
    theirs.0 + 500 - ours.0
}

fn push_reached(relay: &Relay, pulse: &Pulse, findings: &mut Vec<Finding>) -> Seen {
    let answer = match pulse {
        Pulse::Answer { status: 200, word, .. } if word == "ready" => Answer::Ready,
        Pulse::Answer { status: 503, word, .. }
            if ["full", "failed", "stopping", "closed"].contains(&word.as_str()) =>
        {
            Answer::NotReady(word.clone())
        }
        Pulse::Answer { status, .. } => {
            Answer::Stranger(format!("it answers with status {status}, as no relay does"))
        }
        Pulse::Garbled(why) => Answer::Stranger(format!("it speaks no HTTP: {why}")),
        Pulse::Silent(why) => Answer::Nothing(why.clone()),
    };
    let is_local = relay.is_local();
    let port = speaker::port(relay.url()).filter(|_| is_local);
    let holder = port.and_then(port::holder);
    let seen = Seen {
        answers: matches!(answer, Answer::Ready | Answer::NotReady(_)),
        is_local,
        holder: holder.as_ref().map(|holder| holder.pid),
        url: relay.url().to_owned(),
    };
    findings.push(doctor::reached(&Reached {
        url: relay.url(),
        answer,
        is_local,
        holder: holder.map(|holder| holder.to_string()),
        is_service: Manager::here().is_ok_and(|manager| manager.has_it()),
    }));
    seen
}

/// What the relay says to whom it knows.
async fn push_known(
    settings: &Settings,
    config: &Config,
    relay: &Relay,
    findings: &mut Vec<Finding>,
) {
    let stats = timeout(PATIENCE, relay.stats()).await;
    let source = settings.token_source(config);
    let (answer, version) = match stats {
        Ok(Ok(stats)) => (TokenAnswer::Accepted, Some(stats.version)),
        Ok(Err(ClientError::Unauthorized(refusal))) if refusal.status == 401 => {
            (TokenAnswer::Refused, version_for_operator(settings).await)
        }
        Ok(Err(ClientError::Unauthorized(refusal))) => {
            (TokenAnswer::Limited(refusal.message), None)
        }
        Ok(Err(error)) => (TokenAnswer::Unclear(error.to_string()), None),
        Err(_) => (TokenAnswer::Unclear("the relay does not answer in time".to_owned()), None),
    };
    findings.push(doctor::token(source.as_deref(), &answer));
    findings.push(match version {
        Some(theirs) => doctor::version(VERSION, &theirs, relay.is_local()),
        None => Finding::skipped(
            "version",
            format!("{VERSION}; the relay tells its own to whom it knows"),
        ),
    });
}

/// The operator's token opens the relay of this machine, whatever the settings say.
async fn version_for_operator(settings: &Settings) -> Option<String> {
    let context = Context::open(settings, None, crate::output::Output::new(false)).ok()?;
    Some(timeout(PATIENCE, context.relay.stats()).await.ok()?.ok()?.version)
}

/// What the relay finds wrong with itself.
pub async fn health(context: &Context, findings: &mut Vec<Finding>) {
    let health = match timeout(PATIENCE, context.relay.health()).await {
        Ok(Ok(health)) => health,
        Ok(Err(error)) => return findings.push(Finding::skipped("health", error.to_string())),
        Err(_) => return findings.push(Finding::skipped("health", "no answer in time")),
    };
    let broken: Vec<_> = health.checks.iter().filter(|check| !check.ok).collect();
    if broken.is_empty() {
        let count = health.checks.len();
        return findings.push(Finding::ok("health", format!("{count} checks of the relay's own")));
    }
    let told: Vec<_> =
        broken.iter().map(|check| format!("{}: {}", check.name, check.detail)).collect();
    findings
        .push(Finding::failed("health", told.join("; ")).hint(
            "docs/deployment.md says what to do; its log says more: agent-relay daemon logs",
        ));
}

/// Who is there, and whether two of them go by one name.
pub async fn agents(context: &Context, findings: &mut Vec<Finding>) -> Option<Vec<Agent>> {
    match timeout(PATIENCE, context.relay.all_agents(&query::Agents::default())).await {
        Ok(Ok(agents)) => {
            findings.push(doctor::doubles(&agents));
            Some(agents)
        }
        Ok(Err(error)) => {
            findings.push(Finding::skipped("agents", error.to_string()));
            None
        }
        Err(_) => {
            findings.push(Finding::skipped("agents", "no answer in time"));
            None
        }
    }
}
