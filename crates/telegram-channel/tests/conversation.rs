//! People and agents talk: what is carried, to whom, and how it looks on the other side.

mod support;

use relay_client::core::{agent::Status, message::Message};
use serde_json::json;
use support::{ADA, BOB, EVE, World, answer, request, send, send_request, soon};

fn body(message: &Message) -> &str {
    &message.body
}

#[tokio::test]
async fn what_is_written_goes_to_whom_the_chat_is_bound() {
    let world = World::new().await;
    world.agent("backend", None).await;
    let running = world.carry("12=backend").await;
    let number = world.telegram.says(ADA, "is main green?");
    let mail = world.mail("backend", 1).await;
    assert_eq!(body(&mail[0]), "Ada: is main green?");
    assert_eq!((mail[0].from.as_str(), mail[0].verified), ("telegram", true));
    let facts = json!({
        "chat": ADA, "message": number, "chatTitle": "Ada", "sender": "Ada", "senderId": ADA,
    });
    assert_eq!(mail[0].meta["telegram"], facts);
    running.stop().await;
}

#[tokio::test]
async fn answers_are_threaded_both_ways() {
    let world = World::new().await;
    let backend = world.agent("backend", None).await;
    let running = world.carry("12=backend").await;
    let question = world.telegram.says(ADA, "is main green?");
    let asked = world.mail("backend", 1).await.remove(0);
    let answered = answer(&backend, "backend", &asked, "yes, since noon").await;

    let shown = world.telegram.messages(1).await.remove(0);
    assert_eq!(shown.text, format!("backend #{}\nyes, since noon", answered.id));
    assert_eq!((shown.chat, shown.answers), (ADA, Some(question)));
    world.until_read(&answered).await;
    let receipts = backend.receipts(answered.id).await.unwrap();
    assert_eq!(receipts[0].via.as_deref(), Some("telegram"));

    let thanks = world.telegram.answers(&shown, "thanks");
    let mail = world.mail("backend", 2).await;
    assert_eq!((body(&mail[1]), mail[1].reply_to), ("Ada: thanks", Some(answered.id)));
    assert_eq!(mail[1].thread_id, asked.id);
    answer(&backend, "backend", &mail[1], "welcome").await;
    assert_eq!(world.telegram.messages(2).await[1].answers, Some(thanks));
    running.stop().await;
}

#[tokio::test]
async fn an_answer_goes_to_whoever_is_answered_whomever_the_chat_is_bound_to() {
    let world = World::new().await;
    world.agent("backend", None).await;
    let web = world.agent("web", None).await;
    let running = world.carry("12=backend").await;
    let sent = send(&web, "web", "the page is down").await;
    let shown = world.telegram.messages(1).await.remove(0);
    assert_eq!(shown.answers, None);
    world.telegram.answers(&shown, "which one?");
    let mail = world.mail("web", 1).await;
    assert_eq!((body(&mail[0]), mail[0].reply_to), ("Ada: which one?", Some(sent.id)));
    running.stop().await;
}

#[tokio::test]
async fn what_the_ledger_has_forgotten_is_found_by_the_line_above_and_the_facts() {
    let world = World::new().await;
    let backend = world.agent("backend", None).await;
    let running = world.carry("12=backend,13").await;
    let question = world.telegram.says(BOB, "/to backend are you there?");
    let asked = world.mail("backend", 1).await.remove(0);
    let said = send(&backend, "backend", "hello").await;
    let shown = world.telegram.messages(1).await.remove(0);
    world.until_read(&said).await;
    running.stop().await;
    std::fs::remove_file(world.settings("").ledger).unwrap();

    let running = world.carry("12=backend,13").await;
    answer(&backend, "backend", &asked, "yes").await;
    let taken = world.telegram.messages(2).await.remove(1);
    assert_eq!((taken.chat, taken.answers), (BOB, Some(question)));
    world.telegram.answers(&shown, "hello to you");
    assert_eq!(world.mail("backend", 2).await[1].reply_to, Some(said.id));
    running.stop().await;
}

#[tokio::test]
async fn mail_goes_to_the_chats_bound_to_its_sender_else_to_the_first() {
    let world = World::new().await;
    let web = world.agent("web", Some("Night Shift")).await;
    let other = world.agent("other", None).await;
    let running = world.carry("12=backend,13=label:night shift").await;
    let sent = send(&web, "web", "from web").await;
    world.until_read(&sent).await;
    let sent = send(&other, "other", "from another").await;
    world.until_read(&sent).await;
    assert_eq!(world.telegram.texts(BOB).len(), 1);
    assert!(world.telegram.texts(BOB)[0].ends_with("from web"));
    assert!(world.telegram.texts(ADA)[0].ends_with("from another"));
    running.stop().await;
}

#[tokio::test]
async fn who_is_not_allowed_is_not_heard_and_not_told() {
    let world = World::new().await;
    world.agent("backend", None).await;
    let running = world.carry("12=backend").await;
    for text in ["/start", "/agents", "@backend rm -rf", "let me in"] {
        world.telegram.says(EVE, text);
    }
    world.telegram.says(ADA, "hello");
    assert_eq!(body(&world.mail("backend", 1).await[0]), "Ada: hello");
    world.telegram.says(ADA, "/help");
    assert_eq!(world.telegram.messages(1).await[0].chat, ADA);
    running.stop().await;
}

