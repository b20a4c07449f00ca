//! Tests of the event-stream parser with vectors based on the WHATWG specification and web-platform-tests.

use std::time::Duration;

use opencode::sse::Parser;
use proptest::prelude::*;
use serde::Deserialize;

use crate::bodies::{self, Parsed, parse};

#[derive(Deserialize)]
struct Vector {
    name: String,
    /// Each character is one byte.
    bytes: String,
    events: Vec<Wanted>,
}

#[derive(Deserialize)]
struct Wanted {
    #[serde(rename = "type")]
    kind: String,
    data: String,
    last_id: String,
}

const LIMIT: usize = 1024;

/// Building blocks of random streams, including all separators.
const PIECES: &[&[u8]] = &[
    b"data: ",
    b"data",
    b"id:",
    b"event:",
    b"\n",
    b"\r",
    b"\r\n",
    b"\n\n",
    b":",
    b" ",
    b"\0",
    b"\xFF",
    b"\xEF",
    b"\xEF\xBB\xBF",
    b"\xF0\x9F\xA4\x96",
    b"{}",
];

fn vectors() -> Vec<(Vector, Vec<u8>)> {
    let vectors: Vec<Vector> = serde_json::from_str(include_str!("data/sse-vectors.json")).unwrap();
    assert!(vectors.len() >= 40);
    let bytes_of = |vector: &Vector| {
        vector
            .bytes
            .chars()
            .map(|c| u8::try_from(u32::from(c)).unwrap())
            .collect()
    };
    vectors
        .into_iter()
        .map(|vector| (bytes_of(&vector), vector))
        .map(|(bytes, vector)| (vector, bytes))
        .collect()
}

fn wanted(vector: &Vector) -> Parsed {
    let frame = |event: &Wanted| {
        // The parser leaves the default type empty.
        let kind = if event.kind == "message" {
            ""
        } else {
            &event.kind
        };
        (kind.to_owned(), event.data.clone(), event.last_id.clone())
    };
    Parsed {
        frames: vector.events.iter().map(frame).collect(),
        skipped: 0,
    }
}

#[test]
fn every_vector_holds_however_it_is_cut() {
    for (vector, bytes) in vectors() {
        let wanted = wanted(&vector);
        assert_eq!(
            parse(LIMIT, [bytes.as_slice()]),
            wanted,
            "{}, whole",
            vector.name
        );
        assert_eq!(
            parse(LIMIT, bytes.chunks(1)),
            wanted,
            "{}, by bytes",
            vector.name
        );
        for at in 0..=bytes.len() {
            let (head, tail) = bytes.split_at(at);
            assert_eq!(
                parse(LIMIT, [head, tail]),
                wanted,
                "{}, cut at {at}",
                vector.name
            );
            assert_eq!(
                parse(LIMIT, [head, b"", tail]),
                wanted,
                "{}, cut at {at} with a pause",
                vector.name
            );
        }
    }
}

#[test]
fn the_fuzz_body_holds_for_every_vector() {
    for (_, bytes) in vectors() {
        for limit in [0, 3, 7, 20] {
            bodies::sse(&[&[2, limit], bytes.as_slice()].concat());
        }
    }
}

#[test]
fn the_last_valid_retry_counts() {
    let mut parser = Parser::default();
    parser.feed(
        b"retry: 1500\nretry: 1x\nretry:\nretry: 99999999999999999999999\n\n",
        |_| {},
    );
    assert_eq!(parser.retry(), Some(Duration::from_millis(1500)));
}

#[test]
fn an_event_above_the_limit_is_skipped_and_the_stream_goes_on() {
    let big = "x".repeat(100);
    let many = "data: 0123456789\n".repeat(10);
    let stream = format!(
        "data: a\n\nid: 9\ndata: {big}\ndata: more\n\n{many}\n: {big}\n\nevent: e\ndata: b\n\n"
    );
    for chunk in [1, 7, 64, stream.len()] {
        let parsed = parse(50, stream.as_bytes().chunks(chunk));
        let frame =
            |event: &str, data: &str, id: &str| (event.to_owned(), data.to_owned(), id.to_owned());
        assert_eq!(
            parsed.frames,
            [frame("", "a", ""), frame("e", "b", "9")],
            "in chunks of {chunk}"
        );
        assert_eq!(parsed.skipped, 3, "in chunks of {chunk}");
    }
}

#[test]
fn an_event_of_exactly_the_limit_is_given() {
    assert_eq!(parse(7, [b"data: x\n\n".as_slice()]).frames.len(), 1);
    assert_eq!(parse(6, [b"data: x\n\n".as_slice()]).skipped, 1);
}

proptest! {
    #[test]
    fn chunking_changes_nothing(
        pieces in proptest::collection::vec(
            proptest::sample::select(PIECES),
            0..40,
        ),
        cut in 0_u8..9,
        limit in 0_u8..40,
    ) {
        bodies::sse(&[&[cut, limit], pieces.concat().as_slice()].concat());
    }
}
