//! Being an agent, against a real relay.

use std::time::Duration;

use relay_client::{
    ClientError, Incoming, Relay, Session, SessionError, SessionOptions,
    core::{
        agent::Status,
        api::request::{RegisterAgent, SendMessage},
        error::Code,
        id::AgentId,
    },
};
use relay_server::testing::TestRelay;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

fn client(relay: &TestRelay) -> Relay {
    Relay::new(&relay.url(), None).unwrap()
}

fn id(text: &str) -> AgentId {
    text.parse().unwrap()
}

async fn start(relay: &TestRelay, agent: &str) -> Session {
    start_with(relay, agent, SessionOptions::default()).await.unwrap()
}

async fn start_with(
    relay: &TestRelay,
    agent: &str,
    options: SessionOptions,
) -> Result<Session, SessionError> {
    Session::start(client(relay), RegisterAgent::new(id(agent)), options).await
}

fn with_token(token: Option<String>) -> SessionOptions {
    SessionOptions { token, ..SessionOptions::default() }
}

async fn send(relay: &TestRelay, to: &str, body: &str) {
    let request = SendMessage::new(AgentId::human(), to.parse().unwrap(), body.parse().unwrap());
    client(relay).send_message(request).await.unwrap();
}

async fn send_work(relay: &TestRelay, to: &str, body: &str) {
    let mut request =
        SendMessage::new(AgentId::human(), to.parse().unwrap(), body.parse().unwrap());
    request.claimable = Some(true);
    client(relay).send_message(request).await.unwrap();
}

async fn next(session: &mut Session) -> Incoming {
    tokio::time::timeout(PATIENCE, session.next()).await.expect("a message comes").unwrap()
}

async fn body(session: &mut Session) -> String {
    next(session).await.message.body
}

/// Waits for the session's end and returns why.
async fn end(session: &mut Session) -> SessionError {
    let over = async {
        loop {
            if let Err(error) = session.next().await {
                return error;
            }
        }
    };
    tokio::time::timeout(PATIENCE, over).await.expect("the session is over")
}

async fn status(relay: &TestRelay, agent: &str) -> Status {
    client(relay).agent(&id(agent)).await.unwrap().status
}

/// Asks the relay until the agent has the status.
async fn until_status(relay: &TestRelay, agent: &str, expected: Status) {
    let asked = async {
        while client(relay).agent(&id(agent)).await.map(|a| a.status).ok() != Some(expected) {}
    };
    tokio::time::timeout(PATIENCE, asked).await.expect("the status changes");
}

#[tokio::test]
async fn mail_is_handed_over_once_and_again_to_the_next_process_until_it_is_read() {
    let relay = TestRelay::start().await;
    let session = start(&relay, "b").await;
    let token = session.token();
    session.end().await.unwrap();
    send(&relay, "b", "one").await;
    send(&relay, "b", "two").await;

    let mut session = start_with(&relay, "b", with_token(token.clone())).await.unwrap();
    let one = next(&mut session).await;
    assert_eq!((one.message.body.as_str(), one.waited), ("one", true));
    session.read(&one.message).await.unwrap();
    assert_eq!(body(&mut session).await, "two");
    session.end().await.unwrap();

    let mut session = start_with(&relay, "b", with_token(token)).await.unwrap();
    send(&relay, "b", "three").await;
    assert_eq!(body(&mut session).await, "two", "it was not read");
    assert_eq!(body(&mut session).await, "three");
    assert_eq!(one.message.from, AgentId::human());
}

#[tokio::test]
async fn restarts_of_the_relay_neither_lose_nor_repeat_mail() {
    let mut relay = TestRelay::start().await;
    let mut session = start(&relay, "b").await;
    for round in 0..3 {
        for part in ["before", "beside"] {
            send(&relay, "b", &format!("{part} {round}")).await;
        }
        assert_eq!(body(&mut session).await, format!("before {round}"));
        relay.restart().await;
        send(&relay, "b", &format!("after {round}")).await;
        assert_eq!(body(&mut session).await, format!("beside {round}"));
        assert_eq!(body(&mut session).await, format!("after {round}"));
    }
    session.status(Status::Busy, None).await.unwrap();
}

