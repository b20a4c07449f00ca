#![allow(clippy::unwrap_used)]

use super::*;
use crate::event::{Addressed, Event};
use crate::reduce;
use crate::state::{LinkStatus, Origin, Permission, PermissionRequest, RunStatus, SessionInfo};

fn fold(state: &mut State, instance: &str, event: Event) {
    let addressed = Addressed {
        instance: instance.into(),
        at: Timestamp(1),
        event,
    };
    reduce(state, addressed);
}

fn session(id: &str, parent: Option<&str>) -> SessionInfo {
    SessionInfo {
        parent: parent.map(Into::into),
        ..SessionInfo::bare(id.into(), Timestamp(1))
    }
}

#[test]
fn the_sessions_of_a_tab_are_those_of_its_tree() {
    let mut state = State::default();
    for name in ["a", "b"] {
        let origin = Origin::Url(name.into());
        let name: Arc<str> = name.into();
        fold(
            &mut state,
            &name,
            Event::InstanceAdded {
                name: name.clone(),
                origin,
            },
        );
        fold(&mut state, &name, Event::Link(LinkStatus::Connected));
    }
    let archived = SessionInfo {
        archived: Some(Timestamp(2)),
        ..session("archived", None)
    };
    let sessions = [
        session("root", None),
        session("child", Some("root")),
        session("grandchild", Some("child")),
        session("of a stranger", Some("not known")),
        archived,
        session("of the archived", Some("archived")),
        session("loop", Some("pool")),
        session("pool", Some("loop")),
        session("self", Some("self")),
        session("of the other", Some("the other's")),
        session("the other's", None),
    ];
    for info in sessions {
        let id = info.id.clone();
        fold(&mut state, "a", Event::SessionCreated(info));
        let status = RunStatus::Busy;
        fold(
            &mut state,
            "a",
            Event::Status {
                session: id,
                status,
            },
        );
    }
    let other = session("the other's", None);
    fold(&mut state, "b", Event::SessionCreated(other));
    for instance in state.instances.values() {
        let rows = tree(&state, instance);
        assert_eq!(rows.len(), marks(&state, instance).count(), "{rows:?}");
    }
    assert_eq!(tree(&state, &state.instances["a"]).len(), 5);
}

/// More than the stack below holds, more than may be walked for each, and as many again in a loop.
const NESTED: usize = 4000;

fn nested() -> State {
    let mut state = State::default();
    let name: Arc<str> = "a".into();
    let origin = Origin::Url(name.clone());
    fold(&mut state, "a", Event::InstanceAdded { name, origin });
    fold(&mut state, "a", Event::Link(LinkStatus::Connected));
    for n in 0..NESTED {
        let parent = n.checked_sub(1).map(|above| format!("{above:06}"));
        let info = session(&format!("{n:06}"), parent.as_deref());
        fold(&mut state, "a", Event::SessionCreated(info));
        // A loop as long as the chain, which hangs nowhere.
        let parent = format!("loop{:06}", (n + 1) % NESTED);
        let info = session(&format!("loop{n:06}"), Some(&parent));
        fold(&mut state, "a", Event::SessionCreated(info));
        for session in [format!("{n:06}"), format!("loop{n:06}")] {
            let permission = Permission::new(PermissionRequest {
                id: format!("per_{session}").as_str().into(),
                session: session.as_str().into(),
                permission: "bash".into(),
                patterns: Vec::new(),
                always: Vec::new(),
                tool: None,
                asked: Timestamp(1),
                raw: crate::json::Json::null(),
            });
            if n % 1000 == 999 {
                fold(&mut state, "a", Event::PermissionAsked(permission));
            }
        }
    }
    state
}

#[test]
fn sessions_nested_without_end_are_drawn_in_time_and_without_a_stack() {
    let looks = || {
        let state = nested();
        let began = std::time::Instant::now();
        let deepest: SessionId = format!("{:06}", NESTED - 1).as_str().into();
        let look = crate::view::Look {
            instance: Some("a".into()),
            session: Some(deepest),
            from: None,
        };
        let seen = crate::view::look(&state, &look, crate::state::Rev(0));
        (seen, began.elapsed())
    };
    let small_stack = std::thread::Builder::new().stack_size(256 << 10);
    let (seen, took) = small_stack.spawn(looks).unwrap().join().unwrap();
    // The square of them takes longer.
    assert!(took < std::time::Duration::from_secs(3), "{took:?}");
    let rows = seen.tree.unwrap();
    assert_eq!(rows.len(), NESTED);
    assert_eq!(rows[0].needs, NESTED / 1000);
    assert_eq!(rows[0].mark, Mark::NeedsYou);
    assert_eq!(rows[NESTED - 1].depth, limits::TREE_DEPTH);
    assert_eq!(rows[5].depth, 5);
    let head = seen.head.unwrap();
    assert_eq!(head.ancestors.len(), limits::ANCESTORS);
    assert!(
        head.skips && head.ancestors[0].0.as_str() == "000000",
        "the root is named"
    );
    let needs = seen.needs.unwrap();
    assert_eq!(needs.len(), 2 * NESTED / 1000);
    let root = |need: &crate::view::NeedRow| need.root.as_str() == "000000";
    assert_eq!(
        needs.iter().filter(|need| root(need)).count(),
        NESTED / 1000
    );
}