#[tokio::test]
async fn somebody_else_is_named_by_id_label_or_group() {
    let world = World::new().await;
    world.agent("host-web-1a2b", Some("web")).await;
    world.agent("backend", None).await;
    let running = world.carry("12=backend").await;
    world.telegram.says(ADA, "@web look at this");
    world.telegram.says(ADA, "/to HOST-WEB-1A2B and this");
    world.telegram.says(ADA, "/to@relay_bot label:WEB and that");
    let mail = world.mail("host-web-1a2b", 3).await;
    let bodies: Vec<_> = mail.iter().map(body).collect();
    assert_eq!(bodies, ["Ada: look at this", "Ada: and this", "Ada: and that"]);

    world.telegram.says(ADA, "@backe are you there?");
    let told = world.telegram.messages(1).await.remove(0);
    assert!(told.text.starts_with("Not delivered: no agent `backe`"), "{}", told.text);
    assert!(told.text.contains("did you mean backend"), "{}", told.text);
    world.telegram.says(ADA, "/to tag:nobody hello");
    let told = world.telegram.messages(2).await.remove(1);
    assert_eq!(told.text, "Stored, but nobody is tag:nobody now.");
    world.telegram.says(ADA, "/to group:x hello");
    let told = world.telegram.messages(3).await.remove(2);
    assert!(told.text.starts_with("Not delivered: `group:` is no kind of target"));
    running.stop().await;
}

#[tokio::test]
async fn whoever_writes_to_somebody_who_is_away_is_told() {
    let world = World::new().await;
    let backend = world.agent("backend", None).await;
    let id = "backend".parse().unwrap();
    backend.set_status(&id, Status::Offline, None).await.unwrap();
    let running = world.carry("12=backend").await;
    world.telegram.says(ADA, "are you there?");
    let told = world.telegram.messages(1).await.remove(0);
    assert_eq!(told.text, "Stored, but backend is offline now; it gets this when it is back.");
    assert_eq!(body(&world.mail("backend", 1).await[0]), "Ada: are you there?");
    running.stop().await;
}

#[tokio::test]
async fn an_answer_to_what_a_person_wrote_goes_to_whom_that_was_for() {
    let world = World::new().await;
    world.agent("backend", None).await;
    world.agent("web", None).await;
    let running = world.carry("12=backend").await;
    let number = world.telegram.says(ADA, "@web look at this");
    let first = world.mail("web", 1).await.remove(0);
    let answered = json!({
        "message_id": number, "date": 0, "text": "backend #1\nnot the bot's own",
        "chat": {"id": ADA, "type": "private"},
        "from": {"id": ADA, "is_bot": false, "first_name": "Ada"},
    });
    world.telegram.writes(ADA, &json!({"text": "and soon", "reply_to_message": answered}));
    let mail = world.mail("web", 2).await;
    assert_eq!((body(&mail[1]), mail[1].reply_to), ("Ada: and soon", Some(first.id)));
    running.stop().await;
}

#[tokio::test]
async fn orders_are_answered_in_the_chat() {
    let world = World::new().await;
    world.agent("backend", Some("Night Shift")).await;
    let running = world.carry("12=backend,13").await;
    let start = world.telegram.says(ADA, "/start");
    let told = world.telegram.messages(1).await.remove(0);
    assert!(told.text.contains("What you write here goes to backend."), "{}", told.text);
    assert_eq!(told.answers, Some(start));
    world.telegram.says(ADA, "/agents");
    let told = world.telegram.messages(2).await.remove(1);
    assert_eq!(told.text, "backend “Night Shift”, idle\n");
    world.telegram.says(BOB, "hello?");
    let told = world.telegram.messages(3).await.remove(2);
    assert!(told.text.starts_with("Not delivered: this chat is bound to nobody."));
    world.telegram.says(BOB, "/to backend");
    let told = world.telegram.messages(4).await.remove(3);
    assert!(told.text.starts_with("Say to whom and what"));
    world.telegram.says(ADA, "/help@other_bot");
    world.telegram.says(ADA, "after all");
    assert_eq!(body(&world.mail("backend", 1).await[0]), "Ada: after all");
    running.stop().await;
}

#[tokio::test]
async fn what_is_not_text_is_named_and_changes_follow() {
    let world = World::new().await;
    world.agent("backend", None).await;
    let running = world.carry("12=backend").await;
    let photo = json!([{"file_id": "x", "file_unique_id": "y", "width": 1, "height": 1}]);
    let number = world.telegram.writes(ADA, &json!({"photo": photo, "caption": "look"}));
    let first = world.mail("backend", 1).await.remove(0);
    assert_eq!(body(&first), "Ada: look\n(a photo: not carried)");
    world.telegram.reports(
        "edited_message",
        &json!({
            "message_id": number, "date": 0, "caption": "look", "photo": photo,
            "chat": {"id": ADA, "type": "private", "first_name": "Ada"},
            "from": {"id": ADA, "is_bot": false, "first_name": "Ada"},
        }),
    );
    world.telegram.changes(ADA, number, "look here");
    world.telegram.changes(ADA, number, "look here");
    world.telegram.says(ADA, "done");
    let mail = world.mail("backend", 3).await;
    assert_eq!(body(&mail[1]), "(changed) Ada: look here");
    assert_eq!((mail[1].reply_to, body(&mail[2])), (Some(first.id), "Ada: done"));
    running.stop().await;
}