#[tokio::test]
async fn mail_to_a_label_reaches_who_gains_it_later() {
    let relay = TestRelay::start().await;
    let mut session = start(&relay, "b").await;
    send(&relay, "b", "first").await;
    assert_eq!(body(&mut session).await, "first");
    send(&relay, "label:Night Shift", "waiting").await;
    let label = Some("night shift".parse().unwrap());
    session.relay().set_label(session.id(), label).await.unwrap();
    let incoming = next(&mut session).await;
    assert_eq!((incoming.message.body.as_str(), incoming.waited), ("waiting", true));
    send(&relay, "b", "last").await;
    assert_eq!(body(&mut session).await, "last", "and only once");
}

#[tokio::test]
async fn a_replaced_session_ends_and_leaves_its_successor_alone() {
    let relay = TestRelay::start().await;
    let mut old = start(&relay, "b").await;
    let mut new = start_with(&relay, "b", with_token(old.token())).await.unwrap();
    assert!(matches!(end(&mut old).await, SessionError::Replaced(_)));
    let work = SendMessage::new(id("b"), "human".parse().unwrap(), "too late".parse().unwrap());
    assert!(matches!(old.send(work).await, Err(SessionError::Replaced(_))));
    old.end().await.unwrap();
    assert_eq!(status(&relay, "b").await, Status::Idle);
    send(&relay, "b", "for the new one").await;
    assert_eq!(body(&mut new).await, "for the new one");
}

#[tokio::test]
async fn a_live_id_takes_its_token() {
    let relay = TestRelay::start().await;
    let session = start(&relay, "b").await;
    let stranger = start_with(&relay, "b", SessionOptions::default()).await;
    let Err(SessionError::Relay(error)) = stranger else { panic!("it was taken over") };
    assert!(error.is(Code::AgentIdTaken), "{error}");
    session.status(Status::Busy, None).await.unwrap();
}

#[tokio::test]
async fn the_owner_who_returns_is_itself_again() {
    let relay = TestRelay::start().await;
    let mut owner = start(&relay, "b").await;
    let epoch = owner.agent().epoch;
    client(&relay).set_status(&id("b"), Status::Offline, None).await.unwrap();
    let mut guest = start(&relay, "b").await;
    assert_eq!(guest.agent().epoch, epoch + 1, "somebody took the id meanwhile");
    let text = "where was I?".parse().unwrap();
    let request = SendMessage::new(id("b"), "human".parse().unwrap(), text);
    let sent = owner.send(request).await.unwrap();
    assert!(sent.message.verified);
    owner.status(Status::Busy, None).await.unwrap();
    assert!(matches!(end(&mut guest).await, SessionError::Replaced(_)));
    guest.end().await.unwrap();
    assert_eq!(status(&relay, "b").await, Status::Busy);
    send(&relay, "b", "welcome back").await;
    let incoming = next(&mut owner).await;
    assert_eq!(incoming.message.body, "welcome back");
    owner.reply(&incoming.message, "thanks").await.unwrap();
}

#[tokio::test]
async fn an_agent_that_was_removed_registers_again() {
    let relay = TestRelay::start().await;
    let mut session = start(&relay, "b").await;
    session.status(Status::Busy, Some("thinking".parse().unwrap())).await.unwrap();
    client(&relay).remove_agent(&id("b")).await.unwrap();
    until_status(&relay, "b", Status::Busy).await;
    send(&relay, "b", "still there?").await;
    let incoming = next(&mut session).await;
    assert_eq!(incoming.message.body, "still there?");
    let sent = session.reply(&incoming.message, "yes").await.unwrap();
    assert!(sent.message.verified, "with the token of the new registration");
}

#[tokio::test]
async fn work_is_claimed_once_and_offered_again_when_its_holder_goes() {
    let relay = TestRelay::start().await;
    let mut first = start(&relay, "a").await;
    let mut second = start(&relay, "b").await;
    send_work(&relay, "broadcast", "review").await;
    let work = next(&mut first).await.message;
    assert_eq!(next(&mut second).await.message.id, work.id);
    first.claim(&work).await.unwrap();
    let Err(SessionError::Relay(ClientError::Refused(no))) = second.claim(&work).await else {
        panic!("it was claimed twice")
    };
    assert!(no.is(Code::AlreadyClaimed));
    first.end().await.unwrap();

    let offered = next(&mut second).await;
    assert_eq!((offered.message.id, offered.again), (work.id, true));
    second.claim(&offered.message).await.unwrap();
    let done = second.done(&offered.message).await.unwrap();
    assert!(done.claim.unwrap().done_at.is_some());
    let mut third = start(&relay, "c").await;
    send(&relay, "broadcast", "end").await;
    assert_eq!(body(&mut third).await, "end", "done work is nobody's mail");
    assert_eq!(body(&mut second).await, "end");
}

