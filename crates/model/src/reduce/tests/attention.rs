//! What needs a person although it asks nothing, and what ends that.

use super::*;
use crate::limits;

use crate::view::{Attention, Doing, Group, attention, needed, overview, standing};

fn kinds(bench: &Bench) -> Vec<(String, &'static str)> {
    let name = |kind: &Attention| match kind {
        Attention::Failed { .. } => "failed",
        Attention::Retrying { .. } => "retrying",
        Attention::Interrupted => "interrupted",
        Attention::Silent => "silent",
        Attention::Circling(_) => "circling",
        Attention::OverLimit(_) => "over a limit",
        Attention::ToReview { .. } => "to review",
        Attention::Link { .. } => "link",
    };
    let rows = attention(&bench.state).rows;
    rows.iter()
        .map(|row| {
            let id = row.session.as_ref().map_or("", |session| session.as_str());
            (id.to_owned(), name(&row.kind))
        })
        .collect()
}

fn retry(session: &str, attempt: u32) -> Event {
    Event::Status {
        session: session.into(),
        status: RunStatus::Retry {
            attempt,
            message: "overloaded".into(),
            next: Timestamp(9),
        },
    }
}

fn runs(part: &str) -> Event {
    let running = ToolState::Running { output: "".into() };
    let input = serde_json::json!({ "command": "cargo test" });
    let kind = call_of("bash", "c", running, &input);
    Event::Part(Part {
        kind,
        ..text(part, "", false)
    })
}

fn failed(session: &str) -> Event {
    Event::SessionError {
        session: Some(session.into()),
        failure: Failure::failed("ProviderAuthError", "no"),
    }
}

fn done(session: &str) -> [Event; 2] {
    let session = SessionId::from(session);
    [
        Event::Dismissed {
            session: session.clone(),
        },
        Event::Reviewed { session },
    ]
}

/// Lets a connected server be heard until this many milliseconds have passed.
fn pass(bench: &mut Bench, millis: i64) {
    for _ in 0..=millis / limits::ACTIVITY_STEP_MS {
        bench.now += limits::ACTIVITY_STEP_MS;
        bench.a([Event::BytesReceived]);
    }
}

#[test]
fn everything_that_needs_a_person_is_listed_the_most_urgent_first_until_it_is_done() {
    let mut bench = Bench::new();
    bench.a(["fails", "ends", "retries", "tries", "works"].map(created));
    bench.a(["fails", "ends", "retries", "tries", "works"].map(busy));
    bench.a([
        idle("ends"),
        retry("retries", limits::RETRIES),
        retry("tries", limits::RETRIES - 1),
        failed("fails"),
        idle("fails"),
    ]);
    let all = [
        ("fails".to_owned(), "failed"),
        ("retries".to_owned(), "retrying"),
        ("ends".to_owned(), "to review"),
    ];
    assert_eq!(kinds(&bench), all);
    // What holds an agent up is counted with the requests; a finished turn holds none up.
    assert_eq!(attention(&bench.state).urgent(), 2);
    bench.a([permission("p", "tries")]);
    let tabs = view_delta(&bench.state, &front("a", "tries"), Rev(0)).tabs;
    assert_eq!((needed(&bench.state), tabs.unwrap()[0].needs), (3, 3));
    let login = attention(&bench.state)
        .rows
        .into_iter()
        .any(|row| matches!(row.kind, Attention::Failed { failure, .. } if failure.login));
    assert!(login);
    for session in ["retries", "fails", "ends"] {
        bench.a(done(session));
    }
    assert_eq!(kinds(&bench), []);
    for session in ["retries", "fails", "ends"] {
        bench.a([Event::Unreviewed {
            session: session.into(),
        }]);
    }
    assert_eq!(kinds(&bench).len(), 3);
    // Of a run that goes on nothing is to be reviewed.
    assert_eq!(bench.session("retries").unreviewed, None);
}

#[test]
fn what_is_done_needs_a_person_again_with_the_next_state() {
    let mut bench = Bench::new();
    bench.a([created("s"), busy("s"), retry("s", 5)]);
    bench.a(done("s"));
    bench.a([retry("s", 6)]);
    assert_eq!(kinds(&bench), []);
    bench.a([failed("s"), idle("s")]);
    assert_eq!(kinds(&bench), [("s".to_owned(), "failed")]);
}

