//! Every typed call, against a real relay.

use relay_client::{
    Relay,
    core::{
        agent::Status,
        api::{
            query::{self, Within},
            request::{
                ActOnClaim, ActOnPair, CreateToken, InvitePair, MarkMessage, RegisterAgent,
                SayInPair, SendMessage, UpdateAgent,
            },
        },
        error::Code,
        id::AgentId,
        message::Message,
        pair::Status as PairStatus,
        scope::Scope,
    },
};
use relay_server::testing::TestRelay;

fn client(relay: &TestRelay) -> Relay {
    Relay::new(&relay.url(), None).unwrap()
}

fn id(text: &str) -> AgentId {
    text.parse().unwrap()
}

fn message(to: &str, body: &str) -> SendMessage {
    SendMessage::new(AgentId::human(), to.parse().unwrap(), body.parse().unwrap())
}

async fn register(relay: &Relay, agent: &str) -> Relay {
    let registered = relay.register_agent(&RegisterAgent::new(id(agent))).await.unwrap();
    relay.with_token(&registered.token.unwrap()).unwrap()
}

fn ids(messages: &[Message]) -> Vec<i64> {
    messages.iter().map(|message| message.id.0).collect()
}

#[tokio::test]
async fn agents_are_registered_found_changed_and_removed() {
    let server = TestRelay::start().await;
    let relay = client(&server);
    for name in ["a", "b", "c"] {
        register(&relay, name).await;
    }
    let change = UpdateAgent {
        capabilities: Some(vec!["review".parse().unwrap()]),
        ..UpdateAgent::default()
    };
    assert_eq!(relay.update_agent(&id("b"), &change).await.unwrap().capabilities.len(), 1);
    let found = relay.find_agents(&"review".parse().unwrap()).await.unwrap();
    assert_eq!(found.iter().map(|agent| agent.id.as_str()).collect::<Vec<_>>(), ["b"]);
    let label = "Night Shift".parse().unwrap();
    let labelled = relay.set_label(&id("b"), Some(label)).await.unwrap();
    assert_eq!(labelled.label.as_deref(), Some("Night Shift"));
    assert_eq!(relay.set_label(&id("b"), None).await.unwrap().label, None);
    relay.set_status(&id("c"), Status::Busy, Some("tests".parse().unwrap())).await.unwrap();
    assert_eq!(relay.agent(&id("C")).await.unwrap().status_detail.as_deref(), Some("tests"));
    let query = query::Agents { limit: Some(Within(2)), ..query::Agents::default() };
    assert!(relay.agents(&query).await.unwrap().has_more());
    let all = relay.all_agents(&query).await.unwrap();
    let all: Vec<_> = all.iter().map(|a| a.id.as_str()).filter(|id| *id != "human").collect();
    assert_eq!(all, ["a", "b", "c"]);
    relay.remove_agent(&id("a")).await.unwrap();
    assert!(relay.agent(&id("a")).await.unwrap_err().is(Code::NotFound));
}

#[tokio::test]
async fn messages_are_sent_listed_read_and_deleted() {
    let server = TestRelay::start().await;
    let relay = client(&server);
    let b = register(&relay, "b").await;
    let start = relay.cursor().await.unwrap();
    let mut sent = Vec::new();
    for body in ["one fish", "two fish", "red fish"] {
        sent.push(relay.send_message(message("b", body)).await.unwrap().message);
    }
    let inbox = query::Messages {
        reader: Some(id("b")),
        unread: Some(true),
        limit: Some(Within(2)),
        ..query::Messages::default()
    };
    assert_eq!(ids(&relay.all_messages(&inbox).await.unwrap()), ids(&sent));
    let since = query::Messages { since: Some(start.cursor), ..query::Messages::default() };
    assert_eq!(ids(&relay.all_messages(&since).await.unwrap()), ids(&sent));
    let words = query::Messages { q: Some("red fi".into()), ..query::Messages::default() };
    assert_eq!(ids(&relay.messages(&words).await.unwrap().items), [sent[2].id.0]);

    let read = MarkMessage {
        agent_id: None,
        read: Some(true),
        handled: None,
        via: Some("hook".parse().unwrap()),
        instance_id: None,
        epoch: None,
    };
    b.mark_message(sent[0].id, &read).await.unwrap();
    let receipts = relay.receipts(sent[0].id).await.unwrap();
    assert_eq!((receipts.len(), receipts[0].via.as_deref()), (1, Some("hook")));
    let mut reply = SendMessage::new(id("b"), "human".parse().unwrap(), "blue".parse().unwrap());
    reply.reply_to = Some(sent[0].id);
    let reply = b.send_message(reply).await.unwrap().message;
    let thread = relay.thread(sent[0].id).await.unwrap();
    assert_eq!(ids(&thread), [sent[0].id.0, reply.id.0]);
    relay.delete_message(sent[1].id).await.unwrap();
    assert_eq!(relay.message(sent[1].id).await.unwrap().body, "");
    assert_eq!(ids(&relay.all_messages(&inbox).await.unwrap()), [sent[2].id.0]);
}

