//! Text that has not ended, as far as it was received: OpenCode's REST shape with what its own answer lacks.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::json::Json;
use crate::state::{Message, Session};
use crate::text::{OpenText, Segment};

/// Stands in a text where something of it may be missing.
pub const MISSING: &str = "[…]";

/// A message with its parts; those that stream have the text that was received so far.
#[derive(Debug, Serialize)]
pub struct MessageSoFar<'a> {
    /// The message.
    pub info: &'a Json,
    /// Its parts, in order.
    pub parts: Vec<Json>,
}

/// A session's messages, with the text that was received so far; none where they are not kept.
pub fn messages_so_far(session: &Session) -> Vec<MessageSoFar<'_>> {
    let loaded = session.loaded().into_iter();
    let messages = loaded.flat_map(|loaded| loaded.in_order());
    messages.map(|message| so_far(session, message)).collect()
}

fn so_far<'a>(session: &Session, message: &'a Message) -> MessageSoFar<'a> {
    let parts = message.parts.values().map(|part| {
        let open = session
            .open
            .get(&part.id)
            .filter(|_| part.kind.is_open_text());
        open.map_or_else(
            || part.raw.clone(),
            |text| part_so_far(part.raw.get(), text),
        )
    });
    MessageSoFar {
        info: &message.info.raw,
        parts: parts.collect(),
    }
}

/// A part whose text has not ended, in REST's shape: `text` is what was received, with [`MISSING`] at each place where something
/// may be missing, and `incomplete.missing` has those places, counted in characters of `text`.
///
/// Where REST holds more of the text than was received, that stands, without a place where anything is missing.
pub fn part_so_far(raw: &str, open: &OpenText) -> Json {
    let mut part: Map<String, Value> = serde_json::from_str(raw).unwrap_or_default();
    let held = part.get("text").and_then(Value::as_str).map_or(0, str::len);
    let mut missing = Vec::new();
    if held <= open.bytes() {
        let mut text = String::with_capacity(open.bytes());
        for segment in open.segments() {
            match segment {
                Segment::Known(known) => text.push_str(known),
                Segment::Gap => {
                    missing.push(text.chars().count());
                    text.push_str(MISSING);
                }
            }
        }
        part.insert("text".to_owned(), text.into());
    }
    part.insert("incomplete".to_owned(), json!({ "missing": missing }));
    Json::of(&part.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Delta;

    fn part(text: &str) -> String {
        json!({"id": "prt_1", "type": "text", "text": text, "time": {"start": 1}, "new": {"kept": true}}).to_string()
    }

    #[test]
    fn what_was_received_stands_in_the_place_of_what_rest_holds() {
        let mut open = OpenText::starting_with("Gr\u{fc}n");
        open.push(&Delta::from(" und"));
        let told = part_so_far(&part(""), &open).value();
        assert_eq!(told["text"], "Gr\u{fc}n und");
        assert_eq!(told["incomplete"], json!({"missing": []}));
        assert_eq!(told["new"], json!({"kept": true}));
    }

    #[test]
    fn every_place_where_something_is_missing_is_marked_and_told() {
        let mut open = OpenText::after_gap();
        open.push(&Delta::from("\u{fc}ber"));
        open.mark_gap();
        let told = part_so_far(&part(""), &open).value();
        assert_eq!(told["text"], "[…]\u{fc}ber[…]");
        assert_eq!(told["incomplete"], json!({"missing": [0, 7]}));
        let text: Vec<char> = told["text"]
            .as_str()
            .into_iter()
            .flat_map(str::chars)
            .collect();
        for at in [0, 7] {
            assert_eq!(text[at..at + 3], ['[', '…', ']']);
        }
    }

    #[test]
    fn a_longer_text_of_the_server_stands() {
        let told = part_so_far(&part("longer"), &OpenText::after_gap()).value();
        assert_eq!(
            (&told["text"], &told["incomplete"]),
            (&json!("longer"), &json!({"missing": []}))
        );
    }
}
