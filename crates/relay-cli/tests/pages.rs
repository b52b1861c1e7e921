//! What the pages in docs/ show is what is there: tests by name, code, JSON.

mod support;

use relay_core::{
    agent::Agent,
    event::{Event, Name},
    message::Message,
    profile::{FIELDS, Profiles},
    task::Task,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Deserializer, Value};
use support::page::{blocks, read};

/// Frames that are no rows of the log, so that they have another form.
const NOT_STORED: [Name; 3] = [Name::Hello, Name::Gap, Name::ServerShutdown];

#[test]
fn the_tests_that_the_documents_name_are_there() {
    let mut named = 0;
    for page in ["README.md", "docs/architecture.md", "docs/testing.md", "docs/security.md"] {
        let text = read(page);
        for (file, test) in text.split('`').filter_map(|span| span.split_once(".rs::")) {
            let source = read(&format!("{file}.rs"));
            assert!(source.contains(&format!("fn {test}(")), "{page}: {file}.rs has no {test}");
            named += 1;
        }
    }
    assert!(named >= 10, "the promises name their tests, but only {named} were found");
}

#[test]
fn the_provider_that_is_shown_is_the_example() {
    let (page, example) = (read("docs/providers.md"), read("examples/custom_provider.rs"));
    let shown = blocks(&page, "rust").next().expect("a provider is shown");
    assert!(example.contains(shown), "docs/providers.md shows another custom_provider.rs");
}

#[test]
fn every_event_is_shown_as_it_is_sent() {
    let page = read("docs/events.md");
    let shown: Vec<Event> = blocks(&page, "json").flat_map(samples).collect();
    for (name, _) in Name::ALL.iter().filter(|(name, _)| !NOT_STORED.contains(name)) {
        assert!(shown.iter().any(|event| event.name == *name), "{name} is not shown");
    }
}

#[test]
fn agents_messages_and_tasks_are_shown_as_they_are_sent() {
    let page = read("docs/concepts.md");
    let shown = |field: &str| {
        let mut blocks = blocks(&page, "json");
        blocks.find(|block| block.contains(field)).unwrap_or_else(|| panic!("none with {field}"))
    };
    assert_eq!(samples::<Agent>(shown("capabilities")).len(), 1);
    assert_eq!(samples::<Message>(shown("threadId")).len(), 1);
    assert_eq!(samples::<Task>(shown("occurrenceCount")).len(), 1);
}

#[test]
fn the_profile_that_is_shown_is_one_and_has_every_field() {
    let page = read("docs/providers.md");
    let shown = blocks(&page, "json").find(|block| block.contains("interrupt")).unwrap();
    Profiles::parse(shown).unwrap().get("review").unwrap();
    for field in FIELDS {
        assert!(shown.contains(&format!("\"{field}\": ")), "{field} is not shown");
        assert!(page.contains(&format!("`{field}`")), "{field} is not explained");
    }
}

/// Reads samples as the type, which must write them again as they stand: a field that is made up
/// would be lost.
fn samples<T: Serialize + DeserializeOwned>(block: &str) -> Vec<T> {
    let values = Deserializer::from_str(block).into_iter::<Value>();
    values
        .map(|value| {
            let value = value.unwrap_or_else(|error| panic!("{error} in {block}"));
            let read: T = serde_json::from_value(value.clone())
                .unwrap_or_else(|error| panic!("{error} in {value}"));
            assert_eq!(serde_json::to_value(&read).unwrap(), value);
            read
        })
        .collect()
}
