//! The overview: which group a session is in, what it does, and what changes it.

use super::*;
use crate::limits;
use crate::state::{Circle, Phase};
use crate::view::{Doing, Group, Overview, overview};

/// What a viewer of the overview gets of all, or of what changed after a revision.
fn shown(bench: &Bench, since: Rev) -> Option<Overview> {
    let viewport = Viewport {
        overview: true,
        ..Viewport::default()
    };
    let seen = view_delta(&bench.state, &viewport, since);
    seen.overview.map(|overview| (*overview).clone())
}

fn groups(bench: &Bench) -> Vec<(String, Group)> {
    let rows = overview(&bench.state).rows;
    rows.into_iter()
        .map(|row| (row.session.to_string(), row.group))
        .collect()
}

fn doing(bench: &Bench, session: &str) -> Doing {
    let rows = overview(&bench.state).rows;
    let row = rows.into_iter().find(|row| row.session.as_str() == session);
    row.unwrap().doing
}

fn tool(part: &str, command: &str, state: ToolState) -> Event {
    let input = serde_json::json!({ "command": command });
    let kind = call_of("bash", "c", state, &input);
    Event::Part(Part {
        kind,
        ..text(part, "", false)
    })
}

fn running() -> ToolState {
    ToolState::Running { output: "".into() }
}

fn completed() -> ToolState {
    ToolState::Completed { output: "".into() }
}

#[test]
fn sessions_are_grouped_by_what_a_person_has_to_do_most_urgent_first() {
    let mut bench = Bench::new();
    bench.a(["idle", "works", "review", "asks", "failed"].map(created));
    bench.a(["works", "review", "asks", "failed"].map(busy));
    bench.a([
        idle("review"),
        permission("p", "asks"),
        Event::SessionError {
            session: Some("failed".into()),
            failure: crate::state::Failure {
                kind: crate::state::ErrorKind::Failed,
                name: "APIError".into(),
                message: "no".into(),
            },
        },
        idle("failed"),
    ]);
    assert_eq!(
        groups(&bench),
        [
            ("asks".to_owned(), Group::NeedsYou),
            ("failed".to_owned(), Group::NeedsYou),
            ("review".to_owned(), Group::ToReview),
            ("works".to_owned(), Group::Working),
            ("idle".to_owned(), Group::Idle),
        ]
    );
    // What a person has looked at needs nobody any more.
    bench.a(["failed", "review"].map(|id| Event::Reviewed { session: id.into() }));
    let idle: Vec<_> = groups(&bench)
        .into_iter()
        .filter(|(_, group)| *group == Group::Idle)
        .collect();
    assert_eq!(idle.len(), 3);
}

#[test]
fn a_subagent_is_folded_into_its_root_which_shows_what_it_asks() {
    let mut bench = Bench::new();
    let child = Event::SessionCreated(info("child", Some("root")));
    bench.a([
        created("root"),
        child,
        busy("root"),
        busy("child"),
        permission("p", "child"),
    ]);
    let rows = overview(&bench.state).rows;
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (rows[0].needs, rows[0].below, rows[0].group),
        (1, 1, Group::NeedsYou)
    );
    assert!(matches!(&rows[0].doing, Doing::Permission { kind, .. } if &**kind == "bash"));
    assert_eq!(rows[0].subagents[0].mark, Mark::NeedsYou);
}

#[test]
fn the_step_of_a_run_is_the_tool_that_runs_else_what_the_model_produces() {
    let mut bench = Bench::new();
    bench.a([created("s"), busy("s")]);
    assert_eq!(doing(&bench, "s"), Doing::Running);
    bench.a([
        Event::Message(message("m")),
        Event::Part(text("t", "", false)),
    ]);
    assert!(matches!(
        doing(&bench, "s"),
        Doing::Model {
            phase: Phase::Writing,
            ..
        }
    ));
    bench.a([
        tool("1", "cargo test", running()),
        tool("2", "ls", running()),
    ]);
    let Doing::Tool {
        subject, others, ..
    } = doing(&bench, "s")
    else {
        panic!("no tool runs");
    };
    assert_eq!((subject.as_deref(), others), (Some("cargo test"), 1));
    bench.a([
        tool("1", "cargo test", completed()),
        tool("2", "ls", completed()),
    ]);
    assert!(matches!(
        doing(&bench, "s"),
        Doing::Model {
            phase: Phase::Waiting,
            ..
        }
    ));
    bench.a([idle("s")]);
    assert!(matches!(doing(&bench, "s"), Doing::Still(_)));
    assert_eq!(bench.session("s").activity, Default::default());
}

