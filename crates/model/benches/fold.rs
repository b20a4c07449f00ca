//! How long an increment takes to fold, with few sessions and with many. `cargo bench -p model`.
#![allow(missing_docs)]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use model::event::Addressed;
use model::ids::{MessageId, PartId, SessionId};
use model::json::Json;
use model::state::{LinkStatus, MessageInfo, Origin, Part, PartKind, Role, RunStatus, SessionInfo};
use model::text::Delta;
use model::time::Timestamp;
use model::{Event, State, reduce};

/// Increments folded into one text: a long reply.
const WORDS: usize = 1000;

fn fold(state: &mut State, event: Event) {
    let addressed = Addressed {
        instance: "a".into(),
        at: Timestamp(1),
        event,
    };
    black_box(reduce(state, addressed));
}

/// A live instance of so many sessions, one of which is writing.
fn writing(sessions: usize) -> State {
    let mut state = State::default();
    let origin = Origin::Url("http://a".into());
    let name = "a".into();
    fold(&mut state, Event::InstanceAdded { name, origin });
    fold(&mut state, Event::Link(LinkStatus::Connected));
    for at in 0..sessions {
        let info = SessionInfo::bare(SessionId::new(format!("s{at}")), Timestamp(1));
        fold(&mut state, Event::SessionCreated(info));
    }
    let status = RunStatus::Busy;
    let (session, message) = (SessionId::from("s0"), MessageId::from("m"));
    let busy = Event::Status {
        session: session.clone(),
        status,
    };
    fold(&mut state, busy);
    let info = MessageInfo::bare(
        message.clone(),
        session.clone(),
        Role::Assistant,
        Timestamp(1),
    );
    fold(&mut state, Event::Message(info));
    let kind = PartKind::Text {
        text: "".into(),
        synthetic: false,
        ignored: false,
        ended: false,
    };
    let part = Part {
        place: Default::default(),
        id: PartId::from("p"),
        message,
        session,
        kind,
        raw: Json::null(),
    };
    fold(&mut state, Event::Part(part));
    state
}

fn word() -> Event {
    Event::PartDelta {
        session: "s0".into(),
        message: "m".into(),
        part: "p".into(),
        delta: Delta::from("word "),
    }
}

/// A thousand increments of one reply, without making the events.
fn deltas(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fold of 1000 deltas");
    for sessions in [1, 100, 5000] {
        let state = writing(sessions);
        group.bench_function(format!("{sessions} sessions"), |bencher| {
            let prepared = || (state.clone(), vec![word(); WORDS]);
            bencher.iter_batched(
                prepared,
                |(mut state, events)| {
                    events.into_iter().for_each(|event| fold(&mut state, event));
                    state
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, deltas);
criterion_main!(benches);
