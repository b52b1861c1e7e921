//! A conversation under power cuts: whatever is cut when, nothing is lost, and nothing is repeated
//! without its mark.
#![cfg(unix)]

mod support;

use std::collections::BTreeSet;

use support::{ADA, BOB, World, program::Program, send, soon, telegram::Fault};

const CHATS: &str = "12=backend,13=web";
/// How many messages go each way in a round, for each of the two chats.
const EACH: usize = 4;
/// After how many attempts to send in a round the power is cut.
const CUTS: [usize; 8] = [0, 1, 2, 3, 4, 5, 6, 7];

/// What may go wrong in a round, besides the cut.
fn fault(round: usize) -> Fault {
    match round % 4 {
        0 => Fault::None,
        1 => Fault::CutAfter,
        2 => Fault::Hold,
        _ => Fault::too_many(0),
    }
}

#[tokio::test]
async fn cuts_at_any_point_lose_nothing_and_repeat_nothing_without_a_mark() {
    let mut world = World::new().await;
    world.agent("backend", None).await;
    world.agent("web", None).await;
    Program::start(&world, CHATS).await.kill();
    let mut sent = Vec::new();
    for (round, attempts) in CUTS.into_iter().enumerate() {
        let program = Program::start(&world, CHATS).await;
        let before = world.telegram.attempts();
        world.telegram.fail(ADA, [fault(round)]);
        for number in 0..EACH {
            for (chat, agent) in [(ADA, "backend"), (BOB, "web")] {
                let text = format!("{round}/{number}");
                world.telegram.says(chat, &text);
                sent.push((chat, send(&world.client(), agent, &text).await));
            }
        }
        soon(world.telegram.until(|seen| seen.attempts >= before + attempts)).await;
        program.kill();
        if round % 3 == 0 {
            world.relay.restart().await;
        }
    }
    world.telegram.release();
    let program = Program::start(&world, CHATS).await;
    for (_, message) in &sent {
        world.until_read(message).await;
    }
    for (chat, agent) in [(ADA, "backend"), (BOB, "web")] {
        let mail = world.mail(agent, CUTS.len() * EACH).await;
        let heard: Vec<_> = mail.iter().map(|message| message.body.clone()).collect();
        assert_eq!(heard, expected("Ada: "), "inwards, each once and in order");
        once_or_marked(&world.telegram.texts(chat));
    }
    program.kill();
}

fn expected(prefix: &str) -> Vec<String> {
    let rounds = 0..CUTS.len();
    rounds.flat_map(|round| (0..EACH).map(move |n| format!("{prefix}{round}/{n}"))).collect()
}

/// The first of each in order; whatever came again says that it may.
fn once_or_marked(texts: &[String]) {
    let (mut known, mut order) = (BTreeSet::new(), Vec::new());
    for text in texts {
        let (head, body) = text.split_once('\n').unwrap();
        if known.insert(body.to_owned()) {
            order.push(body.to_owned());
        } else {
            assert!(head.contains("perhaps sent before"), "{texts:#?}");
        }
    }
    assert_eq!(order, expected(""), "outwards, in order");
}