#[tokio::test]
async fn a_poll_is_answered_when_the_message_comes() {
    let server = TestRelay::start().await;
    let relay = client(&server);
    register(&relay, "b").await;
    let inbox = query::Messages {
        reader: Some(id("b")),
        unread: Some(true),
        wait: Some(Within(30)),
        ..query::Messages::default()
    };
    let (page, sent) =
        tokio::join!(relay.messages(&inbox), relay.send_message(message("b", "here")));
    assert_eq!(ids(&page.unwrap().items), [sent.unwrap().message.id.0]);
}

#[tokio::test]
async fn claims_are_made_given_back_and_finished() {
    let server = TestRelay::start().await;
    let relay = client(&server);
    let b = register(&relay, "b").await;
    let mut work = message("b", "review");
    work.claimable = Some(true);
    let work = relay.send_message(work).await.unwrap().message;
    let by = |generation| ActOnClaim { agent_id: None, instance_id: None, epoch: None, generation };
    let claimed = b.claim_message(work.id, &by(None)).await.unwrap();
    assert_eq!(claimed.claim.unwrap().by, id("b"));
    assert!(b.release_message(work.id, &by(Some(1))).await.unwrap().claim.is_none());
    b.claim_message(work.id, &by(None)).await.unwrap();
    assert!(b.finish_message(work.id, &by(Some(1))).await.unwrap_err().is(Code::LeaseLost));
    assert!(
        b.finish_message(work.id, &by(Some(2))).await.unwrap().claim.unwrap().done_at.is_some()
    );
}

#[tokio::test]
async fn pairs_are_made_answered_talked_in_and_ended() {
    let server = TestRelay::start().await;
    let relay = client(&server);
    let (a, b) = (register(&relay, "a").await, register(&relay, "b").await);
    let (me, to_b) = (ActOnPair::default(), InvitePair::new("b".parse().unwrap()));
    let first = a.invite_pair(&to_b).await.unwrap();
    assert!(a.invite_pair(&to_b).await.unwrap_err().is(Code::Busy));
    assert_eq!(b.reject_pair(&first.id, &me).await.unwrap().status, PairStatus::Rejected);
    let second = a.invite_pair(&to_b).await.unwrap();
    let hello = SayInPair::new("hello".parse().unwrap());
    assert!(a.say_in_pair(&second.id, &hello).await.unwrap_err().is(Code::NotActive));
    assert_eq!(b.accept_pair(&second.id, &me).await.unwrap().status, PairStatus::Active);
    let sent = a.say_in_pair(&second.id, &hello).await.unwrap();
    assert_eq!((sent.message.pair_id, sent.recipients), (Some(second.id.clone()), 1));
    let ended = b.hang_up_pair(&second.id, &me).await.unwrap();
    assert_eq!(relay.pair(&second.id).await.unwrap(), ended);
    let one = query::Pairs { limit: Some(Within(1)), ..query::Pairs::default() };
    let page = relay.pairs(&one).await.unwrap();
    assert!(page.has_more());
    assert_eq!(page.items, [ended]);
    assert_eq!(relay.next(&page).await.unwrap().unwrap().items[0].id, first.id);
}

#[tokio::test]
async fn tokens_are_made_listed_and_revoked() {
    let server = TestRelay::start().await;
    let relay = client(&server);
    let request = CreateToken {
        name: "charts".parse().unwrap(),
        scopes: vec![Scope::StatsRead],
        expires_in_ms: None,
    };
    let made = relay.create_token(&request).await.unwrap();
    let charts = relay.with_token(&made.token).unwrap();
    charts.stats().await.unwrap();
    let error = charts.all_agents(&query::Agents::default()).await.unwrap_err();
    assert!(error.is(Code::ForbiddenScope) && error.exit_code() == 3, "{error}");
    assert_eq!(relay.tokens().await.unwrap()[0], made.about);
    relay.revoke_token(made.about.id).await.unwrap();
    assert_eq!(charts.stats().await.unwrap_err().status(), Some(401));
}

#[tokio::test]
async fn counts_health_and_documents_are_served() {
    let mut server = TestRelay::start().await;
    let relay = client(&server);
    relay.send_message(message("tag:nobody", "hello")).await.unwrap();
    assert_eq!(relay.stats().await.unwrap().messages.total, 1);
    assert_eq!(relay.series(5).await.unwrap().iter().map(|minute| minute.messages).sum::<u64>(), 1);
    assert!(relay.health().await.unwrap().ok);
    assert!(relay.is_up().await.unwrap() && relay.is_ready().await.unwrap());
    assert_eq!(relay.openapi().await.unwrap()["openapi"], "3.1.0");
    assert!(relay.metrics().await.unwrap().contains("# HELP"));
    server.stop().await;
    assert_eq!(relay.is_up().await.unwrap_err().exit_code(), 3);
}
