//! What each fuzz target holds to be true. The tests of `opencode` run the same over recorded streams.

use opencode::json::sanitize;
use opencode::sse::Parser;
use opencode::wire::{self, Event};
use opencode::{Raw, sketch, wire2};

/// What a parser gave for a stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Parsed {
    /// Event, data and id of each frame.
    pub(crate) frames: Vec<(String, String, String)>,
    /// How many events were too large.
    pub(crate) skipped: u64,
}

/// Parses a stream that arrives in these chunks.
pub(crate) fn parse<'a>(
    max_event_bytes: usize,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> Parsed {
    let mut parser = Parser::new(max_event_bytes);
    let mut frames = Vec::new();
    for chunk in chunks {
        parser.feed(chunk, |frame| {
            assert!(
                frame.data.len() <= max_event_bytes.saturating_mul(3),
                "a bound is a bound"
            );
            frames.push((
                frame.event.to_owned(),
                frame.data.to_owned(),
                frame.id.to_owned(),
            ));
        });
    }
    Parsed {
        frames,
        skipped: parser.skipped(),
    }
}

/// Whole and cut, a stream is the same. The first byte says how to cut, the second how large an event may be.
pub(crate) fn sse(input: &[u8]) {
    let [cut, limit, stream @ ..] = input else {
        return;
    };
    for max_event_bytes in [usize::from(*limit), usize::MAX / 4] {
        let whole = parse(max_event_bytes, [stream]);
        let cut = usize::from(*cut) + 1;
        assert_eq!(whole, parse(max_event_bytes, stream.chunks(cut)));
        assert_eq!(whole, parse(max_event_bytes, stream.chunks(1)));
    }
}

/// Any data is decoded or refused, and what is kept verbatim is JSON that decodes as text.
pub(crate) fn wire(input: &[u8]) {
    let data = &*String::from_utf8_lossy(input);
    let sanitized = sanitize(data);
    assert_eq!(sanitize(&sanitized), sanitized);
    let _ = sketch::decode(data);
    if let Ok(incoming) = wire::decode(data)
        && let Some(raw) = kept(&incoming.event)
    {
        let again = Raw::parse(raw.get()).expect("what is kept is JSON");
        assert_eq!(&again, raw);
    }
}

fn kept(event: &Event) -> Option<&Raw> {
    match event {
        Event::SessionCreated(session) | Event::SessionUpdated(session) => Some(&session.raw),
        Event::MessageUpdated(message) => Some(&message.raw),
        Event::PartUpdated { part, .. } => Some(&part.raw),
        Event::PermissionAsked(request) => Some(&request.raw),
        Event::QuestionAsked(request) => Some(&request.raw),
        Event::TodoUpdated { todos, .. } => Some(&todos.raw),
        Event::SessionDiff { diff, .. } => Some(diff),
        _ => None,
    }
}

/// The same of OpenCode 2: as a frame, as an item of a log, and as each body.
pub(crate) fn wire2(input: &[u8]) {
    let data = &*String::from_utf8_lossy(input);
    if let Ok(incoming) = wire2::decode(data) {
        match &incoming.event {
            wire2::Event::Unknown { raw, .. } => json(raw),
            wire2::Event::Permission(wire2::PermissionEvent::Asked(asked)) => json(&asked.raw),
            wire2::Event::Form(wire2::FormEvent::Created(form)) => json(&form.raw),
            _ => {}
        }
    }
    let _ = wire2::decode_log(data);
    let _ = wire2::FirstLine::read(data);
    let _ = wire2::version_in(data);
    if let Ok(found) = wire2::Registration::parse(data) {
        assert!(found.pid > 0 && found.url.has_host());
    }
    let Ok(raw) = Raw::parse(data) else { return };
    if let Ok(session) = wire2::SessionInfo::parse(raw.clone()) {
        json(&session.raw);
    }
    let _ = wire2::Message::parse(raw.clone());
    let _ = wire2::InboxEntry::parse(raw.clone());
    let _ = wire2::PermissionRequest::parse(raw.clone());
    let _ = wire2::FormInfo::parse(raw.clone());
    let _ = wire2::ServerInfo::parse(raw);
}

fn json(raw: &Raw) {
    let again = Raw::parse(raw.get()).expect("what is kept is JSON");
    assert_eq!(&again, raw);
}
