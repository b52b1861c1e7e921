//! What the relay answers to what it should never have been sent.
//!
//! The tables beside this file hold one case per line: what goes over the wire, and the one status
//! and code that must come back ([`case`] explains the columns). After every case the judge also
//! looks at what must hold whatever is sent: errors in the API's form, no secret and no input sent
//! back, nothing stored but by a success, the process well. To add a case, add a line.

mod case;
mod exchange;
mod mutation;
mod route;
mod shape;
mod silence;
mod story;
mod template;
mod verdict;
mod wire;
mod world;

use case::Case;
use world::World;

/// Every family's table.
const TABLES: [(&str, &str); 10] = [
    ("json", include_str!("json.jsonl")),
    ("auth", include_str!("auth.jsonl")),
    ("browser", include_str!("browser.jsonl")),
    ("path", include_str!("path.jsonl")),
    ("agents", include_str!("agents.jsonl")),
    ("messages", include_str!("messages.jsonl")),
    ("tasks", include_str!("tasks.jsonl")),
    ("pairs", include_str!("pairs.jsonl")),
    ("sse", include_str!("sse.jsonl")),
    ("raw", include_str!("raw.jsonl")),
];

/// The families in which it does not matter who asks: they hold without any token, too.
const FAMILIES_OF_ANYBODY: [&str; 5] = ["json", "browser", "path", "sse", "raw"];

/// The cases of these families, the slow ones apart.
fn quick_cases(wanted: impl Fn(&str) -> bool) -> Vec<Case> {
    cases(wanted).into_iter().filter(|case| !case.slow).collect()
}

fn cases(wanted: impl Fn(&str) -> bool) -> Vec<Case> {
    let tables = TABLES.iter().filter(|(family, _)| wanted(family));
    tables.flat_map(|(family, table)| case::read(family, table)).collect()
}

async fn check(world: &World, cases: &[Case]) {
    let mut failures = Vec::new();
    for case in cases {
        let complaints = verdict::on(world, case).await;
        if !complaints.is_empty() {
            failures.push(format!("{}\n    {}", case.name, complaints.join("\n    ")));
        }
    }
    assert!(failures.is_empty(), "{} cases failed:\n{}", failures.len(), failures.join("\n"));
}

#[tokio::test]
async fn every_case_is_answered_as_its_table_says_and_changes_nothing() {
    let world = World::with_a_token().await;
    check(&world, &quick_cases(|_| true)).await;
}

#[tokio::test]
async fn without_a_token_strangers_get_no_further() {
    let world = World::without_a_token().await;
    check(&world, &quick_cases(|family| FAMILIES_OF_ANYBODY.contains(&family))).await;
}

#[test]
fn every_case_has_a_name_of_its_own() {
    let mut names: Vec<String> = cases(|_| true).into_iter().map(|case| case.name).collect();
    names.sort();
    let twice: Vec<_> = names.windows(2).filter(|pair| pair[0] == pair[1]).collect();
    assert!(twice.is_empty(), "{twice:?}");
}
