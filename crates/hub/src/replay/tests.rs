#![allow(clippy::unwrap_used)]
//! Every recorded stream folds to what REST said at its end, field by field.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::*;

mod properties;

fn captures() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../testkit/captures"))
}

fn names() -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(captures())
        .unwrap()
        .filter_map(|entry| {
            Some(
                entry
                    .unwrap()
                    .file_name()
                    .to_str()?
                    .strip_suffix(".rest.json")?
                    .to_owned(),
            )
        })
        .collect();
    names.sort();
    names
}

fn fold(file: &str, piece: usize) -> Value {
    let bytes = fs::read(captures().join(file)).unwrap();
    let mut replay = Replay::new(Dialect::V1);
    bytes.chunks(piece).for_each(|chunk| replay.feed(chunk));
    assert!(replay.instance().counters.malformed.is_empty());
    assert_eq!(replay.instance().counters.gaps, 0, "{file}");
    serde_json::to_value(model::export::rest(replay.instance())).unwrap()
}

/// Where a folded value differs from the expected one, as `path: folded | expected`.
fn differences(path: &str, folded: &Value, expected: &Value, found: &mut Vec<String>) {
    match (folded, expected) {
        (Value::Object(folded), Value::Object(expected)) => {
            let keys: std::collections::BTreeSet<_> =
                folded.keys().chain(expected.keys()).collect();
            for key in keys {
                let at = format!("{path}.{key}");
                match (folded.get(key), expected.get(key)) {
                    (Some(folded), Some(expected)) => differences(&at, folded, expected, found),
                    (folded, expected) => {
                        found.push(format!("{at}: {} | {}", show(folded), show(expected)))
                    }
                }
            }
        }
        (Value::Array(folded), Value::Array(expected)) if folded.len() == expected.len() => {
            for (at, (folded, expected)) in folded.iter().zip(expected).enumerate() {
                differences(&format!("{path}[{at}]"), folded, expected, found);
            }
        }
        (folded, expected) if folded == expected => {}
        (folded, expected) => found.push(format!(
            "{path}: {} | {}",
            show(Some(folded)),
            show(Some(expected))
        )),
    }
}

fn show(value: Option<&Value>) -> String {
    value.map_or_else(
        || "absent".to_owned(),
        |value| value.to_string().chars().take(120).collect(),
    )
}

fn compare(name: &str) -> Vec<String> {
    let rest: Value =
        serde_json::from_slice(&fs::read(captures().join(format!("{name}.rest.json"))).unwrap())
            .unwrap();
    let folded = fold(&format!("{name}.global.sse"), 4096);
    let mut found = Vec::new();
    for (id, expected) in rest["state"].as_object().unwrap() {
        if id == "status" {
            continue;
        }
        let session = &folded["sessions"][id];
        if expected["session"].get("name").is_some() {
            assert!(session.is_null(), "{name}: {id} is deleted");
            continue;
        }
        differences(id, &session["session"], &expected["session"], &mut found);
        differences(
            &format!("{id} messages"),
            &session["messages"],
            &expected["messages"],
            &mut found,
        );
        if let Some(todo) = expected.get("todo") {
            differences(&format!("{id} todo"), &session["todo"], todo, &mut found);
        }
    }
    found
}

/// What the streams themselves do not tell: `abort` lost the first part in the milliseconds before the server had
/// subscribed its stream, `fork` announces the copy without what the original had used.
fn untold(name: &str, difference: &str) -> bool {
    match name {
        "abort" => difference.contains("messages[0].parts: [] | "),
        "fork" => difference.contains(".cost: 0 | ") || difference.contains(".tokens."),
        _ => false,
    }
}

#[test]
fn captures_fold_to_what_rest_says() {
    let mut all = BTreeMap::new();
    let mut untold_found = BTreeMap::new();
    for name in names() {
        let (expected, surprising): (Vec<_>, Vec<_>) = compare(&name)
            .into_iter()
            .partition(|difference| untold(&name, difference));
        if !surprising.is_empty() {
            all.insert(name.clone(), surprising);
        }
        if !expected.is_empty() {
            untold_found.insert(name, expected.len());
        }
    }
    assert!(all.is_empty(), "{all:#?}");
    assert_eq!(
        untold_found,
        BTreeMap::from([("abort".to_owned(), 1), ("fork".to_owned(), 3)])
    );
}

#[test]
fn both_streams_of_a_server_fold_alike() {
    // The two streams of `abort` were subscribed at different moments: only the bare one has the first part.
    for name in names().iter().filter(|name| *name != "abort") {
        let global = fold(&format!("{name}.global.sse"), 1 << 20);
        let bare = fold(&format!("{name}.event.sse"), 7);
        assert_eq!(global, bare, "{name}");
        assert_eq!(global["permissions"], json!([]), "{name}");
    }
}

/// REST keeps the texts of a run that was cut off empty; a person is shown what was heard.
#[test]
fn a_text_that_never_ends_is_kept_as_heard() {
    let bytes = fs::read(captures().join("midfail.global.sse")).unwrap();
    let mut replay = Replay::new(Dialect::V1);
    replay.feed(&bytes);
    let heard: Vec<_> = replay
        .instance()
        .sessions
        .values()
        .flat_map(|s| s.open.values())
        .map(|t| t.received())
        .collect();
    assert_eq!(heard.len(), 2);
    assert!(
        heard
            .iter()
            .all(|text| text.starts_with("the quick brown fox")),
        "{heard:?}"
    );
}

#[test]
fn a_recording_may_begin_in_the_middle_of_a_conversation() {
    let bytes = fs::read(captures().join("bash.global.sse")).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let from = text.find("message.updated").unwrap();
    let start = text[..from].rfind("data:").unwrap();
    let mut replay = Replay::new(Dialect::V1);
    replay.feed(&text.as_bytes()[start..]);
    let whole = fold("bash.global.sse", 4096);
    let late = serde_json::to_value(model::export::rest(replay.instance())).unwrap();
    assert_eq!(late, whole);
}
