//! What a server's numbers prove, and what they do not.

use super::*;
use crate::limits;
use crate::state::{Sameness, ServerKind, Watermark};

fn numbered(seq: u64) -> Event {
    Event::Numbered {
        session: "s".into(),
        seq,
    }
}

fn told(seq: u64) -> Event {
    Event::Watermark {
        session: "s".into(),
        upto: Watermark::At(seq),
    }
}

fn read_at(seq: Option<u64>) -> Event {
    Event::MessagesRead(MessagesRead {
        session: "s".into(),
        messages: Vec::new(),
        older: None,
        page: ReadPage::Newest,
        todos: None,
        proven: seq.map(Watermark::At),
    })
}

/// A session at rest of a server that tells numbers, proven up to 5.
fn proven() -> Bench {
    let mut bench = Bench::new();
    bench.a([
        Event::Server(ServerKind::V2),
        snapshot(&["s"]),
        Event::ReadStarted {
            session: "s".into(),
        },
        read_at(Some(5)),
    ]);
    bench
}

fn sameness(bench: &Bench) -> Sameness {
    bench.session("s").sameness()
}

fn at(seq: u64, more: bool) -> Sameness {
    let upto = Watermark::At(seq);
    Sameness::Proven { upto, more }
}

/// True if the conversation is to be read again.
fn reads(bench: &Bench) -> bool {
    let read = |effect: &Effect| matches!(effect, Effect::ReadMessages(..));
    bench.effects.iter().any(read)
}

#[test]
fn a_read_between_two_equal_numbers_proves_a_conversation_and_the_stream_does_not() {
    let mut bench = proven();
    assert_eq!(sameness(&bench), at(5, false));
    bench.a([numbered(6)]);
    assert_eq!(sameness(&bench), at(5, true));
    bench.a([told(6)]);
    assert!(!reads(&bench));
    assert_eq!(sameness(&bench), at(6, false));
    bench.a([read_at(None)]);
    assert_eq!(sameness(&bench), Sameness::AsOfStream);
}

#[test]
fn a_number_that_the_stream_left_out_has_the_conversation_read_once_it_rests() {
    let mut bench = proven();
    bench.a([numbered(6), numbered(8), told(8)]);
    assert!(reads(&bench));
    assert_eq!(sameness(&bench), at(5, true));
    bench.a([read_at(Some(8)), told(8)]);
    assert!(!reads(&bench));
    assert_eq!(sameness(&bench), at(8, false));
}

#[test]
fn what_came_during_a_read_is_not_proven_by_it() {
    let mut bench = proven();
    bench.a([
        Event::ReadStarted {
            session: "s".into(),
        },
        numbered(6),
        numbered(9),
        read_at(Some(6)),
    ]);
    assert_eq!(sameness(&bench), at(6, true));
    // Whether 7 and 8 changed the conversation is not known.
    bench.a([told(9)]);
    assert!(reads(&bench));
}

#[test]
fn another_process_that_writes_is_found_out_at_rest() {
    let mut bench = proven();
    bench.a([told(7)]);
    assert!(reads(&bench));
    // While the session runs its own events change the number all the time.
    bench.a([busy("s"), told(9)]);
    assert!(!reads(&bench));
}

#[test]
fn a_conversation_at_rest_is_asked_about_once_in_a_while_where_its_server_numbers() {
    let asks = |bench: &Bench| {
        let asked = |effect: &Effect| matches!(effect, Effect::ReadWatermark(..));
        bench.effects.iter().any(asked)
    };
    let mut bench = proven();
    bench.a([Event::BytesReceived]);
    assert!(!asks(&bench));
    bench.now += limits::PROOF_EVERY_MS;
    bench.a([Event::BytesReceived]);
    assert!(asks(&bench));
    bench.now += limits::ACTIVITY_STEP_MS;
    bench.a([Event::BytesReceived]);
    assert!(!asks(&bench));
    bench.now += limits::PROOF_EVERY_MS;
    bench.a([Event::Server(ServerKind::V1), Event::BytesReceived]);
    assert!(!asks(&bench));
}
