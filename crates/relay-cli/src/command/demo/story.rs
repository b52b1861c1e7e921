//! What happens in the demo: an hour of the past, scenes that go on for ever, and how it stands still.
//! A key names what a later step goes back to.

use relay_core::{
    agent::Status::{Busy, Idle, Waiting},
    task::{
        Severity::{self, Error, Info, Warning},
        Status::{Blocked, Done, InProgress},
    },
};

/// One thing that one of them does.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// So many minutes ago; only the past moves by it.
    Ago(u32),
    /// WHO is STATUS, doing THIS.
    Is(&'static str, relay_core::agent::Status, &'static str),
    /// Under KEY, WHO says to TARGET: TEXT.
    Says(&'static str, &'static str, &'static str, &'static str),
    /// WHO answers KEY: TEXT. Who holds work finishes it so.
    Answers(&'static str, &'static str, &'static str),
    /// Under KEY, WHO offers to TARGET the work: TEXT.
    Offers(&'static str, &'static str, &'static str, &'static str),
    /// WHO claims the work KEY.
    Claims(&'static str, &'static str),
    /// Under KEY, an integration reports.
    Reports(&'static str, Report),
    /// Under KEY, WHO creates a task for TARGET: TITLE, TEXT.
    Orders(&'static str, &'static str, &'static str, &'static str, &'static str),
    /// WHO takes the task KEY.
    Takes(&'static str, &'static str),
    /// WHO says how far the task KEY is.
    Tells(&'static str, &'static str, relay_core::task::Status, &'static str),
    /// Under KEY, WHO invites WHOM to a pair for OBJECTIVE.
    Invites(&'static str, &'static str, &'static str, &'static str),
    /// WHO accepts the pair KEY.
    Accepts(&'static str, &'static str),
    /// WHO says in the pair KEY: TEXT.
    Talks(&'static str, &'static str, &'static str),
    /// WHO ends the pair KEY.
    HangsUp(&'static str, &'static str),
    /// WHO goes away; mail waits.
    Leaves(&'static str),
    /// WHO is back.
    Returns(&'static str),
}

/// What an integration reports; a second time with the same key it is counted.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    pub source: &'static str,
    pub kind: &'static str,
    pub severity: Severity,
    pub target: &'static str,
    pub title: &'static str,
    pub body: &'static str,
}

use Step::{
    Accepts, Ago, Answers, Claims, HangsUp, Invites, Is, Leaves, Offers, Orders, Reports, Returns,
    Says, Takes, Talks, Tells,
};

/// How far back the story begins, and how long the scenes take where they are the past, too.
pub const BEGINS_MINUTES_AGO: i64 = 60;
pub const SCENES_MINUTES: i64 = 12;
/// The operator, in the past.
pub const HUMAN: &str = "human";
/// The integrations.
pub const SOURCES: [&str; 2] = ["monitoring", "helpdesk"];
/// Whom they may give work to.
pub const TARGETS: [&str; 2] = ["cap:ops", "label:frontend"];
/// The one whose address for callbacks does not answer, so that there are dead letters to look at.
pub const UNREACHABLE: &str = "helpdesk";
pub const NOBODY_LISTENS: &str = "http://127.0.0.1:9/agent-relay";

const CHECKOUT: Report = Report {
    source: "monitoring",
    kind: "alert",
    severity: Error,
    target: "cap:ops",
    title: "Checkout errors above 2 %",
    body: "4.1 % of POST /orders failed in the last ten minutes; the threshold is 2 %.",
};
const DISK: Report = Report {
    source: "monitoring",
    kind: "alert",
    severity: Warning,
    target: "cap:ops",
    title: "Disk of db-1 at 87 %",
    body: "/var/lib/postgresql grows by 2 % a day.",
};
const LATENCY: Report = Report {
    source: "monitoring",
    kind: "alert",
    severity: Warning,
    target: "cap:ops",
    title: "Search is slow: p95 at 840 ms",
    body: "Usually it is at 210 ms. No release in the last hour.",
};
const ADDRESS: Report = Report {
    source: "helpdesk",
    kind: "ticket",
    severity: Info,
    target: "label:frontend",
    title: "A customer cannot change the delivery address",
    body: "Ticket 1184: after saving, the old postcode is back. Firefox, signed in.",
};

pub const PAST: &[Step] = &[
    Ago(59),
    Is("backend", Busy, "Coupons: reading the old table and the new one"),
    Says(
        "codes",
        HUMAN,
        "label:backend",
        "Please keep the old coupon codes valid until Friday. Support has promised it.",
    ),
    Answers(
        "backend",
        "codes",
        "Will do. Both tables are read until then; the old one goes with a migration on Saturday.",
    ),
    Ago(56),
    Says(
        "price",
        "backend",
        "label:frontend",
        "The API rounds prices now, half to even. The cart can drop its own rounding.",
    ),
    Answers("frontend", "price", "Dropped it, and the three tests that pinned the old sums."),
    Answers(
        "backend",
        "price",
        "Thanks. There is one more in checkout.ts, where the voucher is subtracted.",
    ),
    Answers("frontend", "price", "Gone as well."),
    Ago(52),
    Reports("checkout", CHECKOUT),
    Reports("checkout", CHECKOUT),
    Is("ops", Busy, "Checkout errors"),
    Takes("ops", "checkout"),
    Tells(
        "ops",
        "checkout",
        InProgress,
        "Orders fail while the stock service restarts. Looking for why it restarts.",
    ),
    Ago(48),
    Reports("checkout", CHECKOUT),
    Says("retry", "ops", "label:backend", "Does the order call try again when stock answers 503?"),
    Answers(
        "backend",
        "retry",
        "Once, and at once. It should wait a moment. I add a back-off, it is six lines.",
    ),
    Ago(45),
    Tells(
        "ops",
        "checkout",
        Done,
        "The stock service ran out of memory. Its limit is raised, and the order call waits before it tries again. Errors are at 0.1 %.",
    ),
    Is("ops", Idle, ""),
    Ago(42),
    Says("today", "shop team", "label:backend", "Anna: can the coupon fix go out today?"),
    Answers(
        "backend",
        "today",
        "It can. It is being reviewed now, and the release is cut this afternoon.",
    ),
    Ago(40),
    Offers(
        "coupons",
        "backend",
        "cap:review",
        "Review the branch coupons-both-tables: 140 lines, one migration.\n\nPlease look at the query in `coupon.rs` first. It runs on every checkout.",
    ),
    Claims("reviewer", "coupons"),
    Claims("frontend", "coupons"),
    Is("reviewer", Busy, "Reviewing coupons-both-tables"),
    Ago(36),
    Answers(
        "reviewer",
        "coupons",
        "Two findings:\n\n1. The old table is read without its index; `EXPLAIN` shows a scan of 1.2 million rows.\n2. `expired_code_is_refused` passes without the change, so it tests nothing.\n\nOtherwise good.",
    ),
    Is("reviewer", Idle, ""),
    Answers("backend", "coupons", "Both fixed. The index is used, and the test fails on main."),
    Ago(33),
    Answers("reviewer", "coupons", "Then it is fine to merge."),
    Ago(31),
    Invites("endpoint", "backend", "frontend", "Agree on the coupon endpoint"),
    Accepts("frontend", "endpoint"),
    Talks(
        "backend",
        "endpoint",
        "I would return the price before and after, and the reason when a code is refused.",
    ),
    Talks(
        "frontend",
        "endpoint",
        "Good. Can the reason be a word and not a sentence? I translate it.",
    ),
    Talks("backend", "endpoint", "Then `expired`, `used` and `not_yet`. Anything else is a 400."),
    Ago(29),
    Talks("frontend", "endpoint", "That is enough for me. I build the form against it."),
    HangsUp("backend", "endpoint"),
    Ago(24),
    Reports("address", ADDRESS),
    Takes("frontend", "address"),
    Is("frontend", Busy, "Ticket 1184: delivery address"),
    Tells(
        "frontend",
        "address",
        InProgress,
        "Reproduced. The form sends the postcode before it is changed.",
    ),
    Ago(20),
    Says(
        "cut",
        "release",
        "broadcast",
        "Release 2.14 is cut in one hour. What should be in it must be merged by then.",
    ),
    Answers("backend", "cut", "Coupons are merged."),
    Answers("docs", "cut", "The page about coupons is written; its pictures follow."),
    Ago(16),
    Tells(
        "frontend",
        "address",
        Done,
        "Fixed, with a test that types as a person does. It is part of 2.14.",
    ),
    Is("frontend", Idle, ""),
    Leaves("docs"),
    Ago(12),
    Says(
        "pictures",
        "frontend",
        "label:docs",
        "The address form looks different now. The two pictures in the guide are old.",
    ),
    Ago(10),
    Orders(
        "notes",
        "release",
        "label:docs",
        "Write the notes of release 2.14",
        "Coupons, the address form, the back-off of the order call.",
    ),
    Offers("backoff", "backend", "cap:review", "Review the branch order-backoff: 30 lines."),
    Ago(7),
    Reports("disk", DISK),
    Is("ops", Busy, "Disk of db-1"),
    Takes("ops", "disk"),
    Tells(
        "ops",
        "disk",
        InProgress,
        "40 GB are old base backups. The newest three are enough to restore from.",
    ),
    Ago(4),
    Tells("ops", "disk", Blocked, "Deleting backups needs somebody's permission."),
    Is("ops", Waiting, "Permission: delete 11 base backups older than 30 days"),
    Ago(2),
    Says("empty", "frontend", "label:backend", "What does the endpoint say to an empty code?"),
    Answers("backend", "empty", "400, as for any code that is none. The form need not send it."),
    Ago(0),
];

pub const SCENES: &[&[Step]] = &[TALK, RACE, PERMISSION, TOGETHER, TEAM];

const TALK: &[Step] = &[
    Is("backend", Busy, "Order back-off"),
    Says(
        "stock",
        "backend",
        "label:frontend",
        "An order may take up to two seconds longer now, when stock is slow. Does the button show that it works?",
    ),
    Answers("frontend", "stock", "It shows a spinner after 300 ms, and cannot be pressed twice."),
    Answers("backend", "stock", "Then nothing else changes for you."),
    Is("backend", Idle, ""),
];

const RACE: &[Step] = &[
    Offers(
        "search",
        "backend",
        "cap:review",
        "Review the branch search-index: 60 lines, no migration.",
    ),
    Claims("frontend", "search"),
    Claims("reviewer", "search"),
    Is("frontend", Busy, "Reviewing search-index"),
    Says(
        "mine",
        "frontend",
        "label:reviewer",
        "I have the search index. The back-off is still open.",
    ),
    Answers("reviewer", "mine", "Taking that one."),
    Claims("reviewer", "backoff"),
    Answers("frontend", "search", "Good as it is. The new test is the one I missed last time."),
    Is("frontend", Idle, ""),
];

const PERMISSION: &[Step] = &[
    Is("ops", Busy, "Disk of db-1"),
    Tells("ops", "disk", InProgress, "Permission given. Deleting, oldest first."),
    Reports("latency", LATENCY),
    Tells(
        "ops",
        "disk",
        Done,
        "db-1 is at 41 %. Backups older than 30 days go by themselves from now on.",
    ),
    Takes("ops", "latency"),
    Tells(
        "ops",
        "latency",
        InProgress,
        "One query misses the index since the nightly import. Building it anew, without a lock.",
    ),
    Tells("ops", "latency", Done, "p95 is at 190 ms."),
    Reports("disk", DISK),
    Takes("ops", "disk"),
    Tells("ops", "disk", Blocked, "Deleting backups needs somebody's permission."),
    Is("ops", Waiting, "Permission: delete 11 base backups older than 30 days"),
];

const TOGETHER: &[Step] = &[
    Invites("flaky", "reviewer", "frontend", "login_expires fails one time in ten"),
    Accepts("frontend", "flaky"),
    Talks(
        "reviewer",
        "flaky",
        "It waits for a second of real time. On a busy machine that is not enough.",
    ),
    Talks("frontend", "flaky", "The session takes a clock. The test can move it."),
    Talks("reviewer", "flaky", "Two hundred runs, none failed. I send you the change."),
    HangsUp("reviewer", "flaky"),
];

const TEAM: &[Step] = &[
    Returns("docs"),
    Is("docs", Busy, "Pictures of the address form"),
    Answers("docs", "pictures", "Both are new. The guide is up to date."),
    Says("guide", "shop team", "label:docs", "Ben: is the page about coupons public yet?"),
    Answers("docs", "guide", "Since a minute ago, with pictures."),
    Leaves("docs"),
    Says(
        "pictures",
        "frontend",
        "label:docs",
        "One more picture, when you are back: the button with its spinner.",
    ),
];

/// How everything stands when it stands still: something of each kind is open.
pub const LAST: &[Step] = &[
    Offers(
        "index",
        "backend",
        "cap:review",
        "Review the branch import-index: 25 lines. It should be in before tonight's import.",
    ),
    Reports("address", ADDRESS),
    Takes("frontend", "address"),
    Tells(
        "frontend",
        "address",
        InProgress,
        "It is back on small screens only. Looking at the second form.",
    ),
    Is("frontend", Busy, "Ticket 1184: delivery address, on small screens"),
    Invites("notes", "backend", "reviewer", "What of the import belongs into the notes?"),
    Accepts("reviewer", "notes"),
    Talks("backend", "notes", "Only that search is fast again. Nobody outside knows the index."),
    Talks("reviewer", "notes", "Agreed. One line, then."),
    Is("backend", Busy, "Notes of release 2.14"),
    Is("reviewer", Busy, "Reviewing order-backoff"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_past_runs_forward_and_ends_now() {
        let times: Vec<u32> = PAST
            .iter()
            .filter_map(|step| if let Ago(minutes) = step { Some(*minutes) } else { None })
            .collect();
        assert!(times.is_sorted_by(|a, b| a > b), "{times:?}");
        assert_eq!((times[0] < BEGINS_MINUTES_AGO as u32, times.last()), (true, Some(&0)));
    }
}
