//! The relay: whether it is there, takes the token, is of our version and knows the time.

use super::Finding;
use crate::version;

/// What came back from the relay's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A relay that can store.
    Ready,
    /// A relay that cannot, with its word for why.
    NotReady(String),
    /// Something that is no relay, and how it showed.
    Stranger(String),
    /// Nothing.
    Nothing(String),
}

/// What is known of the relay's address.
#[derive(Clone, Debug)]
pub struct Reached<'a> {
    /// The address.
    pub url: &'a str,
    /// What came back.
    pub answer: Answer,
    /// Whether it can only be on this machine.
    pub is_local: bool,
    /// The process that listens there, where the system tells.
    pub holder: Option<String>,
    /// Whether the relay is installed as a service here.
    pub is_service: bool,
}

/// Whether the relay is there and does its work.
pub fn reached(facts: &Reached<'_>) -> Finding {
    let Reached { url, answer, is_local, holder, is_service } = facts;
    let held = |what: &str| match holder {
        Some(holder) => format!("{what} ({holder} listens there)"),
        None => what.to_owned(),
    };
    let failed = |found: String, hint: String| Finding::failed("relay", found).hint(hint);
    match answer {
        Answer::Ready => Finding::ok("relay", format!("ready at {url}")),
        Answer::NotReady(word) => {
            let (why, hint) = not_ready(word);
            failed(format!("the relay at {url} {why}"), hint.to_owned())
        }
        Answer::Stranger(how) if *is_local => failed(
            held(&format!("another program has the relay's address {url}: {how}")),
            "stop that program, or move the relay: agent-relay setup --port PORT, then start it again"
                .to_owned(),
        ),
        Answer::Stranger(how) => failed(
            format!("what answers at {url} is no relay: {how}"),
            "check the address: AGENT_RELAY_URL, or agent-relay context show".to_owned(),
        ),
        Answer::Nothing(why) if *is_local && holder.is_some() => failed(
            held(&format!("nothing answers at {url}: {why}")),
            "look at its log, and restart it: agent-relay daemon logs; agent-relay daemon restart"
                .to_owned(),
        ),
        Answer::Nothing(why) if *is_local => failed(
            format!("no relay runs at {url}: {why}"),
            if *is_service { "agent-relay daemon start" } else { "agent-relay serve" }.to_owned(),
        ),
        Answer::Nothing(why) => failed(
            format!("no relay is reached at {url}: {why}"),
            "check the address and the network, and that the relay runs there and listens beyond loopback"
                .to_owned(),
        ),
    }
}

fn not_ready(word: &str) -> (&'static str, &'static str) {
    match word {
        "full" => (
            "runs, but its disk is full: nothing can be stored",
            "make room on the disk; the relay goes on by itself",
        ),
        "failed" => (
            "runs, but its disk fails: nothing can be stored",
            "look at its log and its disk; every write tries it again",
        ),
        "stopping" => ("is stopping", "start it again when it has stopped"),
        _ => ("runs, but cannot store", "look at its log: agent-relay daemon logs"),
    }
}

/// What became of our token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenAnswer {
    /// It was taken, or none was asked for.
    Accepted,
    /// The relay does not know it, or wants one.
    Refused,
    /// It is known, and may not do this.
    Limited(String),
    /// Something else came in between.
    Unclear(String),
}

/// Whether the relay takes the token that comes from `source`; `None` where there is none.
pub fn token(source: Option<&str>, answer: &TokenAnswer) -> Finding {
    match (answer, source) {
        (TokenAnswer::Accepted, Some(source)) => {
            Finding::ok("token", format!("accepted; it comes from {source}"))
        }
        (TokenAnswer::Accepted, None) => Finding::ok("token", "none is asked for, and none is set"),
        (TokenAnswer::Refused, Some(source)) => {
            Finding::failed("token", format!("the relay does not know the token from {source}"))
                .hint("put the relay's own there; a relay that runs goes by the one it was started with")
        }
        (TokenAnswer::Refused, None) => {
            Finding::failed("token", "the relay asks for a token, and none is set")
                .hint("set AGENT_RELAY_TOKEN, or: agent-relay context add NAME --url URL --token-file FILE --use")
        }
        (TokenAnswer::Limited(why), _) => {
            Finding::warning("token", format!("it is known, but limited: {why}"))
        }
        (TokenAnswer::Unclear(why), _) => Finding::warning("token", why.clone()),
    }
}

/// Whether what talks to each other is of one series. `is_local` says that we could restart it.
pub fn version(mine: &str, theirs: &str, is_local: bool) -> Finding {
    if version::warning(mine, theirs).is_none() {
        let both = if mine == theirs {
            format!("{mine}, both")
        } else {
            format!("{mine}; the relay {theirs}")
        };
        return Finding::ok("version", both);
    }
    if version::is_older(theirs, mine) {
        let hint = if is_local {
            "agent-relay daemon restart, or stop it and: agent-relay serve"
        } else {
            "upgrade the relay on its machine: agent-relay upgrade"
        };
        let found = format!("the relay is stale: it runs {theirs}, and this program is {mine}");
        return Finding::warning("version", found).hint(hint);
    }
    let found = format!("this program is stale: it is {mine}, and the relay runs {theirs}");
    Finding::warning("version", found).hint("agent-relay upgrade")
}

