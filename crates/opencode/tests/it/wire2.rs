//! What is not in the contract: unknown, wrong and hostile data of OpenCode 2.

use opencode::wire2::{
    self, AnswerValue, AssistantChange, Content, Event, FieldKind, FormInfo, FormOwner, Message,
    MessageKind, NotAnEvent, Outcome, RunChange, SessionEvent, SessionInfo, TextChange, ToolState,
};
use opencode::{DeltaText, Raw};
use proptest::prelude::*;

use crate::bodies;
use crate::schema::Schemas;

fn event(kind: &str, data: &str) -> Event {
    wire2::decode(&format!(
        r#"{{"id":"evt_1","created":1,"type":"{kind}","data":{data}}}"#
    ))
    .unwrap()
    .event
}

fn raw(json: &str) -> Raw {
    Raw::parse(json).unwrap()
}

#[test]
fn an_unknown_type_is_named_and_keeps_its_data() {
    let Event::Unknown { kind, raw } = event("session.dreamed", r#"{"a":"\ud83e"}"#) else {
        panic!("another event");
    };
    assert_eq!(
        (kind.as_str(), raw.get()),
        ("session.dreamed", r#"{"a":"\ufffd"}"#)
    );
}

#[test]
fn what_is_no_event_is_refused() {
    for data in ["", "<html>", "[]", "{", r#"{"type":1}"#] {
        assert!(
            matches!(wire2::decode(data), Err(NotAnEvent::Json(_))),
            "{data}"
        );
    }
    assert!(matches!(wire2::decode("{}"), Err(NotAnEvent::NoType)));
}

#[test]
fn an_identifier_that_cannot_be_one_fails_its_event_alone() {
    for id in [r#""""#, r#"".""#, r#""a b""#, "7", "null", "{}"] {
        let found = event("session.archived", &format!(r#"{{"sessionID":{id}}}"#));
        assert!(
            matches!(&found, Event::Malformed { kind, .. } if kind == "session.archived"),
            "{id}: {found:?}"
        );
    }
    assert!(SessionInfo::parse(raw(r#"{"id":"","location":{"directory":"/w"}}"#)).is_err());
    assert!(SessionInfo::parse(raw(r#"{"id":"s"}"#)).is_err());
}

#[test]
fn a_place_that_does_not_decode_fails_its_event() {
    for place in [
        "7",
        r#"{"aggregateID":"s"}"#,
        r#"{"aggregateID":"s","seq":-1}"#,
        r#"{"seq":1}"#,
    ] {
        let data = format!(
            r#"{{"id":"e","type":"session.archived","data":{{"sessionID":"s"}},"durable":{place}}}"#
        );
        let found = wire2::decode(&data).unwrap();
        assert!(matches!(found.event, Event::Malformed { .. }), "{place}");
        assert_eq!(found.durable, None);
    }
    let fine = r#"{"id":"e","type":"session.archived","data":{"sessionID":"s"},"durable":{"aggregateID":"s","seq":3.0}}"#;
    let place = wire2::decode(fine).unwrap().durable.unwrap();
    assert_eq!((place.seq.0, place.version), (3, 0));
}

#[test]
fn decoration_of_another_shape_is_left_out() {
    let session = SessionInfo::parse(raw(
        r#"{"id":"s","location":{"directory":"/w"},"title":7,"cost":"free","tokens":[],"model":"m",
            "time":{"created":1795945684286.0,"updated":"x","idle":2.5,"viewed":null},"permissions":{},"outcome":"odd","new":1}"#,
    ))
    .unwrap();
    assert_eq!((session.title.as_deref(), session.cost), (None, 0.0));
    assert_eq!(session.time.created.0, 1_795_945_684_286);
    assert_eq!(session.outcome, Some(Outcome::Other("odd".to_owned())));
    assert!(session.is_unread() && session.raw.get().contains(r#""new":1"#));
}

#[test]
fn what_was_seen_is_compared_exactly() {
    let session = |idle: &str, viewed: &str| {
        let json = format!(
            r#"{{"id":"s","location":{{"directory":"/"}},"time":{{"created":1,"updated":1{idle}{viewed}}}}}"#
        );
        SessionInfo::parse(raw(&json)).unwrap()
    };
    assert!(!session("", "").is_unread());
    assert!(session(r#","idle":1000.3"#, "").is_unread());
    assert!(session(r#","idle":1000.3"#, r#","viewed":1000"#).is_unread());
    assert!(!session(r#","idle":1000.3"#, r#","viewed":1000.3"#).is_unread());
    let idle = session(r#","idle":1000.3"#, "").time.idle.unwrap();
    assert_eq!(serde_json::to_string(&idle).unwrap(), "1000.3");
}

#[test]
fn halves_of_a_character_meet_across_increments() {
    let delta = |json: &str| {
        let data =
            format!(r#"{{"sessionID":"s","assistantMessageID":"a","ordinal":0,"delta":{json}}}"#);
        match event("session.text.delta", &data) {
            Event::Session {
                change:
                    SessionEvent::Assistant {
                        change:
                            AssistantChange::Text {
                                change: TextChange::Delta(delta),
                                ..
                            },
                        ..
                    },
                ..
            } => delta,
            other => panic!("{other:?}"),
        }
    };
    let mut text = DeltaText::default();
    for piece in [r#""a\ud83e""#, r#""\uddd1b""#] {
        text.push(&delta(piece));
    }
    assert_eq!(text.into_string(), "a🧑b");
}

#[test]
fn what_does_not_decode_in_a_step_keeps_its_place() {
    let message = Message::parse(raw(
        r#"{"id":"m","type":"assistant","time":{"created":1},"content":[{"type":"text"},{"type":"tool","id":""},
            {"type":"hologram"},7,{"type":"tool","id":"c","name":"x","state":{"status":"streaming","input":"{\"a\""}}]}"#,
    ))
    .unwrap();
    let MessageKind::Assistant(step) = message.kind else {
        panic!("another message");
    };
    assert_eq!(step.content.len(), 5);
    assert_eq!(step.content[1], Content::Other("tool".to_owned()));
    assert_eq!(step.content[2], Content::Other("hologram".to_owned()));
    assert_eq!(step.content[3], Content::Other(String::new()));
    let Content::Tool(tool) = &step.content[4] else {
        panic!("no tool");
    };
    assert!(matches!(&tool.state, ToolState::Streaming { input } if input == "{\"a\""));
}

#[test]
fn any_error_is_one() {
    let failed = |error: &str| match event(
        "session.execution.failed",
        &format!(r#"{{"sessionID":"s","error":{error}}}"#),
    ) {
        Event::Session {
            change: SessionEvent::Run(RunChange::Failed(failure)),
            ..
        } => failure,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        failed(r#"{"type":"provider.auth","message":""}"#).message,
        "provider.auth"
    );
    assert_eq!(failed(r#""boom""#).message, "boom");
    assert_eq!(failed("7").message, "7");
    assert!(failed(r#"{"type":"aborted","message":"x"}"#).is_abort());
}

#[test]
fn numbers_that_json_has_not_are_read_and_conditions_are_strict() {
    let form = |fields: &str| {
        FormInfo::parse(raw(&format!(
            r#"{{"id":"f","sessionID":"global","title":"t","fields":[{fields}]}}"#
        )))
    };
    let read =
        form(r#"{"key":"n","type":"number","minimum":"-Infinity","maximum":7,"default":"many"}"#)
            .unwrap();
    assert_eq!(read.owner, FormOwner::Folder);
    let FieldKind::Number {
        minimum,
        maximum,
        default,
        ..
    } = &read.fields[0].kind
    else {
        panic!("no number");
    };
    assert_eq!(minimum.unwrap().0, f64::NEG_INFINITY);
    assert_eq!((maximum.unwrap().0, *default), (7.0, None));
    assert!(form(r#"{"key":"n","type":"new"}"#).is_ok());
    assert!(form(r#"{"key":"n","type":"string","when":[{"key":"a"}]}"#).is_err());
    let answer = serde_json::from_str::<AnswerValue>(r#"["a"]"#).unwrap();
    assert_eq!(answer, AnswerValue::Several(vec!["a".to_owned()]));
}

/// Changes one place of a JSON value: away, to `null`, or to another type.
fn damaged(value: &mut serde_json::Value, at: &mut usize, how: u8) {
    use serde_json::{Value, json};
    if *at == 0 {
        *value = match how {
            0 => Value::Null,
            1 => json!(7.5),
            2 => json!([]),
            3 => json!("\u{7}"),
            _ => json!({"new": [1]}),
        };
        *at = usize::MAX;
        return;
    }
    *at = at.saturating_sub(1);
    match value {
        Value::Object(object) => {
            object.values_mut().for_each(|one| {
                if *at != usize::MAX {
                    damaged(one, at, how);
                }
            });
        }
        Value::Array(items) => items.iter_mut().for_each(|one| {
            if *at != usize::MAX {
                damaged(one, at, how);
            }
        }),
        _ => {}
    }
}

proptest! {
    #[test]
    fn any_data_is_survived(data in r#"[\[\]{}":,a-z0-9\\ud8é ]{0,80}"#) {
        bodies::wire2(data.as_bytes());
    }

    #[test]
    fn any_damage_is_survived_and_new_fields_change_nothing(
        pick in any::<prop::sample::Index>(), branch in 0_usize..13, at in 1_usize..60, how in 0_u8..5,
    ) {
        let schemas = Schemas::load();
        let events = schemas.events();
        let definition = pick.get(&events.values().collect::<Vec<_>>()).to_string();
        let whole = schemas.samples(&definition).swap_remove(branch);
        let mut hurt = whole.clone();
        damaged(&mut hurt, &mut at.clone(), how);
        bodies::wire2(hurt.to_string().as_bytes());
        let mut more = whole.clone();
        more["new"] = serde_json::json!({"a": 1});
        let (whole, more) = (whole.to_string(), more.to_string());
        prop_assert_eq!(wire2::decode(&whole).unwrap(), wire2::decode(&more).unwrap());
    }
}
