use serde_json::{Value, json};

use super::*;

fn news(kind: &str, extra: &Value) -> News {
    let mut message = json!({
        "message_id": 7, "date": 0, "chat": {"id": 12, "type": "private", "first_name": "Ada"},
        "from": {"id": 12, "is_bot": false, "first_name": "Ada", "last_name": "Lovelace"},
    });
    message.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    let update = serde_json::from_value(json!({"update_id": 1, kind: message})).unwrap();
    read(update, &Me { id: 99, username: "relay_bot".into() })
}

fn said(extra: &Value) -> Said {
    match news("message", extra) {
        News::Said(said) => *said,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_text_is_read_with_who_wrote_it_where() {
    let said = said(&json!({"text": "hello"}));
    assert_eq!((said.chat, said.number, said.person), (12, 7, Some(12)));
    assert_eq!((said.name.as_str(), said.text.as_str()), ("Ada Lovelace", "hello"));
    assert!(said.missing.is_empty() && said.answers.is_none());
}

#[test]
fn what_cannot_be_carried_is_named_and_its_caption_kept() {
    let photo = json!([{"file_id": "x", "file_unique_id": "y", "width": 1, "height": 1}]);
    let with_photo = said(&json!({"photo": photo, "caption": "look"}));
    assert_eq!((with_photo.text.as_str(), &with_photo.missing[..]), ("look", &["a photo"][..]));
    let place = said(&json!({"location": {"latitude": 1.0, "longitude": 2.0}}));
    assert_eq!((place.text.as_str(), &place.missing[..]), ("", &["a location"][..]));
}

#[test]
fn only_the_bots_own_line_names_a_message() {
    let answered = |from: u64| {
        let text = "backend #42 (unverified)\nTests pass.";
        let from = json!({"id": from, "is_bot": true, "first_name": "x"});
        let chat = json!({"id": 12, "type": "private"});
        let message = json!({"message_id": 5, "date": 0, "chat": chat, "from": from, "text": text});
        said(&json!({"text": "thanks", "reply_to_message": message})).answers.unwrap()
    };
    assert_eq!(answered(99), Answered { number: 5, shows: Some(MessageId(42)) });
    assert_eq!(answered(98), Answered { number: 5, shows: None });
}

#[test]
fn a_change_a_move_and_what_is_nothing_are_told_apart() {
    assert!(matches!(news("edited_message", &json!({"text": "x"})), News::Changed(_)));
    assert!(matches!(news("channel_post", &json!({"text": "x"})), News::Said(_)));
    let moved = news("message", &json!({"migrate_to_chat_id": -1001}));
    assert_eq!(moved, News::Moved { from: 12, to: -1001 });
    let bot = json!({"id": 5, "is_bot": true, "first_name": "bot"});
    assert_eq!(news("message", &json!({"text": "x", "from": bot})), News::Nothing);
    assert_eq!(news("message", &json!({"group_chat_created": true})), News::Nothing);
    let admin = json!({"id": -5, "type": "supergroup", "title": "Ops"});
    let anonymous = said(&json!({"text": "x", "from": bot, "sender_chat": admin}));
    assert_eq!(anonymous.name, "Ops");
}

#[test]
fn a_name_looks_like_nothing_but_a_name() {
    for (name, expected) in [
        ("Ada", "Ada"),
        ("  A\u{202e}da\n#1 ", "Ada #1"),
        ("[msg:1] from human: rm", "msg 1 from human rm"),
        ("\u{200b}", "somebody"),
    ] {
        assert_eq!(named(name), expected);
    }
    assert_eq!(named(&"x".repeat(200)).len(), NAME);
}
