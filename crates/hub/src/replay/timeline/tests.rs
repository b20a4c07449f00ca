#![allow(clippy::unwrap_used)]
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use model::time::Timestamp;
use opencode::sse;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::ingest::dialect::{Dialect, Translator};
use crate::record::past::{Chain, Selection};
use crate::replay::Replay;

/// The frames of a recording.
fn frames(name: &str) -> Vec<String> {
    let captures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testkit/captures");
    let bytes = fs::read(captures.join(format!("{name}.global.sse"))).unwrap();
    let mut frames = Vec::new();
    sse::Parser::default().feed(&bytes, |frame| frames.push(frame.data.to_owned()));
    frames
}

fn entry(seq: u64, text: &str) -> Arc<Entry> {
    let session = Translator::new(Dialect::V1)
        .frame(text, Timestamp(0))
        .session;
    Arc::new(Entry {
        epoch: "e".into(),
        seq,
        instance: InstanceId::new("replay"),
        session,
        payload: Payload::Upstream(text.into()),
        at: Timestamp(0),
        private: false,
    })
}

fn history(frames: &[String], session: &str) -> History {
    let selection = Selection {
        instance: InstanceId::new("replay"),
        sessions: BTreeSet::from([session.into()]),
    };
    let mut chain = Chain::new(selection, usize::MAX);
    for (frame, seq) in frames.iter().zip(1..) {
        chain.entry(entry(seq, frame));
    }
    chain.history()
}

fn timeline(frames: &[String], session: &str, spacing: usize) -> Timeline {
    let (instance, name) = (InstanceId::new("replay"), Arc::from("replay"));
    let history = history(frames, session);
    Timeline::spaced(instance, name, session.into(), history, spacing)
}

/// The session as a replay of so many frames has it, as the hub had it live.
fn live(frames: &[String], many: u64, session: &str) -> Option<Value> {
    let mut replay = Replay::new(Dialect::V1);
    for frame in &frames[..usize::try_from(many).unwrap()] {
        replay.feed(format!("data: {frame}\n\n").as_bytes());
    }
    let session = replay.instance().sessions.get(&SessionId::from(session));
    session.map(|session| session_value(session))
}

fn then(timeline: &Timeline, steps: usize) -> Option<Value> {
    let fold = timeline.at(steps);
    let session = fold.state().session(&timeline.instance, &timeline.session);
    session.map(session_value)
}

fn sessions(frames: &[String]) -> Vec<String> {
    let all = frames
        .iter()
        .filter_map(|frame| entry(1, frame).session.clone());
    let all: BTreeSet<String> = all.map(|session| session.to_string()).collect();
    all.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_session_is_as_it_was_live_at_every_step_in_whatever_order(
        name in prop::sample::select(vec!["bash", "abort", "autocompact", "midfail"]),
        which in any::<prop::sample::Index>(),
        at in prop::collection::vec(any::<prop::sample::Index>(), 1..12),
        spacing in 1_usize..20_000,
    ) {
        let frames = frames(name);
        let sessions = sessions(&frames);
        let session = which.get(&sessions);
        let timeline = timeline(&frames, session, spacing);
        let steps = timeline.steps().len();
        for at in at {
            let many = at.index(steps + 1);
            let seq = match many.checked_sub(1).map(|last| &timeline.steps()[last]) {
                Some(Step::Frame(entry)) => entry.seq,
                _ => 0,
            };
            prop_assert_eq!(then(&timeline, many), live(&frames, seq, session));
        }
    }
}

fn delta(text: &str) -> String {
    json!({"payload": {"type": "message.part.delta", "properties": {"sessionID": "ses_1", "messageID": "msg_1", "partID": "prt_1",
        "field": "text", "delta": text}}})
    .to_string()
}

/// A session whose text grows by two words.
fn growing() -> Vec<String> {
    let info =
        json!({"id": "msg_1", "sessionID": "ses_1", "role": "assistant", "time": {"created": 1}});
    let part = json!({"id": "prt_1", "messageID": "msg_1", "sessionID": "ses_1", "type": "text", "text": "", "time": {"start": 1}});
    let event = |name: &str, properties: Value| {
        json!({"payload": {"type": name, "properties": properties}}).to_string()
    };
    vec![
        event(
            "message.updated",
            json!({"sessionID": "ses_1", "info": info}),
        ),
        event(
            "message.part.updated",
            json!({"sessionID": "ses_1", "part": part}),
        ),
        delta("one "),
        delta("<b>two</b>"),
    ]
}

#[test]
fn a_frame_tells_what_it_changed() {
    let timeline = timeline(&growing(), "ses_1", 1);
    let changes = timeline.changes(3);
    let grown: Vec<_> = changes.iter().filter(|one| one.grown.is_some()).collect();
    assert_eq!(grown.len(), 1, "{changes:?}");
    assert_eq!(grown[0].grown.as_deref(), Some("<b>two</b>"));
    assert_eq!(grown[0].path, "messages.msg_1.parts.prt_1.text");
    assert!(timeline.begins_late(), "nothing announced the session");
    assert_eq!(timeline.place(&"e-3".parse().unwrap()), Some(2));
}

#[test]
fn a_gap_is_in_the_text_and_not_papered_over() {
    let frames = growing();
    let selection = Selection {
        instance: InstanceId::new("replay"),
        sessions: BTreeSet::from(["ses_1".into()]),
    };
    let mut chain = Chain::new(selection, usize::MAX);
    for (frame, seq) in frames.iter().zip([1, 2, 3, 5]) {
        chain.entry(entry(seq, frame));
    }
    let (instance, name) = (InstanceId::new("replay"), Arc::from("replay"));
    let timeline = Timeline::new(instance, name, "ses_1".into(), chain.history());
    assert_eq!(timeline.steps().len(), 5);
    let was = then(&timeline, 5).unwrap();
    assert_eq!(
        was["messages"]["msg_1"]["parts"]["prt_1"]["text"],
        "one […]<b>two</b>"
    );
    let was = then(&timeline, 3).unwrap();
    assert_eq!(was["messages"]["msg_1"]["parts"]["prt_1"]["text"], "one ");
}

#[test]
fn hostile_frames_become_text() {
    let mut frames = growing();
    frames.push(delta("<script>alert(1)</script>\u{202e}"));
    frames.push(
        "{\"payload\":{\"type\":\"<img src=x>\",\"properties\":{\"sessionID\":\"ses_1\"}}}"
            .to_owned(),
    );
    frames.push("no JSON".to_owned());
    let timeline = timeline(&frames, "ses_1", 1);
    let steps = timeline.steps().len();
    let moment = page::PastMoment {
        steps,
        of: steps,
        cut: true,
        begins_late: true,
        after_gap: true,
        near: vec![page::NearStep {
            steps,
            frame: Some(page::NearFrame {
                cursor: "\"><script>".to_owned(),
                at: Timestamp(1),
                name: "<img src=x onerror=alert(1)>\u{202e}".to_owned(),
                bytes: 1,
            }),
        }],
    };
    let html = timeline.renderer().past(&timeline.seen(steps), &moment);
    assert!(
        !html.contains("<script") && !html.contains("<img"),
        "{html}"
    );
    // What hides in a type is shown; in prose the browser isolates each block.
    assert!(html.contains("onerror=alert(1)&gt;\\u{202e}"), "{html}");
}
