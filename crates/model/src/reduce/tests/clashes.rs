//! Sessions that change the same file.

use std::collections::BTreeSet;

use super::*;
use crate::ids::InstanceId;
use crate::state::{Clash, ClashKind};
use crate::view::{file_clashes, overview};

fn edit(session: &str, part: &str, path: &str) -> Event {
    let input = serde_json::json!({ "filePath": path });
    let state = ToolState::Running { output: "".into() };
    Event::Part(Part {
        session: session.into(),
        kind: call_of("edit", part, state, &input),
        ..text(part, "", false)
    })
}

/// Sentences of all clashes, as `instance/session: sentence`.
fn found(bench: &Bench, here: &[&str]) -> Vec<String> {
    let here: BTreeSet<InstanceId> = here.iter().map(|id| (*id).into()).collect();
    let all = file_clashes(&bench.state, &here).into_iter();
    all.flat_map(|((instance, session), clashes)| {
        let name = format!("{instance}/{session}");
        clashes
            .into_iter()
            .map(move |clash| format!("{name}: {}", clash.sentence()))
    })
    .collect()
}

fn titled(id: &str, parent: Option<&str>) -> Event {
    Event::SessionCreated(SessionInfo {
        title: id.into(),
        ..info(id, parent)
    })
}

#[test]
fn live_sessions_that_changed_one_file_clash_until_one_is_looked_at() {
    let mut bench = Bench::new();
    bench.a([titled("one", None), titled("two", None)]);
    bench.a([busy("one"), busy("two"), edit("one", "1", "/p/a.rs")]);
    assert!(found(&bench, &[]).is_empty());
    bench.a([edit("two", "2", "./x/../a.rs")]);
    let both = [
        "a/one: Changes a.rs as well as “two”.",
        "a/two: Changes a.rs as well as “one”.",
    ];
    assert_eq!(found(&bench, &[]), both);
    // What ended is still in the way, until a person has looked at it.
    bench.a([idle("one")]);
    assert_eq!(found(&bench, &[]), both);
    bench.a([Event::Reviewed {
        session: "one".into(),
    }]);
    assert!(found(&bench, &[]).is_empty());
    // Its changes are still there when it goes on.
    bench.a([busy("one")]);
    assert_eq!(found(&bench, &[]), both);
}

#[test]
fn what_a_session_changed_counts_over_its_runs_until_it_is_done_or_commits() {
    let mut bench = Bench::new();
    bench.a([titled("one", None), titled("two", None)]);
    bench.a([busy("one"), busy("two"), edit("one", "1", "a.rs")]);
    bench.a([edit("two", "2", "a.rs"), idle("one"), busy("one")]);
    assert_eq!(found(&bench, &[]).len(), 2, "a prompt settles nothing");
    bench.a([
        idle("one"),
        Event::Dismissed {
            session: "one".into(),
        },
        busy("one"),
    ]);
    assert!(found(&bench, &[]).is_empty(), "it was done");
    bench.a([edit("one", "3", "a.rs")]);
    assert_eq!(found(&bench, &[]).len(), 2);
    let input = serde_json::json!({ "command": "git add a.rs && git commit -m a" });
    let commit = |state| {
        Event::Part(Part {
            session: "two".into(),
            kind: call_of("bash", "4", state, &input),
            ..text("4", "", false)
        })
    };
    bench.a([commit(ToolState::Running { output: "".into() })]);
    assert_eq!(found(&bench, &[]).len(), 2, "nothing is committed yet");
    bench.a([commit(ToolState::Completed { output: "".into() })]);
    assert!(found(&bench, &[]).is_empty());
}

#[test]
fn subagents_count_for_their_root_and_not_against_it() {
    let mut bench = Bench::new();
    bench.a([
        titled("one", None),
        titled("child", Some("one")),
        titled("two", None),
    ]);
    bench.a(["one", "child", "two"].map(busy));
    bench.a([edit("one", "1", "a.rs"), edit("child", "2", "a.rs")]);
    assert!(found(&bench, &[]).is_empty());
    bench.a([edit("two", "3", "a.rs"), edit("two", "4", "/q/b.rs")]);
    assert_eq!(found(&bench, &[]).len(), 2);
}

#[test]
fn only_instances_on_one_disk_change_the_same_file() {
    let mut bench = Bench::new();
    bench.a([titled("one", None), busy("one"), edit("one", "1", "a.rs")]);
    bench.at("b", titled("two", None));
    bench.at("b", busy("two"));
    bench.at("b", edit("two", "2", "a.rs"));
    assert!(found(&bench, &[]).is_empty() && found(&bench, &["a"]).is_empty());
    assert_eq!(found(&bench, &["a", "b"]).len(), 2);
}

#[test]
fn what_the_hub_found_is_on_the_row_and_changes_it_once() {
    let mut bench = Bench::new();
    bench.a([titled("one", None)]);
    let other = ("b".into(), "two".into(), "<b>\u{1b}two".into());
    let paths = (0..10).map(|nth| format!("f{nth}").into());
    let clash = Clash::with_paths(ClashKind::Branches, other, paths);
    assert_eq!(
        clash.sentence(),
        "Would conflict with “<b>␛two” in f0 and 9 more."
    );
    let event = || Event::Clashes {
        session: "one".into(),
        clashes: vec![clash.clone()],
    };
    bench.a([event()]);
    assert_eq!(
        overview(&bench.state).rows[0].clashes,
        std::slice::from_ref(&clash)
    );
    let rev = bench.state.rev;
    bench.a([event()]);
    assert_eq!(bench.state.rev, rev);
}