#[test]
fn a_step_is_unknown_after_a_gap_as_it_may_have_ended_meanwhile() {
    for gap in [
        Event::StreamLost,
        Event::Durable {
            session: "s".into(),
            seq: 9,
        },
    ] {
        let mut bench = Bench::new();
        bench.a([created("s"), busy("s"), Event::Message(message("m"))]);
        bench.a([Event::Durable {
            session: "s".into(),
            seq: 1,
        }]);
        bench.a([tool("1", "cargo test", running())]);
        assert!(matches!(doing(&bench, "s"), Doing::Tool { .. }));
        bench.a([gap]);
        assert_eq!(doing(&bench, "s"), Doing::Running);
    }
}

#[test]
fn a_text_that_streams_changes_the_overview_in_steps_of_seconds() {
    let mut bench = Bench::new();
    bench.a([
        created("s"),
        busy("s"),
        Event::Message(message("m")),
        Event::Part(text("t", "", false)),
    ]);
    let before = bench.state.rev;
    bench.a([delta("t", "one "), delta("t", "two ")]);
    assert_eq!(shown(&bench, before), None);
    bench.now += limits::ACTIVITY_STEP_MS;
    bench.a([delta("t", "three ")]);
    assert!(shown(&bench, before).is_some());
}

#[test]
fn idle_sessions_beyond_the_bound_are_counted() {
    let mut bench = Bench::new();
    let many = limits::OVERVIEW_ROWS + 7;
    bench.a((0..many).map(|n| created(&format!("s{n:04}"))));
    let overview = overview(&bench.state);
    assert_eq!(
        (overview.rows.len(), overview.left_out),
        (limits::OVERVIEW_ROWS, 7)
    );
}

#[test]
fn a_branch_is_shown_and_goes_where_none_is_checked_out() {
    let mut bench = Bench::new();
    let branch = |name: Option<&str>| Event::Branch {
        directory: "/p".into(),
        branch: name.map(Into::into),
    };
    bench.a([created("s"), branch(Some("main"))]);
    assert_eq!(
        overview(&bench.state).rows[0].branch.as_deref(),
        Some("main")
    );
    bench.a([branch(None)]);
    assert_eq!(overview(&bench.state).rows[0].branch, None);
}

#[test]
fn a_run_goes_in_circles_once_it_repeats_a_call_or_its_calls_fail() {
    let mut bench = Bench::new();
    bench.a([created("s"), busy("s"), Event::Message(message("m"))]);
    let circle = |bench: &Bench| overview(&bench.state).rows[0].circle.clone();
    for nth in 0..limits::SAME_CALLS {
        assert_eq!(circle(&bench), None);
        let part = nth.to_string();
        bench.a([
            tool(&part, "npm test", running()),
            tool(&part, "npm test", completed()),
        ]);
    }
    assert!(matches!(
        circle(&bench),
        Some(Circle::Same { times: 4, .. })
    ));
    assert_eq!(overview(&bench.state).rows[0].group, Group::NeedsYou);
    let failed = || ToolState::Error { error: "no".into() };
    for nth in 0..limits::FAILED_CALLS {
        let (part, command) = (format!("f{nth}"), format!("ls {nth}"));
        bench.a([tool(&part, &command, running())]);
        assert_eq!(circle(&bench), None, "{nth}");
        bench.a([tool(&part, &command, failed())]);
    }
    assert_eq!(circle(&bench), Some(Circle::Failing(limits::FAILED_CALLS)));
    bench.a([
        tool("ok", "true", running()),
        tool("ok", "true", completed()),
    ]);
    assert_eq!(circle(&bench), None);
}

#[test]
fn what_is_snoozed_asks_nobody_until_its_time_comes() {
    let mut bench = Bench::new();
    let until = Timestamp(bench.now + 1000);
    let snoozed = Event::Snoozed {
        session: "s".into(),
        until: Some(until),
    };
    bench.a([created("s"), busy("s"), permission("p", "s"), snoozed]);
    assert_eq!(groups(&bench), [("s".to_owned(), Group::Snoozed)]);
    assert!(needs(&bench.state).is_empty());
    bench.now = until.0;
    bench.a([Event::BytesReceived]);
    assert_eq!(groups(&bench), [("s".to_owned(), Group::NeedsYou)]);
    assert_eq!(needs(&bench.state).len(), 1);
}

#[test]
fn done_can_be_taken_back() {
    let mut bench = Bench::new();
    bench.a([created("s"), busy("s"), idle("s")]);
    bench.a([Event::Reviewed {
        session: "s".into(),
    }]);
    assert_eq!(groups(&bench), [("s".to_owned(), Group::Idle)]);
    bench.a([Event::Unreviewed {
        session: "s".into(),
    }]);
    assert_eq!(groups(&bench), [("s".to_owned(), Group::ToReview)]);
}