#[tokio::test]
async fn who_gives_work_back_is_not_offered_it_at_once() {
    let relay = TestRelay::start().await;
    let mut first = start(&relay, "a").await;
    let mut second = start(&relay, "b").await;
    send_work(&relay, "broadcast", "review").await;
    let work = next(&mut first).await.message;
    next(&mut second).await;
    first.claim(&work).await.unwrap();
    first.release(&work).await.unwrap();
    assert!(next(&mut second).await.again);
    send(&relay, "broadcast", "end").await;
    assert_eq!(body(&mut first).await, "end");
}

#[tokio::test]
async fn who_was_away_too_long_cannot_finish_what_another_has_now() {
    let relay = TestRelay::start().await;
    let mut first = start(&relay, "a").await;
    let mut second = start(&relay, "b").await;
    send_work(&relay, "broadcast", "review").await;
    let work = next(&mut first).await.message;
    next(&mut second).await;
    let claimed = first.claim(&work).await.unwrap();
    relay.clock().advance(Duration::from_mins(6));
    relay.reap().await;
    let offered = next(&mut second).await;
    second.status(Status::Idle, None).await.unwrap();
    second.claim(&offered.message).await.unwrap();
    first.status(Status::Idle, None).await.unwrap();
    let error = first.done(&claimed).await.unwrap_err();
    let SessionError::Relay(error) = error else { panic!("{error}") };
    assert!(error.is(Code::LeaseLost), "{error}");
    second.done(&offered.message).await.unwrap();
}

#[tokio::test]
async fn an_agent_is_offline_at_the_end() {
    let relay = TestRelay::start().await;
    let session = start(&relay, "a").await;
    session.end().await.unwrap();
    assert_eq!(status(&relay, "a").await, Status::Offline);
    drop(start(&relay, "b").await);
    until_status(&relay, "b", Status::Offline).await;
}

#[tokio::test]
async fn a_session_waits_for_its_relay_only_when_it_is_told_to() {
    let mut relay = TestRelay::start().await;
    relay.stop().await;
    let missing = start_with(&relay, "a", SessionOptions::default()).await;
    assert!(matches!(missing, Err(SessionError::Relay(ClientError::Unreachable { .. }))));
    let options = SessionOptions { wait_for_relay: true, ..SessionOptions::default() };
    let register = RegisterAgent::new(id("a"));
    let starting = tokio::spawn(Session::start(client(&relay), register, options));
    relay.start_again().await;
    let mut session = starting.await.unwrap().unwrap();
    send(&relay, "a", "hello").await;
    assert_eq!(body(&mut session).await, "hello");
}

#[tokio::test]
async fn the_token_is_kept_from_session_to_session() {
    let relay = TestRelay::start().await;
    let folder = tempfile::tempdir().unwrap();
    let options = SessionOptions {
        token_file: Some(folder.path().join("agents/a.json")),
        ..SessionOptions::default()
    };
    let first = start_with(&relay, "a", options.clone()).await.unwrap();
    let second = start_with(&relay, "a", options).await.unwrap();
    assert!(first.token().is_some());
    assert_eq!(second.token(), first.token(), "a live id was proven to be ours");
}

#[tokio::test]
async fn a_closed_and_strict_relay_is_spoken_to_with_the_agents_own_token() {
    let relay = TestRelay::builder().token("t0ken").strict().start().await;
    let base = client(&relay).with_token("t0ken").unwrap();
    let register = RegisterAgent::new(id("a"));
    let mut session =
        Session::start(base.clone(), register, SessionOptions::default()).await.unwrap();
    let text = "hello".parse().unwrap();
    let sent = session.send(SendMessage::new(id("x"), "human".parse().unwrap(), text)).await;
    let sent = sent.unwrap().message;
    assert!(sent.verified && sent.from == id("a"), "a member speaks for itself only");
    let text = "answer".parse().unwrap();
    let mut answer = SendMessage::new(id("a"), "a".parse().unwrap(), text);
    answer.from = Some(AgentId::human());
    let refused = base.send_message(answer).await.unwrap_err();
    assert!(refused.is(Code::SenderMismatch), "{refused}");
    let stranger = client(&relay).cursor().await.unwrap_err();
    assert_eq!((stranger.status(), stranger.exit_code()), (Some(401), 3));
    session.status(Status::Waiting, None).await.unwrap();
    let idle = tokio::time::timeout(Duration::from_millis(1), session.next()).await;
    assert!(idle.is_err(), "there is no mail");
}
