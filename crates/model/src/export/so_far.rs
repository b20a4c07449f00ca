//! Streaming text as received so far, in OpenCode's REST shape, which lacks this text in its own replies.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::json::Json;
use crate::state::{Message, MessageInfo, Part, PartKind, Session};
use crate::text::{OpenText, Segment};

/// The marker in a text at each position where text may be missing.
pub const MISSING: &str = "[…]";

/// The cached messages of a session with their parts, oldest first; streaming parts have the text that was received so far.
pub fn messages_so_far(session: &Session) -> Vec<(MessageInfo, Vec<Part>)> {
    let loaded = session.loaded().into_iter();
    let messages = loaded.flat_map(|loaded| loaded.in_order());
    messages.map(|message| so_far(session, message)).collect()
}

fn so_far(session: &Session, message: &Message) -> (MessageInfo, Vec<Part>) {
    let parts = message.in_order().map(|part| {
        let open = session.open.get(&part.id);
        let open = open.filter(|_| part.kind.is_open_text());
        open.map_or_else(|| Part::clone(part), |open| part_so_far(part, open))
    });
    (message.info.clone(), parts.collect())
}

/// A part whose text is still streaming, with the text that was received so far. Its JSON is in REST's shape: `text` has [`MISSING`] at
/// each position where text may be missing, and `incomplete.missing` lists these positions, counted in characters of `text`.
///
/// A longer text of REST is used as it is, without positions.
pub fn part_so_far(part: &Part, open: &OpenText) -> Part {
    let mut json: Map<String, Value> = serde_json::from_str(part.raw.get()).unwrap_or_default();
    let held = json.get("text").and_then(Value::as_str).map_or(0, str::len);
    let mut missing = Vec::new();
    let mut part = part.clone();
    if held <= open.bytes() {
        let mut received = String::with_capacity(open.bytes());
        for segment in open.segments() {
            match segment {
                Segment::Known(known) => received.push_str(known),
                Segment::Gap => {
                    missing.push(received.chars().count());
                    received.push_str(MISSING);
                }
            }
        }
        if let PartKind::Text { text, .. } | PartKind::Reasoning { text, .. } = &mut part.kind {
            *text = Arc::from(received.as_str());
        }
        json.insert("text".to_owned(), received.into());
    }
    json.insert("incomplete".to_owned(), json!({ "missing": missing }));
    part.raw = Json::of(&json.into());
    part
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Delta;

    fn part(text: &str) -> Part {
        let json = json!({"id": "prt_1", "type": "text", "text": text, "time": {"start": 1}, "new": {"kept": true}});
        Part {
            place: Default::default(),
            id: "prt_1".into(),
            message: "msg_1".into(),
            session: "ses_1".into(),
            kind: PartKind::Text {
                text: text.into(),
                synthetic: false,
                ignored: false,
                ended: false,
            },
            raw: Json::of(&json),
        }
    }

    #[test]
    fn the_received_text_takes_the_place_of_what_rest_has() {
        let mut open = OpenText::starting_with("Gr\u{fc}n");
        open.push(&Delta::from(" und"));
        let part = part_so_far(&part(""), &open);
        assert_eq!(part.kind.text(), Some("Gr\u{fc}n und"));
        let json = part.raw.value();
        assert_eq!(json["text"], "Gr\u{fc}n und");
        assert_eq!(json["incomplete"], json!({"missing": []}));
        assert_eq!(json["new"], json!({"kept": true}));
    }

    #[test]
    fn every_position_where_text_is_missing_is_marked_and_listed() {
        let mut open = OpenText::after_gap();
        open.push(&Delta::from("\u{fc}ber"));
        open.mark_gap();
        let part = part_so_far(&part(""), &open);
        assert_eq!(part.kind.text(), Some("[…]\u{fc}ber[…]"));
        let json = part.raw.value();
        assert_eq!(json["text"], "[…]\u{fc}ber[…]");
        assert_eq!(json["incomplete"], json!({"missing": [0, 7]}));
        let text: Vec<char> = json["text"]
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
        let part = part_so_far(&part("longer"), &OpenText::after_gap());
        assert_eq!(part.kind.text(), Some("longer"));
        let json = part.raw.value();
        assert_eq!(
            (&json["text"], &json["incomplete"]),
            (&json!("longer"), &json!({"missing": []}))
        );
    }
}
