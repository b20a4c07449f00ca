//! Every event and body of the contract decodes, and each type of event is listed.

use opencode::wire2::{
    self, Event, FieldKind, FormInfo, InboxEntry, InboxKind, LogItem, Message, MessageKind,
    PermissionRequest, ServerInfo, SessionInfo, TYPES, Use,
};
use opencode::{Raw, wire2::Migration};
use serde_json::{Value, json};

use crate::schema::{Extra, Schemas};

fn decoded(value: &Value) -> Event {
    wire2::decode(&value.to_string()).unwrap().event
}

#[test]
fn every_type_is_listed_once_and_no_other() {
    let schemas = Schemas::load();
    let listed: Vec<_> = TYPES.iter().map(|(name, _)| *name).collect();
    let (stream, log) = (schemas.events(), schemas.log());
    assert_eq!(stream.len(), 95);
    let mut wanted: Vec<_> = stream
        .keys()
        .chain(log.keys())
        .map(String::as_str)
        .collect();
    wanted.sort_unstable();
    wanted.dedup();
    wanted.retain(|name| *name != "log.synced");
    assert_eq!(listed, wanted, "the list is the contract's, and sorted");
    for (name, how) in TYPES {
        let live = stream.contains_key(*name);
        assert_eq!(!live, *how == Use::Log, "{name}: {how:?}");
    }
}

#[test]
fn every_type_decodes_as_the_list_says() {
    let schemas = Schemas::load();
    for (kind, definition) in schemas.events().into_iter().chain(schemas.log()) {
        let Some((_, how)) = TYPES.iter().find(|(name, _)| *name == kind) else {
            assert_eq!(kind, "log.synced");
            continue;
        };
        for sample in schemas.samples(&definition) {
            schemas.check(&definition, &sample, Extra::Refused).unwrap();
            let incoming = sample.to_string();
            let incoming = wire2::decode(&incoming).unwrap();
            assert_eq!(incoming.durable.is_some(), sample.get("durable").is_some());
            match (&incoming.event, how) {
                (Event::Passed { kind: named }, Use::Unused | Use::Deprecated) => {
                    assert_eq!(*named, kind);
                }
                (
                    Event::Passed { .. } | Event::Unknown { .. } | Event::Malformed { .. },
                    Use::Used | Use::Log,
                ) => panic!("{kind}: {:?} of {sample}", incoming.event),
                (_, Use::Used | Use::Log) => {}
                (event, _) => panic!("{kind}: {event:?}"),
            }
            let session = &sample["data"]["sessionID"];
            if let (Some(session), Use::Used) = (session.as_str(), how) {
                let found = incoming.event.session().map(wire2::SessionId::as_str);
                assert_eq!(found, Some(session), "{kind}");
            }
        }
    }
}

#[test]
fn a_log_ends_with_a_watermark() {
    let schemas = Schemas::load();
    for full in [false, true] {
        let sample = schemas.sample("EventLogSynced", full).to_string();
        let item = wire2::decode_log(&sample).unwrap();
        let LogItem::Synced { aggregate, seq } = item else {
            panic!("{item:?}");
        };
        assert_eq!(aggregate.as_str(), "text");
        assert_eq!(seq.is_some(), full);
    }
    assert!(wire2::decode_log(r#"{"type":"log.synced"}"#).is_err());
    assert!(wire2::decode_log(r#"{"type":"log.synced","aggregateID":"s","seq":-1}"#).is_err());
    let event = schemas.sample("SessionRenamedEvent", true).to_string();
    let LogItem::Event(event) = wire2::decode_log(&event).unwrap() else {
        panic!("no event");
    };
    assert!(event.durable.is_some());
}

#[test]
fn events_of_plugins_are_passed_over() {
    let schemas = Schemas::load();
    let mut event = schemas.sample("RpcEvent", true);
    event["type"] = json!("rpc.review.done");
    assert_eq!(
        decoded(&event),
        Event::Passed {
            kind: "rpc.review.done".to_owned()
        }
    );
}

#[test]
fn every_body_decodes() {
    let schemas = Schemas::load();
    let raw = |value: &Value| Raw::parse(&value.to_string()).unwrap();
    for sample in schemas.samples("SessionInfo") {
        SessionInfo::parse(raw(&sample)).unwrap();
    }
    for sample in schemas.samples("ServerInfo") {
        ServerInfo::parse(raw(&sample)).unwrap();
    }
    let mut kinds = Vec::new();
    for sample in schemas.samples("SessionMessageInfo") {
        let message = Message::parse(raw(&sample)).unwrap();
        assert!(!matches!(message.kind, MessageKind::Other(_)), "{sample}");
        kinds.push(std::mem::discriminant(&message.kind));
    }
    kinds.dedup();
    assert!(kinds.len() >= 11, "each kind of messages is tried");
    for sample in schemas.samples("SessionInboxInfo") {
        let item = InboxEntry::parse(raw(&sample)).unwrap().item;
        assert!(!matches!(item.kind, InboxKind::Other(_)), "{sample}");
    }
    for sample in schemas.samples("PermissionRequest") {
        PermissionRequest::parse(raw(&sample)).unwrap();
    }
    for sample in schemas.samples("FormDetail") {
        let form = FormInfo::parse(raw(&sample)).unwrap();
        assert!(form.state.is_some());
        let known = |field: &wire2::FormField| !matches!(field.kind, FieldKind::Other(_));
        assert!(form.fields.iter().all(known), "{sample}");
    }
}

#[test]
fn each_state_of_the_migration_is_told_apart() {
    let read = |json: &str| serde_json::from_str::<Migration>(json).unwrap();
    assert_eq!(read(r#"{"status":"required"}"#), Migration::Required);
    let running =
        read(r#"{"status":"running","progress":{"label":"x","numerator":1,"denominator":2}}"#);
    assert!(matches!(running, Migration::Running { done: Some(done), .. } if done == 1.0));
    assert_eq!(read(r#"{"status":"completed"}"#), Migration::Completed);
    assert!(matches!(
        read(r#"{"status":"error","error":"no"}"#),
        Migration::Failed { .. }
    ));
    assert!(matches!(read(r#"{"status":"new"}"#), Migration::Other(_)));
}
