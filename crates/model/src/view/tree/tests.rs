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

#[test]
fn a_row_names_its_parent_as_drawn_and_its_newest_output_and_the_archive_has_what_the_tree_leaves_out()
 {
    let mut state = State::default();
    let name: Arc<str> = "a".into();
    let origin = Origin::Url(name.clone());
    fold(&mut state, "a", Event::InstanceAdded { name, origin });
    fold(&mut state, "a", Event::Link(LinkStatus::Connected));
    let archived = |id: &str, at| SessionInfo {
        archived: Some(Timestamp(at)),
        ..session(id, None)
    };
    let sessions = [
        session("root", None),
        session("child", Some("root")),
        session("of a stranger", Some("not known")),
        archived("first", 10),
        archived("second", 20),
    ];
    for info in sessions {
        fold(&mut state, "a", Event::SessionCreated(info));
    }
    let instance = &state.instances["a"];
    let rows = tree(&state, instance);
    let parent = |id: &str| {
        let row = rows.iter().find(|row| row.id.as_str() == id).unwrap();
        row.parent.as_ref().map(SessionId::as_str)
    };
    assert_eq!(parent("root"), None);
    assert_eq!(parent("child"), Some("root"));
    // It is drawn as a root.
    assert_eq!(parent("of a stranger"), None);
    assert!(rows.iter().all(|row| row.output >= row.updated));
    let put_away: Vec<_> = archived_titles(&state);
    assert_eq!(put_away, ["second", "first"]);
    assert_eq!(archived_count(&state, instance), 2);
}

/// Ids of the archive, in its order.
fn archived_titles(state: &State) -> Vec<String> {
    let rows = super::archived(state, &state.instances["a"]);
    rows.iter().map(|row| row.id.to_string()).collect()
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
        let look = crate::view::Viewport {
            instance: Some("a".into()),
            session: Some(deepest),
            ..crate::view::Viewport::default()
        };
        let seen = crate::view::delta(&state, &look, crate::state::Rev(0));
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

#[test]
fn what_the_strip_leaves_out_is_counted_at_its_root() {
    let mut state = State::default();
    let (name, origin): (Arc<str>, _) = ("a".into(), Origin::Url("a".into()));
    fold(&mut state, "a", Event::InstanceAdded { name, origin });
    fold(&mut state, "a", Event::Link(LinkStatus::Connected));
    fold(
        &mut state,
        "a",
        Event::SessionCreated(session("root", None)),
    );
    for n in 0..RECENT_CHILDREN + 3 {
        let child = session(&format!("child {n}"), Some("root"));
        fold(&mut state, "a", Event::SessionCreated(child));
    }
    let of = |front: &str| {
        let rows = strip(&state, &state.instances["a"], Some(&front.into()));
        (
            rows.len(),
            rows[0].folded,
            rows.iter().map(|row| row.folded).sum::<usize>(),
        )
    };
    assert_eq!(of("root"), (1 + RECENT_CHILDREN, 3, 3));
    // The session in front is always there: one of those that would be left out is shown.
    let rows = strip(&state, &state.instances["a"], Some(&"root".into()));
    let shown = |id: &str| rows.iter().any(|row| row.id.as_str() == id);
    let hidden = (0..RECENT_CHILDREN + 3).map(|n| format!("child {n}"));
    let hidden = hidden.into_iter().find(|id| !shown(id)).unwrap();
    assert_eq!(of(&hidden), (2 + RECENT_CHILDREN, 2, 2));
}
