//! Tests of events that are in no recording.

use opencode::wire::{self, Event, NotAnEvent, PartKind, SessionStatus, ToolState};
use proptest::prelude::*;

use crate::bodies;

fn event(kind: &str, properties: &str) -> Event {
    wire::decode(&format!(
        r#"{{"id":"evt_1","type":"{kind}","properties":{properties}}}"#
    ))
    .unwrap()
    .event
}

fn part(json: &str) -> PartKind {
    let part = format!(r#"{{"part":{{"id":"p","messageID":"m","sessionID":"s",{json}}}}}"#);
    match event("message.part.updated", &part) {
        Event::PartUpdated { part, .. } => part.kind,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_envelope_may_be_there_or_not() {
    let bare =
        wire::decode(r#"{"id":"e","type":"session.idle","properties":{"sessionID":"s"}}"#).unwrap();
    assert_eq!((bare.directory, bare.id.as_deref()), (None, Some("e")));
    let data = r#"{"directory":"/a \ud83e","project":"p","workspace":"w",
        "payload":{"type":"session.idle","properties":{"sessionID":"s"},"id":"e"}}"#;
    let enveloped = wire::decode(data).unwrap();
    assert_eq!(enveloped.directory.as_deref(), Some("/a \u{fffd}"));
    assert_eq!(
        (enveloped.project.as_deref(), enveloped.workspace.as_deref()),
        (Some("p"), Some("w"))
    );
    assert_eq!(enveloped.event, bare.event);
}

#[test]
fn what_is_not_an_event_is_refused() {
    for data in ["", "<html>", "[]", "{", r#"{"type":1}"#] {
        assert!(
            matches!(wire::decode(data), Err(NotAnEvent::Json(_))),
            "{data}"
        );
    }
    for data in ["{}", r#"{"payload":{}}"#] {
        assert!(
            matches!(wire::decode(data), Err(NotAnEvent::NoType)),
            "{data}"
        );
    }
}

#[test]
fn unknown_and_malformed_events_are_named() {
    assert_eq!(
        event("session.next.moved", "{}"),
        Event::Unknown {
            kind: "session.next.moved".to_owned()
        }
    );
    for kind in [
        "session.updated",
        "message.part.delta",
        "session.idle",
        "todo.updated",
        "sync",
    ] {
        for properties in ["{}", "null", "7", "[]"] {
            let decoded = event(kind, properties);
            assert!(
                matches!(&decoded, Event::Malformed { kind: named, .. } if named == kind),
                "{decoded:?}"
            );
        }
    }
}

#[test]
fn frequent_events_are_read_the_same_wherever_their_type_stands() {
    for (kind, key, body) in [
        (
            "message.part.delta",
            "properties",
            r#"{"sessionID":"s","messageID":"m","partID":"p","field":"text","delta":"a\ud83e"}"#,
        ),
        (
            "sync",
            "syncEvent",
            r#"{"id":"e","type":"message.updated.1","seq":7,"aggregateID":"s","data":{"text":"\ud83e"}}"#,
        ),
    ] {
        let (kind, body) = (format!(r#""type":"{kind}""#), format!(r#""{key}":{body}"#));
        let far = format!("/{}", "d".repeat(2000));
        let read = |directory: &str, payload: &str| {
            let data = format!(
                r#"{{"directory":"{directory}","project":"p","payload":{{{payload},"id":"e"}}}}"#
            );
            let incoming = wire::decode(&data).unwrap();
            let told = (
                incoming.directory.as_deref(),
                incoming.project.as_deref(),
                incoming.id.as_deref(),
            );
            assert_eq!(told, (Some(directory), Some("p"), Some("e")));
            incoming.event
        };
        let first = read("/d", &format!("{kind},{body}"));
        assert!(
            matches!(first, Event::PartDelta(_) | Event::Sync(_)),
            "{first:?}"
        );
        assert_eq!(read("/d", &format!("{body},{kind}")), first);
        assert_eq!(read(&far, &format!("{kind},{body}")), first);
    }
}

#[test]
fn a_frequent_event_that_does_not_decode_is_named() {
    for (kind, key, body) in [
        (
            "message.part.delta",
            "properties",
            r#"{"sessionID":"s","delta":7}"#,
        ),
        ("sync", "syncEvent", r#"{"id":"e","seq":"x"}"#),
    ] {
        let data = format!(r#"{{"directory":"/d","payload":{{"type":"{kind}","{key}":{body}}}}}"#);
        let event = wire::decode(&data).unwrap().event;
        assert!(
            matches!(&event, Event::Malformed { kind: named, .. } if named == kind),
            "{event:?}"
        );
    }
}

#[test]
fn a_deletion_counts_whatever_its_description_is() {
    let wanted = Event::SessionDeleted {
        session_id: "s".to_owned(),
        info: None,
    };
    assert_eq!(
        event("session.deleted", r#"{"sessionID":"s","info":{"id":7}}"#),
        wanted
    );
    let Event::SessionDeleted { session_id, info } =
        event("session.deleted", r#"{"info":{"id":"s"}}"#)
    else {
        panic!("another event");
    };
    assert_eq!(
        (session_id, info.unwrap().id),
        ("s".to_owned(), "s".to_owned())
    );
}

#[test]
fn decoration_of_another_shape_is_left_out() {
    let json = r#"{"info":{"id":"s","title":null,"cost":"free","tokens":[],"model":"m","time":{"created":1.5},
        "share":true,"parentID":"p","new":{"a":1}}}"#;
    let Event::SessionUpdated(session) = event("session.updated", json) else {
        panic!("another event")
    };
    assert_eq!(
        (session.title.as_str(), session.cost, session.model),
        ("", 0.0, None)
    );
    assert_eq!(
        (session.time.created.0, session.parent_id.as_deref()),
        (2, Some("p"))
    );
    assert!(session.raw.get().contains(r#""new":{"a":1}"#));
}

#[test]
fn lone_surrogates_do_not_lose_an_object() {
    let PartKind::Text { text, .. } = part(r#""type":"text","text":"a\ud83e","time":{"start":1}"#)
    else {
        panic!("another part");
    };
    assert_eq!(text, "a\u{fffd}");
}

#[test]
fn each_status_is_told_apart() {
    let status = |json: &str| match event(
        "session.status",
        &format!(r#"{{"sessionID":"s","status":{json}}}"#),
    ) {
        Event::SessionStatus { status, .. } => status,
        other => panic!("{other:?}"),
    };
    assert_eq!(status(r#"{"type":"idle"}"#), SessionStatus::Idle);
    assert_eq!(status(r#"{"type":"busy"}"#), SessionStatus::Busy);
    assert_eq!(
        status(r#"{"type":"dreaming"}"#),
        SessionStatus::Other("dreaming".to_owned())
    );
    let retry = status(r#"{"type":"retry","attempt":2,"message":"500","next":1795420909999}"#);
    assert!(
        matches!(retry, SessionStatus::Retry { attempt: 2, next: Some(next), .. } if next.0 == 1795420909999)
    );
}

#[test]
fn what_a_tool_gives_back_is_kept_in_any_shape() {
    for (output, text) in [
        (r#""a\ud83e""#, "a\u{fffd}"),
        ("null", ""),
        (r#"{"a":[1]}"#, "{\n  \"a\": [\n    1\n  ]\n}"),
        ("7", "7"),
    ] {
        for field in ["output", "error"] {
            let status = if field == "output" {
                "completed"
            } else {
                "error"
            };
            let state = format!(
                r#""type":"tool","tool":"x","state":{{"status":"{status}","{field}":{output},"attachments":[{{"type":"file","mime":"image/png"}}]}}"#
            );
            let PartKind::Tool { state, .. } = part(&state) else {
                panic!("another part");
            };
            match state {
                ToolState::Completed { output, files, .. } => {
                    assert_eq!((output.as_str(), files.len()), (text, 1));
                }
                ToolState::Error { error, .. } => assert_eq!(error, text),
                other => panic!("{other:?}"),
            }
        }
    }
    let odd = part(
        r#""type":"tool","tool":"x","state":{"status":"completed","output":"a","attachments":7}"#,
    );
    assert!(matches!(odd, PartKind::Tool { .. }));
}

#[test]
fn rare_parts_decode() {
    assert!(
        matches!(part(r#""type":"hologram","text":{}"#), PartKind::Other { kind } if kind == "hologram")
    );
    assert!(
        matches!(part(r#""type":"agent","name":"build""#), PartKind::Agent { name } if name == "build")
    );
    assert!(
        matches!(part(r#""type":"snapshot","snapshot":"h""#), PartKind::Snapshot { snapshot } if snapshot == "h")
    );
    let retry =
        part(r#""type":"retry","attempt":3,"error":{"name":"APIError","data":{"message":"no"}}"#);
    assert!(
        matches!(retry, PartKind::Retry { attempt: 3, error: Some(error) } if error.message == "no")
    );
    let pending = part(
        r#""type":"tool","callID":"c","tool":"bash","state":{"status":"pending","input":{},"raw":""}"#,
    );
    assert!(matches!(
        pending,
        PartKind::Tool {
            state: ToolState::Pending { input: Some(_) },
            ..
        }
    ));
}

#[test]
fn an_error_never_quotes_at_length() {
    let role = "x".repeat(10_000);
    let message = format!(r#"{{"info":{{"id":"m","sessionID":"s","role":"{role}"}}}}"#);
    let Event::Malformed { error, .. } = event("message.updated", &message) else {
        panic!("another event")
    };
    assert!(
        error.starts_with("unknown variant `xxx") && error.chars().count() <= 201,
        "{error}"
    );
}

#[test]
fn a_model_is_named_in_two_ways() {
    for model in [
        r#""modelID":"m""#,
        r#""id":"m""#,
        r#""id":"alias","modelID":"m""#,
    ] {
        let json = format!(r#"{{"info":{{"id":"s","model":{{"providerID":"p",{model}}}}}}}"#);
        let Event::SessionUpdated(session) = event("session.updated", &json) else {
            panic!("another event")
        };
        assert_eq!(session.model.unwrap().model_id, "m");
    }
}

proptest! {
    #[test]
    fn any_data_is_survived(data in r#"[\[\]{}":,a-z0-9\\ud8é ]{0,80}"#) {
        bodies::wire(data.as_bytes());
    }

    #[test]
    fn any_properties_are_survived(
        kind in prop_oneof![
            Just("session.updated"), Just("message.updated"), Just("message.part.updated"), Just("session.status"),
            Just("message.part.delta"), Just("permission.asked"), Just("question.asked"), Just("session.error"),
        ],
        id in r#"("[a-z]{1,3}"|null|1|\{\})"#,
        text in r#"("[a-z]{0,3}(\\ud8[0-9a-f]{2})?"|null|1|\[\])"#,
    ) {
        let object = format!(
            r#"{{"id":{id},"sessionID":{text},"messageID":"m","partID":"p","role":"user","type":"text","text":{text},
                "field":"text","delta":{text},"status":{{"type":{text}}},"error":{{"name":{text}}}}}"#
        );
        for properties in [object.clone(), format!(r#"{{"info":{object},"part":{object}}}"#)] {
            bodies::wire(format!(r#"{{"type":"{kind}","properties":{properties}}}"#).as_bytes());
        }
    }
}
