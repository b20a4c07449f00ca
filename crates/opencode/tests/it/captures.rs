//! Tests with streams and replies recorded from a real server.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use opencode::sse::Parser;
use opencode::wire::{self, Event, PartKind, ToolState};
use opencode::{DeltaText, Raw};
use serde_json::Value;

use crate::bodies;

/// Recorded events that are not used.
const UNUSED: [&str; 6] = [
    "catalog.updated",
    "file.edited",
    "file.watcher.updated",
    "integration.updated",
    "plugin.added",
    "reference.updated",
];

fn captures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testkit/captures")
}

fn streams() -> Vec<(String, Vec<u8>)> {
    let mut streams: Vec<_> = fs::read_dir(captures())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "sse"))
        .map(|path| {
            (
                path.file_name().unwrap().to_string_lossy().into_owned(),
                fs::read(&path).unwrap(),
            )
        })
        .collect();
    streams.sort();
    assert!(
        streams.len() >= 40,
        "only {} recorded streams",
        streams.len()
    );
    streams
}

/// The data of each frame, fed in chunks as from a socket.
fn frames(stream: &[u8]) -> Vec<String> {
    let mut parser = Parser::default();
    let mut frames = Vec::new();
    for chunk in stream.chunks(1000) {
        parser.feed(chunk, |frame| frames.push(frame.data.to_owned()));
    }
    assert_eq!(parser.skipped(), 0);
    frames
}

/// What the object `key` of the event is on the wire, with its lone surrogates replaced.
fn on_the_wire(data: &str, key: Option<&str>) -> Value {
    let value: Value = serde_json::from_str(&opencode::json::sanitize(data)).unwrap();
    let payload = value.get("payload").unwrap_or(&value);
    let properties = &payload["properties"];
    key.map_or(properties, |key| &properties[key]).clone()
}

fn assert_verbatim(raw: &Raw, data: &str, key: Option<&str>) {
    assert_eq!(
        serde_json::from_str::<Value>(raw.get()).unwrap(),
        on_the_wire(data, key)
    );
}

#[test]
fn every_recorded_event_decodes() {
    let mut seen = BTreeMap::<String, usize>::new();
    for (name, stream) in streams() {
        for data in frames(&stream) {
            let incoming = wire::decode(&data).unwrap();
            let kind = match incoming.event {
                Event::Malformed { kind, error } => panic!("{name}: {kind}: {error}: {data}"),
                Event::Unknown { kind } => {
                    assert!(
                        UNUSED.contains(&kind.as_str()),
                        "{name}: {kind} is not known"
                    );
                    kind
                }
                Event::Sync(_) => "sync".to_owned(),
                event => format!("{event:?}")
                    .split([' ', '(', '{'])
                    .next()
                    .unwrap()
                    .to_owned(),
            };
            *seen.entry(kind).or_default() += 1;
        }
    }
    for wanted in [
        "ServerConnected",
        "ServerHeartbeat",
        "SessionCreated",
        "SessionDeleted",
        "SessionCompacted",
        "SessionError",
        "PartDelta",
        "PermissionAsked",
        "PermissionReplied",
        "QuestionAsked",
        "QuestionReplied",
        "TodoUpdated",
        "sync",
    ] {
        assert!(
            seen.contains_key(wanted),
            "no {wanted} was recorded: {seen:?}"
        );
    }
}

#[test]
fn objects_are_kept_verbatim() {
    for (_, stream) in streams() {
        for data in frames(&stream) {
            match wire::decode(&data).unwrap().event {
                Event::SessionCreated(session) | Event::SessionUpdated(session) => {
                    assert_verbatim(&session.raw, &data, Some("info"));
                    assert!(
                        session.time.created.0 > 1_700_000_000_000 && !session.directory.is_empty()
                    );
                }
                Event::MessageUpdated(message) => {
                    assert_verbatim(&message.raw, &data, Some("info"));
                    assert!(message.model.is_some() && message.created.is_some());
                }
                Event::PartUpdated { part, time } => {
                    assert_verbatim(&part.raw, &data, Some("part"));
                    assert!(time.is_some());
                    assert!(!matches!(part.kind, PartKind::Other { .. }), "{data}");
                }
                Event::PermissionAsked(request) => {
                    assert_verbatim(&request.raw, &data, None);
                    assert!(request.tool.is_some() && !request.patterns.is_empty());
                }
                Event::QuestionAsked(request) => {
                    assert_verbatim(&request.raw, &data, None);
                    assert!(!request.questions[0].options.is_empty());
                }
                Event::TodoUpdated { todos, .. } => {
                    assert_verbatim(&todos.raw, &data, Some("todos"))
                }
                _ => {}
            }
        }
    }
}

/// Each delta is an increment of what the closing update says: nothing is lost between.
#[test]
fn deltas_add_up_to_the_closing_text() {
    let mut closed = 0;
    for (name, stream) in streams() {
        let mut open = BTreeMap::<String, DeltaText>::new();
        for data in frames(&stream) {
            match wire::decode(&data).unwrap().event {
                Event::PartDelta(delta) => {
                    assert_eq!(delta.field, "text");
                    open.entry(delta.part_id).or_default().push(&delta.delta);
                }
                Event::PartUpdated { part, .. } => {
                    let (PartKind::Text {
                        text, end: Some(_), ..
                    }
                    | PartKind::Reasoning {
                        text, end: Some(_), ..
                    }) = part.kind
                    else {
                        continue;
                    };
                    let Some(heard) = open.remove(&part.id) else {
                        continue;
                    };
                    // OpenCode trims what it closes.
                    assert_eq!(
                        heard.into_string().trim(),
                        text.trim(),
                        "{name}: {}",
                        part.id
                    );
                    closed += 1;
                }
                _ => {}
            }
        }
    }
    assert!(closed > 30, "{closed} texts closed");
}

#[test]
fn sync_twins_count_without_a_gap() {
    let mut counted = 0;
    for (name, stream) in streams()
        .into_iter()
        .filter(|(name, _)| name.ends_with(".global.sse"))
    {
        let mut last = BTreeMap::<String, u64>::new();
        for data in frames(&stream) {
            let incoming = wire::decode(&data).unwrap();
            let Event::Sync(sync) = incoming.event else {
                continue;
            };
            assert_eq!(incoming.id.as_deref(), Some(sync.id.as_str()));
            if let Some(last) = last.insert(sync.aggregate_id, sync.seq) {
                assert_eq!(sync.seq, last + 1, "{name}");
            }
            counted += 1;
        }
    }
    assert!(counted > 300, "{counted} twins");
}

#[test]
fn the_task_tool_names_its_child() {
    let children: BTreeSet<_> = streams()
        .iter()
        .filter(|(name, _)| name == "task.global.sse")
        .flat_map(|(_, stream)| frames(stream))
        .filter_map(|data| match wire::decode(&data).unwrap().event {
            Event::PartUpdated { part, .. } => match part.kind {
                PartKind::Tool {
                    tool,
                    state: state @ ToolState::Completed { .. },
                    ..
                } if tool == "task" => state.child_session_id(),
                _ => None,
            },
            _ => None,
        })
        .collect();
    assert_eq!(children.len(), 1);
}

#[test]
fn the_fuzz_bodies_hold_for_every_capture() {
    for (_, stream) in streams() {
        bodies::sse(&[&[16, 255], stream.as_slice()].concat());
        for data in frames(&stream) {
            bodies::wire(data.as_bytes());
            for end in (0..data.len()).step_by(97) {
                bodies::wire(&data.as_bytes()[..end]);
            }
        }
    }
}