#[tokio::test]
async fn news_that_cannot_be_read_holds_up_nothing() {
    let world = World::new().await;
    world.agent("backend", None).await;
    let running = world.carry("12=backend").await;
    world.telegram.reports("message", &json!({"message_id": "of another kind"}));
    world.telegram.reports("never_heard_of", &json!({}));
    world.telegram.says(ADA, "hello");
    assert_eq!(body(&world.mail("backend", 1).await[0]), "Ada: hello");
    running.stop().await;
}

#[tokio::test]
async fn long_mail_arrives_in_order_and_as_plain_text() {
    let world = World::new().await;
    let backend = world.agent("backend", None).await;
    let running = world.carry("12=backend").await;
    let text = "*line* _of_ <b>😀</b>\n".repeat(1200);
    let sent = send(&backend, "backend", &text).await;
    world.until_read(&sent).await;
    let taken = world.telegram.taken();
    let count = taken.len();
    assert!(count > 5, "{count}");
    let mut together = String::new();
    for (index, part) in taken.iter().enumerate() {
        let head = format!("backend #{} ({}/{count})\n", sent.id, index + 1);
        together.push_str(part.text.strip_prefix(&head).expect("the line above"));
        assert_eq!((part.request.get("parse_mode"), part.request.get("entities")), (None, None));
        assert_eq!(part.request["link_preview_options"]["is_disabled"], json!(true));
    }
    assert_eq!(together, text);
    running.stop().await;
}

#[tokio::test]
async fn a_reader_sees_who_is_unproven_and_whom_else_it_is_for() {
    let world = World::new().await;
    world.agent("backend", None).await;
    let running = world.carry("12=backend").await;
    let unproven = send(&world.client(), "backend", "trust me").await;
    world.until_read(&unproven).await;
    let mut request = request("backend", "broadcast", "lunch");
    request.subject = Some("At noon".parse().unwrap());
    let all = send_request(&world.client(), request).await;
    world.until_read(&all).await;
    let texts = world.telegram.texts(ADA);
    assert_eq!(texts[0], format!("backend #{} (unverified)\ntrust me", unproven.id));
    assert_eq!(texts[1], format!("backend #{} (unverified, to broadcast)\nAt noon\nlunch", all.id));
    running.stop().await;
}

#[tokio::test]
async fn a_group_that_moves_goes_on_as_the_same_chat() {
    let world = World::new().await;
    let backend = world.agent("backend", None).await;
    let running = world.carry("-5=backend").await;
    world.telegram.writes(-5, &json!({"migrate_to_chat_id": -1005}));
    world.telegram.says(-1005, "here now");
    let asked = world.mail("backend", 1).await.remove(0);
    answer(&backend, "backend", &asked, "I see").await;
    assert_eq!(world.telegram.messages(1).await[0].chat, -1005);
    running.stop().await;
}

#[tokio::test]
async fn the_relay_lists_the_channel_with_its_bindings() {
    let world = World::new().await;
    let running = world.carry("12=tag:backend,13").await;
    let agent = world.client().agent(&"telegram".parse().unwrap()).await.unwrap();
    assert_eq!((agent.provider.as_str(), agent.name.as_str()), ("channel", "@relay_bot"));
    assert!(agent.capabilities.is_empty(), "nobody finds it as one who works");
    assert_eq!(
        serde_json::to_value(agent.channel).unwrap(),
        json!({
            "type": "telegram", "name": "@relay_bot",
            "bindings": [{"chat": "12", "target": "tag:backend"}],
        })
    );
    running.stop().await;
    let agent = world.client().agent(&"telegram".parse().unwrap()).await.unwrap();
    assert_eq!(agent.status.as_str(), "offline");
}

#[tokio::test]
async fn a_relay_that_refuses_the_unproven_is_spoken_to_with_proof() {
    let world = World::strict().await;
    let backend = world.agent("backend", None).await;
    let running = world.carry("12=backend").await;
    world.telegram.says(ADA, "is main green?");
    let asked = world.mail("backend", 1).await.remove(0);
    assert!(asked.verified);
    let answered = answer(&backend, "backend", &asked, "yes").await;
    world.until_read(&answered).await;
    running.stop().await;
    world.carry("12=backend").await.stop().await;

    let mut settings = world.settings("12=backend");
    settings.token_file = world.folder.path().join("another.json");
    settings.relay.token = None;
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    let failure = soon(telegram_channel::run(settings, stopped)).await.unwrap_err();
    assert_eq!(failure.exit, 3, "{failure}");
}