#[test]
fn a_model_is_silent_once_nothing_came_for_long_unless_a_tool_runs() {
    let mut bench = Bench::new();
    bench.a([created("s"), busy("s"), Event::Message(message("m"))]);
    pass(&mut bench, limits::SILENT_MS - 2 * limits::ACTIVITY_STEP_MS);
    assert_eq!(kinds(&bench), []);
    let seen = bench.state.rev;
    pass(&mut bench, limits::ACTIVITY_STEP_MS);
    assert_eq!(kinds(&bench), [("s".to_owned(), "silent")]);
    let delta = view_delta(&bench.state, &front("a", "s"), seen);
    assert!(delta.attention.is_some() && delta.standing.is_some());
    assert_eq!(overview(&bench.state).rows[0].group, Group::NeedsYou);
    let instance = &bench.state.instances[&InstanceId::from("a")];
    let told = standing(&bench.state, instance, bench.session("s"));
    assert!(matches!(told.doing, Doing::Silent { .. }));
    assert_eq!(told.mark.reason.as_deref(), Some("The model is silent."));
    // The first word ends that, for every viewer.
    let news = bench.news([Event::Part(text("t", "", false)), delta_of("t")]);
    assert!(news.attention.is_some_and(|all| all.rows.is_empty()));
    bench.a([runs("1")]);
    pass(&mut bench, 2 * limits::SILENT_MS);
    assert_eq!(kinds(&bench), []);
    let instance = &bench.state.instances[&InstanceId::from("a")];
    let told = standing(&bench.state, instance, bench.session("s"));
    assert_eq!(told.mark.reason.as_deref(), Some("Running `cargo test`."));
}

fn delta_of(part: &str) -> Event {
    delta(part, "word")
}

#[test]
fn a_subagent_is_listed_while_it_runs_and_not_for_how_it_ended() {
    let mut bench = Bench::new();
    let child = Event::SessionCreated(info("child", Some("root")));
    bench.a([created("root"), child, busy("root"), busy("child")]);
    bench.a([retry("child", 4)]);
    let row = attention(&bench.state).rows.remove(0);
    assert_eq!(row.session, Some("child".into()));
    assert!(row.root.is_some());
    bench.a([failed("child"), idle("child")]);
    assert_eq!(kinds(&bench), []);
    // Whatever its root is put off for, it is as well.
    bench.a([busy("child"), retry("child", 4)]);
    bench.a([Event::Snoozed {
        session: "root".into(),
        until: Some(Timestamp(bench.now + 1_000)),
    }]);
    assert_eq!(kinds(&bench), []);
}

#[test]
fn a_link_is_listed_once_it_is_given_up_or_failed_often() {
    let mut bench = Bench::new();
    let reason = Reason::new(ReasonKind::Refused, "Nothing listens there.");
    let error = |attempt| {
        Event::Link(LinkStatus::Error {
            attempt,
            of: 5,
            retry_at: Timestamp(9),
            reason: reason.clone(),
        })
    };
    bench.a([error(limits::LINK_TRIES - 1)]);
    assert_eq!(kinds(&bench), []);
    bench.a([error(limits::LINK_TRIES)]);
    assert_eq!(kinds(&bench), [(String::new(), "link")]);
    bench.a([Event::Link(LinkStatus::Connected)]);
    assert_eq!(kinds(&bench), []);
    bench.a([Event::Link(LinkStatus::Disconnected { reason })]);
    assert_eq!(kinds(&bench), [(String::new(), "link")]);
}

#[test]
fn beyond_the_bound_finished_turns_are_left_out_first() {
    let mut bench = Bench::new();
    let many = limits::ATTENTION_ROWS + 3;
    for nth in 0..many {
        let id = format!("s{nth:03}");
        bench.a([created(&id), busy(&id), idle(&id)]);
    }
    bench.a([created("late"), busy("late"), failed("late"), idle("late")]);
    let all = attention(&bench.state);
    assert_eq!((all.rows.len(), all.left_out), (limits::ATTENTION_ROWS, 4));
    assert_eq!(all.rows[0].session, Some("late".into()));
    assert_eq!((all.reviews, all.urgent()), (many, 1));
}

#[test]
fn what_a_session_asks_is_said_of_it_and_of_those_above_it() {
    let mut bench = Bench::new();
    let child = Event::SessionCreated(info("child", Some("root")));
    bench.a([created("root"), child, busy("root"), busy("child")]);
    bench.a([permission("p", "child")]);
    let instance = &bench.state.instances[&InstanceId::from("a")];
    let said = |id: &str| {
        let told = standing(&bench.state, instance, bench.session(id));
        (told.mark.reason.unwrap().into_owned(), told.since)
    };
    let (own, since) = said("child");
    assert!(own.starts_with("Waiting for you: run"), "{own}");
    let (above, same) = said("root");
    assert!(
        above.starts_with("Subagent “") && above.contains(&own),
        "{above}"
    );
    assert_eq!(since, same);
}
