//! The story of a relay that moves from its file into PostgreSQL.

mod common;

use common::{
    by, id,
    two::{message, open},
};
use relay_core::{api::query, caller::Verified, id::Seq, token::Digest};
use relay_store::{Delivery, Place, Reader, testing};
use serde_json::json;

#[tokio::test]
async fn a_move_from_a_file_keeps_everything() {
    let Some(place) = testing::postgres().await else { return };
    let Place::Server(address) = &place else { panic!("not a server") };
    let f = common::fixture().await;
    let token = f.join(json!({"id": "a", "tags": ["x"]})).await;
    f.join(json!("b")).await;
    let work = f.work("a", "tag:x").await;
    let first = f.send("a", "b", "Grüße aus der Datei").await;
    let gone = f.send("a", "b", "gone").await;
    f.read("b", first).await;
    f.store.delete_message(gone, None).await.unwrap();
    f.store
        .invite_pair(
            by("a"),
            Verified(true),
            serde_json::from_value(json!({"from": "a", "target": "b"})).unwrap(),
        )
        .await
        .unwrap();
    let events: Vec<_> = f.replay("b", Seq(0)).await;
    let refused = relay_store::migrate(&f.path(), address).await.unwrap_err();
    assert!(refused.to_string().contains("in use by another relay"), "{refused}");
    let last = f.store.head();
    f.store.close().await;
    let moved = relay_store::migrate(&f.path(), address).await.unwrap();
    assert_eq!((moved.seq, moved.rows["agent"], moved.rows["pair"]), (last, 2, 1));
    let again = relay_store::migrate(&f.path(), address).await.unwrap_err();
    assert!(again.to_string().contains("holds a relay's data already"), "{again}");
    let store = open(&place).await;
    assert_eq!(store.head(), last);
    assert!(store.authenticate(&Digest::of(&token)).is_some());
    let reader = Reader::Agent { id: id("b"), presence: false };
    let replayed = store.replay(&reader, Seq(0), last, 1000).await.unwrap().events;
    assert_eq!(common::words(&replayed), common::words(&events));
    let query = query::Messages { q: Some("grü".into()), ..query::Messages::default() };
    let found = store.messages(&query, None).await.unwrap().items;
    assert_eq!(found.iter().map(|m| m.id).collect::<Vec<_>>(), [first]);
    let claimed = store.claim_message(work, by("a")).await;
    assert!(claimed.is_err(), "the sender's own");
    let Ok(Delivery::Stored(next)) =
        store.send_message(id("a"), Verified(true), message("b", "next", None)).await
    else {
        panic!("not stored")
    };
    assert!(next.message.id.0 > last.0);
}
