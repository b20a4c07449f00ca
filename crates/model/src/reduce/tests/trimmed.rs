//! Conversations whose older messages are let go of.

use super::*;

/// Three messages, each a second after the one before.
fn three() -> Bench {
    let mut bench = Bench::new();
    let at = |id, seconds| MessageInfo {
        created: Timestamp(seconds),
        ..message(id)
    };
    bench.a([created("s"), busy("s")]);
    bench.a([("m3", 1), ("m2", 2), ("m1", 3)].map(|(id, seconds)| Event::Message(at(id, seconds))));
    bench
}

fn trimmed(begins: &str) -> Event {
    Event::BodyTrimmed {
        session: "s".into(),
        begins: begins.into(),
        older: "cursor".into(),
    }
}

fn kept(bench: &Bench) -> Vec<String> {
    let loaded = bench.session("s").loaded().unwrap();
    let ids = loaded.in_order().map(|message| message.info.id.to_string());
    ids.collect()
}

#[test]
fn messages_before_one_are_let_go_of_and_can_be_read_again() {
    let mut bench = three();
    let before = bench.session("s").loaded().unwrap().bytes;
    let seen = bench.news([trimmed("m2")]);
    assert_eq!(kept(&bench), ["m2", "m1"], "by time, not by id");
    let log = seen.log.unwrap();
    assert_eq!(log.order.unwrap(), ["m2".into(), "m1".into()]);
    assert!(log.older && log.messages.is_empty());
    let loaded = bench.session("s").loaded().unwrap();
    assert_eq!(loaded.older.as_deref(), Some("cursor"));
    assert!(loaded.bytes < before);
    let older = MessagesRead {
        proven: None,
        session: "s".into(),
        messages: vec![(
            MessageInfo {
                created: Timestamp(1),
                ..message("m3")
            },
            vec![],
        )],
        older: None,
        page: ReadPage::Older("cursor".into()),
        todos: None,
    };
    bench.a([Event::MessagesRead(older)]);
    assert_eq!(kept(&bench), ["m3", "m2", "m1"]);
}

#[test]
fn nothing_is_let_go_of_before_a_message_that_is_not_kept_or_the_first() {
    let mut bench = three();
    for begins in ["unknown", "m3"] {
        let seen = bench.news([trimmed(begins)]);
        assert!(seen.is_empty(), "{begins}: {seen:?}");
    }
    assert_eq!(bench.session("s").loaded().unwrap().older, None);
}

#[test]
fn a_message_that_was_taken_back_is_kept() {
    let mut bench = three();
    bench.a([Event::Session(SessionInfo {
        reverted_from: Some("m3".into()),
        ..info("s", None)
    })]);
    assert!(bench.news([trimmed("m2")]).is_empty());
}
