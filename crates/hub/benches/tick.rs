//! What one tick of the live feed costs for one viewer: looking for what is new, and drawing it. `cargo bench -p hub`.
#![allow(missing_docs)]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use hub::ingest::dialect::Dialect;
use hub::replay::Replay;
use model::ids::{InstanceId, SessionId};
use model::state::Rev;
use model::view::{self, ViewDelta, Viewport};
use page::Renderer;
use serde_json::{Value, json};

const SESSION: &str = "ses_df862e543ffelYfhMO0r7Tmp6V";

/// A viewer that has a state, and the state one word later.
struct Tick {
    before: ViewDelta,
    after: Replay,
    look: Viewport,
}

impl Tick {
    /// A conversation of so many messages whose last one has a text that is still being written.
    fn new(messages: usize, text: &str) -> Self {
        let mut frames = conversation(messages, text);
        let before = fold(&frames);
        frames.push_str(&delta(messages, "word "));
        let look = Viewport {
            instance: Some(InstanceId::new("replay")),
            session: Some(SessionId::new(SESSION)),
            ..Viewport::default()
        };
        Self {
            before: view::delta(before.state(), &look, Rev(0)),
            after: fold(&frames),
            look,
        }
    }

    /// A renderer that has drawn what the viewer has.
    fn drawn(&self) -> Renderer {
        let renderer = Renderer::new();
        black_box(renderer.patch(&self.before, Rev(0)));
        renderer
    }

    fn run(&self, renderer: &Renderer) -> usize {
        let seen = view::delta(self.after.state(), &self.look, self.before.rev);
        renderer.patch(&seen, self.before.rev).len()
    }
}

fn fold(frames: &str) -> Replay {
    let mut replay = Replay::new(Dialect::V1);
    replay.feed(frames.as_bytes());
    replay
}

fn conversation(messages: usize, text: &str) -> String {
    let mut frames = String::new();
    for at in 0..messages {
        frames.push_str(&message(at, Some(1)));
        frames.push_str(&part(
            at,
            "A reply with **two** words that are strong.",
            Some(1),
        ));
    }
    frames.push_str(&frame(
        "session.status",
        &json!({ "sessionID": SESSION, "status": { "type": "busy" } }),
    ));
    frames.push_str(&message(messages, None));
    frames.push_str(&part(messages, "", None));
    frames.push_str(&delta(messages, text));
    frames
}

fn frame(kind: &str, properties: &Value) -> String {
    let payload = json!({ "id": "evt_1", "type": kind, "properties": properties });
    format!(
        "data: {}\n\n",
        json!({ "directory": "/p", "payload": payload })
    )
}

fn message(at: usize, completed: Option<u64>) -> String {
    let info = json!({
        "id": format!("msg_{at:05}"), "role": "assistant", "sessionID": SESSION,
        "time": { "created": at, "completed": completed },
    });
    frame(
        "message.updated",
        &json!({ "sessionID": SESSION, "info": info }),
    )
}

fn part(at: usize, text: &str, end: Option<u64>) -> String {
    let part = json!({
        "id": format!("prt_{at:05}"), "messageID": format!("msg_{at:05}"), "sessionID": SESSION, "type": "text",
        "text": text, "time": { "start": 1, "end": end },
    });
    frame(
        "message.part.updated",
        &json!({ "sessionID": SESSION, "part": part }),
    )
}

fn delta(at: usize, text: &str) -> String {
    let properties = json!({
        "sessionID": SESSION, "messageID": format!("msg_{at:05}"), "partID": format!("prt_{at:05}"), "field": "text",
        "delta": text,
    });
    frame("message.part.delta", &properties)
}

/// Text of about so many bytes, in paragraphs.
fn prose(bytes: usize) -> String {
    "A paragraph of a reply that goes on for a while, with `code` and **weight** in it.\n\n"
        .repeat(bytes / 84 + 1)
}

/// Two kilobytes of prose, and a code block that is still open.
fn code(bytes: usize) -> String {
    let line = "    let answer = deep.thought(&question).unwrap_or(42); // line by line\n";
    format!(
        "{}```rust\nfn main() {{\n{}",
        prose(2000),
        line.repeat(bytes / line.len())
    )
}

fn ticks(criterion: &mut Criterion) {
    let cases = [
        ("short text, 10 messages", Tick::new(10, "So ")),
        ("short text, 1000 messages", Tick::new(1000, "So ")),
        ("20 KB of prose", Tick::new(10, &prose(20_000))),
        (
            "20 KB with a long open code block",
            Tick::new(10, &code(18_000)),
        ),
    ];
    let mut group = criterion.benchmark_group("tick for one viewer");
    for (name, tick) in &cases {
        assert!(tick.run(&tick.drawn()) > 0, "{name}: nothing was drawn");
        group.bench_function(*name, |bencher| {
            bencher.iter_batched(
                || tick.drawn(),
                |renderer| tick.run(&renderer),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

/// The same for the next viewer, which shares what was drawn for the first.
fn shared(criterion: &mut Criterion) {
    let tick = Tick::new(10, &code(18_000));
    let renderer = tick.drawn();
    tick.run(&renderer);
    criterion.bench_function("tick for one more viewer", |bencher| {
        bencher.iter(|| tick.run(black_box(&renderer)));
    });
}

criterion_group!(benches, ticks, shared);
criterion_main!(benches);
