//! The smallest channel, between a test that types and an agent.

#[expect(dead_code, reason = "its main is for the command line")]
#[path = "../channel/terminal.rs"]
mod terminal;

use std::time::Duration;

use relay_client::{Config, Session, SessionOptions, core::api::request::RegisterAgent};
use relay_server::testing::TestRelay;
use tokio::{sync::mpsc, time::timeout};

/// Whatever takes longer than this has hung.
const PATIENCE: Duration = Duration::from_secs(30);

async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(PATIENCE, what).await.expect("what is waited for comes")
}

#[tokio::test]
async fn what_is_typed_reaches_the_agent_and_its_answer_is_shown() {
    let relay = TestRelay::start().await;
    let url = relay.url();
    let config = Config::read(&|name| (name == "AGENT_RELAY_URL").then(|| url.clone())).unwrap();
    let backend = RegisterAgent::new("backend".parse().unwrap());
    let options = SessionOptions::default();
    let mut backend = Session::start(config.relay().unwrap(), backend, options).await.unwrap();

    let target = "backend".parse().unwrap();
    let session = terminal::join(&config, &target).await.unwrap();
    let (typed, lines) = mpsc::channel(1);
    let (show, mut shown) = mpsc::unbounded_channel();
    let person = async {
        typed.send("is main green?".to_owned()).await.unwrap();
        let asked = soon(backend.next()).await.unwrap().message;
        assert_eq!((asked.from.as_str(), asked.body.as_str()), ("terminal", "is main green?"));
        let answered = backend.reply(&asked, "since noon").await.unwrap().message;
        assert_eq!(soon(shown.recv()).await.unwrap(), "backend: since noon");
        typed.send("thanks".to_owned()).await.unwrap();
        let thanks = soon(backend.next()).await.unwrap().message;
        assert_eq!((thanks.body.as_str(), thanks.reply_to), ("thanks", Some(answered.id)));
        let receipts = backend.relay().receipts(answered.id).await.unwrap();
        assert_eq!(receipts[0].via.as_deref(), Some("terminal"));
        drop(typed);
    };
    let carried = terminal::carry(session, target, lines, move |text| show.send(text).unwrap());
    let (carried, ()) = tokio::join!(soon(carried), person);
    carried.unwrap();
    let agent = backend.relay().agent(&"terminal".parse().unwrap()).await.unwrap();
    assert_eq!((agent.provider.as_str(), agent.status.as_str()), ("channel", "offline"));
    assert_eq!(agent.channel.unwrap().kind.as_str(), "terminal");
}
