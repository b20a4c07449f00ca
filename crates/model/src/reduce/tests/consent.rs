//! Over any order of events: which sessions are stopped, what is refused, and which requests still wait.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::state::Request;
use crate::view::{NeedKind, to_refuse};

/// Sessions of the test: a tree of three levels, beside another root.
const PARENTS: [(&str, Option<&str>); 6] = [
    ("s", None),
    ("c", Some("s")),
    ("d", Some("s")),
    ("g", Some("c")),
    ("h", Some("c")),
    ("o", None),
];

#[derive(Clone, Copy, Debug)]
enum Act {
    Ask,
    Stop,
    Prompt,
    Busy,
    Idle,
    Delete,
}

/// What the fold must say, kept in the simplest way: who was stopped or prompted last, over all sessions.
#[derive(Default)]
struct Oracle {
    /// For each session the number of the act that last stopped or released it, and whether it stopped it.
    said: BTreeMap<&'static str, (usize, bool)>,
    waiting: BTreeMap<String, &'static str>,
    gone: BTreeSet<&'static str>,
}

fn parent(of: &str) -> Option<&'static str> {
    PARENTS.iter().find(|(id, _)| *id == of)?.1
}

fn up(of: &'static str) -> impl Iterator<Item = &'static str> {
    std::iter::successors(Some(of), |at| parent(at))
}

impl Oracle {
    /// What was last said to a session or to one above it, up to one that is gone.
    fn newest(&self, session: &'static str) -> Option<(usize, bool)> {
        let known = up(session).take_while(|at| !self.gone.contains(at));
        known.filter_map(|at| self.said.get(at)).max().copied()
    }

    fn is_stopped(&self, session: &'static str) -> bool {
        self.newest(session).is_some_and(|(_, stopped)| stopped)
    }

    fn act(&mut self, at: usize, act: Act, session: &'static str) {
        if self.gone.contains(session) {
            return;
        }
        match act {
            Act::Ask => {
                self.waiting.insert(format!("per_{at:03}"), session);
            }
            Act::Stop => {
                self.said.insert(session, (at, true));
            }
            Act::Prompt => {
                self.said.insert(session, (at, false));
            }
            Act::Busy => {}
            Act::Idle => self.waiting.retain(|_, of| *of != session),
            Act::Delete => {
                self.waiting.retain(|_, of| *of != session);
                // What was said to it goes on for those below it.
                for (child, _) in PARENTS.iter().filter(|(_, of)| *of == Some(session)) {
                    if let Some(newest) = self.newest(child) {
                        self.said.insert(child, newest);
                    }
                }
                self.gone.insert(session);
            }
        }
    }
}

fn event(at: usize, act: Act, session: &str) -> Event {
    match act {
        Act::Ask => permission(&format!("per_{at:03}"), session),
        Act::Stop => Event::Stopped {
            session: session.into(),
        },
        Act::Prompt => Event::Prompted {
            session: session.into(),
        },
        Act::Busy => busy(session),
        Act::Idle => idle(session),
        Act::Delete => Event::SessionDeleted(session.into()),
    }
}

fn acts() -> impl Strategy<Value = Vec<(Act, usize)>> {
    let act = prop_oneof![
        4 => Just(Act::Ask),
        3 => Just(Act::Stop),
        3 => Just(Act::Prompt),
        2 => Just(Act::Busy),
        1 => Just(Act::Idle),
        1 => Just(Act::Delete),
    ];
    prop::collection::vec((act, 0..PARENTS.len()), 1..60)
}

proptest! {
    #[test]
    fn what_a_stopped_tree_asks_is_refused_and_nothing_else_is(acts in acts()) {
        let (mut bench, mut oracle) = (Bench::new(), Oracle::default());
        for (id, parent) in PARENTS {
            bench.a([Event::SessionCreated(info(id, parent))]);
        }
        for (at, (act, session)) in acts.into_iter().enumerate() {
            let session = PARENTS[session].0;
            bench.a([event(at, act, session)]);
            oracle.act(at, act, session);
            let waiting: BTreeMap<_, _> = needs(&bench.state)
                .into_iter()
                .filter_map(|row| match row.kind {
                    NeedKind::Permission(permission) => Some((permission.id.to_string(), row.stopped)),
                    NeedKind::Question(_) => None,
                })
                .collect();
            let expected: BTreeMap<_, _> = oracle
                .waiting
                .iter()
                .map(|(id, of)| (id.clone(), oracle.is_stopped(of)))
                .collect();
            prop_assert_eq!(&waiting, &expected, "after {} {:?} {}", at, act, session);
            let refused: BTreeSet<_> = to_refuse(&bench.state)
                .into_iter()
                .filter(|one| !one.ended)
                .map(|one| match one.request {
                    Request::Permission(id) => id.to_string(),
                    Request::Question(id) => id.to_string(),
                })
                .collect();
            let stopped: BTreeSet<_> = expected.into_iter().filter_map(|(id, stopped)| stopped.then_some(id)).collect();
            prop_assert_eq!(refused, stopped);
        }
    }
}
