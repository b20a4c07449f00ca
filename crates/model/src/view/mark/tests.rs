//! For any session in any state the mark is one, in every row that shows it.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::event::{Addressed, Event};
use crate::ids::InstanceId;
use crate::json::Json;
use crate::reduce;
use crate::state::{Failure, LinkStatus, Origin, Permission, PermissionRequest, Rev, SessionInfo};
use crate::time::Timestamp;
use crate::view::{Viewport, delta};

/// What may be so of a session.
#[derive(Clone, Debug)]
struct Story {
    parent: Option<usize>,
    run: usize,
    failed: bool,
    unseen: bool,
    asks: bool,
    stopped: bool,
}

fn story(at: usize) -> impl Strategy<Value = Story> {
    let parent = proptest::option::of(0..at.max(1));
    let flags = proptest::array::uniform4(proptest::bool::weighted(0.3));
    (parent, 0..5usize, flags).prop_map(move |(parent, run, [failed, unseen, asks, stopped])| {
        Story {
            parent: parent.filter(|parent| *parent < at),
            run,
            failed,
            unseen,
            asks,
            stopped,
        }
    })
}

fn name(at: usize) -> SessionId {
    format!("s{at}").as_str().into()
}

fn run(nth: usize) -> Run {
    let at = Timestamp(3);
    match nth {
        0 => Run::Unknown,
        1 => Run::Idle,
        2 => Run::Busy { since: at },
        3 => Run::Interrupted { at },
        _ => Run::Retry {
            since: at,
            attempt: 2,
            message: "overloaded".into(),
            next: at,
        },
    }
}

fn state(stories: &[Story], live: bool) -> State {
    let mut state = State::default();
    let mut fold = |event| {
        let addressed = Addressed {
            instance: "i".into(),
            at: Timestamp(1),
            event,
        };
        reduce(&mut state, addressed);
    };
    let origin = Origin::Url("u".into());
    fold(Event::InstanceAdded {
        name: "i".into(),
        origin,
    });
    if live {
        fold(Event::Link(LinkStatus::Connected));
    }
    for (at, story) in stories.iter().enumerate() {
        let info = SessionInfo {
            parent: story.parent.map(name),
            ..SessionInfo::bare(name(at), Timestamp(1))
        };
        fold(Event::SessionCreated(info));
        if story.asks {
            fold(Event::PermissionAsked(Permission::new(PermissionRequest {
                id: format!("per_{at}").as_str().into(),
                session: name(at),
                permission: "bash".into(),
                patterns: Vec::new(),
                always: Vec::new(),
                tool: None,
                asked: Timestamp(1),
                raw: Json::null(),
            })));
        }
        if story.stopped {
            fold(Event::Stopped { session: name(at) });
        }
    }
    let instance = state.instances.get_mut(&InstanceId::from("i")).unwrap();
    for (at, story) in stories.iter().enumerate() {
        let session = instance.sessions.get_mut(&name(at)).unwrap();
        session.run = run(story.run);
        session.unreviewed = story.unseen.then_some(Timestamp(2));
        session.failure = story
            .failed
            .then(|| Failure::failed("APIError", "Overloaded"));
    }
    state
}

fn stories() -> impl Strategy<Value = Vec<Story>> {
    (1..7usize).prop_flat_map(|many| (0..many).map(story).collect::<Vec<_>>())
}

proptest! {
    #[test]
    fn a_session_has_one_mark_wherever_it_is_shown(stories in stories(), live in any::<bool>()) {
        let state = state(&stories, live);
        let instance = &state.instances[&InstanceId::from("i")];
        let marks = Marks::of(&state, instance);
        let mut loudest = Mark::Idle;
        for at in 0..stories.len() {
            let id = name(at);
            let session = &instance.sessions[&id];
            let told = mark_of(&state, instance, session);
            loudest = loudest.max(told.mark);
            let seen = delta(&state, &Viewport {
                instance: Some("i".into()),
                session: Some(id.clone()),
                ..Viewport::default()
}, Rev(0));
            let of = |rows: &[crate::view::SessionRow]| {
                rows.iter().find(|row| row.id == id).map(|row| row.mark)
            };
            prop_assert_eq!(marks.mark(session), told.mark);
            prop_assert_eq!(of(&seen.tree.unwrap()), Some(told.mark));
            prop_assert_eq!(of(&seen.strip.unwrap()), Some(told.mark));
            prop_assert_eq!(seen.head.unwrap().mark, Some(told.clone()));
            // What is not quiet and not plainly at work says why, and what to do.
            let says = told.reason.is_some();
            prop_assert!(says || matches!(told.mark, Mark::Idle | Mark::Working), "{:?}", told);
        }
        let tabs = delta(&state, &Viewport::default(), Rev(0)).tabs.unwrap();
        let quietest = if live { Mark::Idle } else { Mark::Stale };
        prop_assert_eq!(tabs[0].mark, loudest.max(quietest));
    }

    #[test]
    fn what_goes_on_below_a_session_is_shown_of_it_and_what_ended_there_is_not(stories in stories()) {
        let state = state(&stories, true);
        let instance = &state.instances[&InstanceId::from("i")];
        let marks = Marks::of(&state, instance);
        for at in 0..stories.len() {
            let session = &instance.sessions[&name(at)];
            let below = instance.below(&session.info.id);
            let below = below.iter().map(|id| marks.own(&instance.sessions[id]));
            let on = below.filter(|mark| mark.is_running() || *mark == Mark::NeedsYou).max();
            let wanted = marks.own(session).max(on.unwrap_or(Mark::Idle));
            prop_assert_eq!(marks.mark(session), wanted);
        }
    }
}