/// More than this, and ages and deadlines begin to look odd.
const ODD_MS: i64 = 10_000;
/// More than this, and receivers of callbacks refuse them as too old or from the future.
const WRONG_MS: i64 = 300_000;

/// Whether the relay's clock and ours agree; `ahead_ms` is by how much it is before ours.
pub fn clock(ahead_ms: i64) -> Finding {
    let apart = ahead_ms.saturating_abs();
    if apart <= ODD_MS {
        return Finding::ok("clock", "the relay's and this machine's agree");
    }
    let side = if ahead_ms > 0 { "ahead of" } else { "behind" };
    let found = format!("the relay's clock is {} s {side} this machine's", apart / 1000);
    let hint = "set the wrong one by the network: timedatectl set-ntp true";
    if apart < WRONG_MS {
        return Finding::warning("clock", found).hint(hint);
    }
    Finding::failed(
        "clock",
        format!("{found}: callbacks are refused, ages and deadlines are wrong"),
    )
    .hint(hint)
}

#[cfg(test)]
mod tests {
    use super::{super::State, *};

    #[track_caller]
    fn check(finding: &Finding, state: State, found: &str, hint: &str) {
        assert_eq!(finding.state, state, "{finding:?}");
        assert!(finding.found.contains(found), "no {found:?} in {finding:?}");
        assert!(finding.hint.as_deref().unwrap_or("").contains(hint), "no {hint:?} in {finding:?}");
    }

    #[test]
    fn what_is_at_the_address_decides_what_to_do() {
        let nothing = || Answer::Nothing("connection refused".to_owned());
        let stranger = || Answer::Stranger("status 404".to_owned());
        for (answer, is_local, holder, is_service, state, found, hint) in [
            (Answer::Ready, true, None, false, State::Ok, "ready at http://x", ""),
            (nothing(), true, None, false, State::Failed, "no relay runs", "agent-relay serve"),
            (nothing(), true, None, true, State::Failed, "no relay runs", "daemon start"),
            (nothing(), true, Some("nc"), true, State::Failed, "(nc listens there)", "restart"),
            (nothing(), false, None, false, State::Failed, "no relay is reached", "the network"),
            (
                stranger(),
                true,
                Some("nc"),
                false,
                State::Failed,
                "(nc listens there)",
                "setup --port",
            ),
            (stranger(), true, None, false, State::Failed, "another program has", "setup --port"),
            (stranger(), false, None, false, State::Failed, "is no relay", "AGENT_RELAY_URL"),
            (
                Answer::NotReady("full".into()),
                true,
                None,
                false,
                State::Failed,
                "disk is full",
                "room",
            ),
            (
                Answer::NotReady("failed".into()),
                true,
                None,
                false,
                State::Failed,
                "disk fails",
                "log",
            ),
            (
                Answer::NotReady("new".into()),
                true,
                None,
                false,
                State::Failed,
                "cannot store",
                "log",
            ),
        ] {
            let holder = holder.map(str::to_owned);
            let facts = Reached { url: "http://x", answer, is_local, holder, is_service };
            check(&reached(&facts), state, found, hint);
        }
    }

    #[test]
    fn a_token_is_told_by_where_it_comes_from() {
        let limited = TokenAnswer::Limited("no scope".to_owned());
        for (source, answer, state, found, hint) in [
            (Some("X"), TokenAnswer::Accepted, State::Ok, "accepted; it comes from X", ""),
            (None, TokenAnswer::Accepted, State::Ok, "none is asked for", ""),
            (Some("X"), TokenAnswer::Refused, State::Failed, "not know the token from X", "own"),
            (None, TokenAnswer::Refused, State::Failed, "none is set", "AGENT_RELAY_TOKEN"),
            (Some("X"), limited, State::Warning, "limited: no scope", ""),
        ] {
            check(&token(source, &answer), state, found, hint);
        }
    }

    #[test]
    fn the_stale_one_is_named() {
        for (mine, theirs, is_local, state, found, hint) in [
            ("0.1.0", "0.1.0", true, State::Ok, "0.1.0, both", ""),
            ("0.1.0", "0.1.9", true, State::Ok, "the relay 0.1.9", ""),
            (
                "0.2.0",
                "0.1.9",
                true,
                State::Warning,
                "the relay is stale: it runs 0.1.9",
                "restart",
            ),
            ("0.2.0", "0.1.9", false, State::Warning, "the relay is stale", "on its machine"),
            ("0.9.0", "0.10.0", true, State::Warning, "this program is stale", "upgrade"),
        ] {
            check(&version(mine, theirs, is_local), state, found, hint);
        }
    }

    #[test]
    fn a_clock_may_be_a_little_off() {
        for (ahead_ms, state, found) in [
            (0, State::Ok, "agree"),
            (-10_000, State::Ok, "agree"),
            (11_000, State::Warning, "11 s ahead of"),
            (-299_999, State::Warning, "299 s behind"),
            (300_000, State::Failed, "300 s ahead of"),
            (i64::MIN, State::Failed, "behind"),
        ] {
            check(&clock(ahead_ms), state, found, if state == State::Ok { "" } else { "ntp" });
        }
    }
}
