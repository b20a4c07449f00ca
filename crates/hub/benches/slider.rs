//! What one step of the event inspector's slider costs: folding to a frame, and drawing the session as it was. `cargo bench -p hub
//! --bench slider`.
#![allow(missing_docs)]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use hub::record::log::{Entry, Payload};
use hub::record::past::{History, Step};
use hub::replay::timeline::Timeline;
use model::ids::InstanceId;
use model::time::Timestamp;
use page::PastMoment;
use serde_json::{Value, json};

const SESSION: &str = "ses_df862e543ffelYfhMO0r7Tmp6V";

fn frame(kind: &str, properties: &Value) -> String {
    json!({ "directory": "/p", "payload": { "id": "evt_1", "type": kind, "properties": properties } })
        .to_string()
}

/// The frames of so many answers, of so many words each.
fn frames(answers: usize, words: usize) -> Vec<String> {
    let mut frames = Vec::new();
    for at in 0..answers {
        let (message, part) = (format!("msg_{at:05}"), format!("prt_{at:05}"));
        let info = |completed: Option<usize>| {
            json!({ "sessionID": SESSION, "info": { "id": message, "role": "assistant", "sessionID": SESSION,
                "time": { "created": at, "completed": completed } } })
        };
        let text = |text: &str, end: Option<usize>| {
            json!({ "sessionID": SESSION, "part": { "id": part, "messageID": message, "sessionID": SESSION, "type": "text",
                "text": text, "time": { "start": 1, "end": end } } })
        };
        frames.push(frame("message.updated", &info(None)));
        frames.push(frame("message.part.updated", &text("", None)));
        for _ in 0..words {
            frames.push(frame(
                "message.part.delta",
                &json!({ "sessionID": SESSION, "messageID": message, "partID": part,
                "field": "text", "delta": "word " }),
            ));
        }
        frames.push(frame(
            "message.part.updated",
            &text(&"word ".repeat(words), Some(2)),
        ));
        frames.push(frame("message.updated", &info(Some(at + 1))));
    }
    frames
}

fn timeline(answers: usize, words: usize) -> Timeline {
    let instance = InstanceId::new("i");
    let entries = frames(answers, words).into_iter().zip(1..);
    let steps = entries.map(|(text, seq)| {
        Step::Frame(Arc::new(Entry {
            epoch: "e".into(),
            seq,
            instance: instance.clone(),
            session: Some(SESSION.into()),
            payload: Payload::Upstream(text.into()),
            at: Timestamp(1),
            private: false,
        }))
    });
    let history = History {
        steps: steps.collect(),
        cut: false,
    };
    Timeline::new(instance, "i".into(), SESSION.into(), history)
}

/// Folds to a frame and draws.
fn step(timeline: &Timeline, steps: usize) -> usize {
    let moment = PastMoment {
        steps,
        of: timeline.steps().len(),
        cut: false,
        begins_late: false,
        after_gap: false,
        near: Vec::new(),
    };
    timeline
        .renderer()
        .past(&timeline.seen(steps), &moment)
        .len()
}

fn steps(criterion: &mut Criterion) {
    for (name, answers, words) in [
        ("1,000 frames", 10, 96),
        ("100,000 frames, 28 MB", 1_000, 96),
    ] {
        let timeline = timeline(answers, words);
        let all = timeline.steps().len();
        let mut at = 0;
        criterion.bench_function(&format!("step on, {name}"), |bencher| {
            bencher.iter(|| {
                at = (at + 1) % all;
                black_box(step(&timeline, at))
            });
        });
        // Far apart, so that each step folds from a state that is kept.
        criterion.bench_function(&format!("jump, {name}"), |bencher| {
            bencher.iter(|| {
                at = (at + all * 5 / 8) % all;
                black_box(step(&timeline, at))
            });
        });
    }
}

criterion_group!(slider, steps);
criterion_main!(slider);
