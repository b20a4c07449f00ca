//! How a turn can end: each way that is no success is told, whether or not the conversation is kept.

use super::*;
use crate::event::{Recalled, RunEnded};
use crate::state::{ErrorKind, Failure, Halt, PartKind};
use crate::view::{Compacted, LogRows, Queued};

fn aborted() -> Failure {
    Failure {
        kind: ErrorKind::Aborted,
        ..Failure::failed("MessageAbortedError", "Aborted")
    }
}

fn ended(finish: Option<&str>, failure: Option<Failure>) -> MessageInfo {
    MessageInfo {
        completed: Some(Timestamp(5)),
        finish: finish.map(Into::into),
        failure,
        ..message("m")
    }
}

fn error(failure: Failure) -> Event {
    Event::SessionError {
        session: Some("s".into()),
        failure,
    }
}

/// A session whose conversation is kept, or is not.
fn bench(kept: bool) -> Bench {
    let mut bench = Bench::new();
    match kept {
        true => bench.a([created("s")]),
        false => bench.a([snapshot(&["s"])]),
    };
    bench.a([busy("s"), Event::Message(message("m"))]);
    bench
}

fn log(bench: &Bench) -> LogRows {
    view_delta(&bench.state, &front("a", "s"), Rev(0))
        .log
        .unwrap()
}

fn reason(bench: &Bench) -> (Mark, Option<String>) {
    let rows = tree(&bench.state, &bench.state.instances[&InstanceId::from("a")]);
    let reason = rows[0].reason.as_ref().map(ToString::to_string);
    (rows[0].mark, reason)
}

/// What is so, the reason to stop, the failure, what was sentence, and what a person reads.
type Case = (
    &'static str,
    Option<&'static str>,
    Option<Failure>,
    Option<Part>,
    Option<&'static str>,
);

#[test]
// Longer than 70 lines: a table of ends.
fn whatever_ends_a_turn_without_success_is_told() {
    let spoke = || Some(text("p", "words", true));
    let cases: [Case; 9] = [
        ("well", Some("stop"), None, spoke(), None),
        ("without a reason to stop", None, None, spoke(), None),
        ("after a tool", Some("tool-calls"), None, None, None),
        (
            "empty",
            Some("stop"),
            None,
            None,
            Some("The model returned an empty answer"),
        ),
        (
            "blank",
            Some("stop"),
            None,
            Some(text("p", " \n", true)),
            Some("The model returned an empty answer"),
        ),
        (
            "too long",
            Some("length"),
            None,
            spoke(),
            Some("The answer was cut off at the model's output limit"),
        ),
        (
            "filtered",
            Some("content-filter"),
            None,
            spoke(),
            Some("The provider's content filter blocked the answer"),
        ),
        (
            "for an unknown reason",
            Some("other"),
            None,
            spoke(),
            Some("The model stopped for an unknown reason (“other”)"),
        ),
        (
            "failed",
            None,
            Some(Failure::failed("APIError", "Overloaded")),
            None,
            Some("Overloaded"),
        ),
    ];
    for (what, finish, failed, part, wanted) in cases {
        for kept in [true, false] {
            let mut bench = bench(kept);
            bench.a(part.clone().map(Event::Part));
            bench.a([Event::Message(ended(finish, failed.clone())), idle("s")]);
            let mark = if wanted.is_some() {
                Mark::Failed
            } else {
                Mark::ToReview
            };
            let (told, why) = reason(&bench);
            assert_eq!(told, mark, "{what}, kept: {kept}");
            if let Some(wanted) = wanted {
                assert_eq!(why, Some(format!("{wanted}.")), "{what}, kept: {kept}");
            }
            if kept {
                let row = &log(&bench).messages[0];
                let sentence = row.failed.as_ref().map(|failed| failed.sentence.clone());
                assert_eq!(
                    sentence,
                    wanted.map(|wanted| format!("{wanted}.")),
                    "{what}"
                );
                assert_eq!(log(&bench).failed, None, "{what}: it is told once");
            }
            bench.a([busy("s")]);
            assert_eq!(
                reason(&bench).0,
                Mark::Working,
                "{what}: the next turn begins anew"
            );
        }
    }
}

#[test]
fn nothing_is_called_empty_of_which_something_may_be_missing() {
    let mut bench = bench(false);
    bench.a([Event::StreamLost, busy("s")]);
    bench.a([Event::Message(ended(Some("stop"), None)), idle("s")]);
    assert_eq!(reason(&bench).0, Mark::ToReview);
}

/// A hub that connects in the middle of a run did not see what its answer said before.
#[test]
fn an_answer_that_began_before_the_connection_is_not_called_empty() {
    let Event::Snapshot(listed) = snapshot(&["s"]) else {
        panic!("it is one")
    };
    let running = Event::Snapshot(Snapshot {
        statuses: [("s".into(), RunStatus::Busy)].into(),
        ..listed
    });
    let mut bench = Bench::new();
    bench.a([running, busy("s")]);
    bench.a([Event::Message(ended(Some("stop"), None)), idle("s")]);
    assert_eq!(reason(&bench).0, Mark::ToReview);
}

#[test]
fn an_error_without_an_answer_is_told_in_the_conversation() {
    for kept in [true, false] {
        let mut bench = Bench::new();
        match kept {
            true => bench.a([created("s")]),
            false => bench.a([snapshot(&["s"])]),
        };
        bench.a([error(Failure::failed(
            "UnknownError",
            "Model not found: a/b.",
        ))]);
        let told = (Mark::Failed, Some("Model not found: a/b.".to_owned()));
        assert_eq!(reason(&bench), told);
        let failed = log(&bench).failed.unwrap();
        assert_eq!(failed.sentence, "Model not found: a/b.");
        assert_eq!(failed.next, "Choose another model, then send it again.");
        assert!(bench.session("s").unreviewed.is_some());
    }
}

#[test]
fn what_a_person_stopped_is_not_to_be_reviewed() {
    let mut bench = bench(true);
    bench.a([
        Event::Stopped {
            session: "s".into(),
        },
        error(aborted()),
        idle("s"),
        Event::Message(ended(None, Some(aborted()))),
        idle("s"),
    ]);
    let (mark, why) = reason(&bench);
    assert_eq!(mark, Mark::Idle);
    assert!(why.unwrap().starts_with("You stopped this session"));
}

fn remembered(updated: i64) -> Event {
    let ended = RunEnded {
        failure: Some(Failure::failed("APIError", "Overloaded")),
        unreviewed: Some(Timestamp(3)),
        updated: Timestamp(updated),
    };
    let known = Recalled {
        ended: Some(ended),
        ..Recalled::default()
    };
    Event::Recalled([("s".into(), known)].into())
}

#[test]
fn an_end_that_nobody_saw_is_known_after_a_restart() {
    let mut bench = Bench::new();
    bench.a([remembered(1), snapshot(&["s"])]);
    assert_eq!(
        reason(&bench),
        (Mark::Failed, Some("Overloaded.".to_owned()))
    );
    // Something happened since: that it ended is still news, how it did is not known.
    let mut bench = Bench::new();
    bench.a([remembered(0), snapshot(&["s"])]);
    assert_eq!(reason(&bench).0, Mark::ToReview);
}

#[test]
fn a_stop_is_known_before_its_session_is() {
    let stopped = Recalled {
        halt: Halt::Stopped {
            after: Timestamp(1),
            prompt: None,
        },
        ..Recalled::default()
    };
    let mut bench = Bench::new();
    bench.a([Event::Recalled([("root".into(), stopped)].into())]);
    bench.a([
        Event::SessionCreated(info("s", Some("root"))),
        permission("per", "s"),
    ]);
    let refused = |bench: &Bench| crate::view::to_refuse(&bench.state).len();
    assert_eq!(refused(&bench), 1);
    bench.a([created("root")]);
    assert_eq!(refused(&bench), 1);
    bench.a([Event::Prompted {
        session: "root".into(),
    }]);
    assert_eq!(refused(&bench), 0);
}

#[test]
fn a_subagent_that_was_cut_off_is_over_once_its_parent_is() {
    let interrupted = |bench: &Bench| crate::view::interrupted(&bench.state).len();
    let mut bench = Bench::new();
    bench.a([
        created("s"),
        Event::SessionCreated(info("child", Some("s"))),
    ]);
    bench.a([busy("s"), busy("child"), Event::StreamLost]);
    let Event::Snapshot(mut listed) = snapshot(&["s"]) else {
        panic!("it is one")
    };
    listed.sessions.push(info("child", Some("s")));
    bench.a([Event::Snapshot(listed)]);
    bench.a([read_of("child"), read_of("s")]);
    assert_eq!(
        bench.session("child").run,
        Run::Interrupted {
            at: Timestamp(bench.now - 1)
        }
    );
    assert_eq!(interrupted(&bench), 1, "the parent stands for both");
    bench.a([busy("s")]);
    assert_eq!(
        interrupted(&bench),
        1,
        "the child alone, while its parent goes on"
    );
    bench.a([idle("s")]);
    assert_eq!(interrupted(&bench), 0);
    assert_eq!(bench.session("child").run, Run::Idle);
}

/// A read of a session that was cut off in the middle of an answer.
fn read_of(session: &str) -> Event {
    let info = MessageInfo {
        session: session.into(),
        ..message(&format!("m_{session}"))
    };
    Event::MessagesRead(crate::event::MessagesRead {
        proven: None,
        session: session.into(),
        messages: vec![(info, vec![])],
        older: None,
        page: crate::event::ReadPage::Newest,
        todos: None,
    })
}

fn prompt(id: &str, at: i64) -> [Event; 2] {
    let info = MessageInfo::bare(id.into(), "s".into(), Role::User, Timestamp(at));
    let part = Part {
        message: id.into(),
        ..text(&format!("p_{id}"), "do it", true)
    };
    [Event::Message(info), Event::Part(part)]
}

fn queued(bench: &Bench, id: &str) -> Option<Queued> {
    let log = log(bench);
    let row = log.messages.iter().find(|row| row.info.id.as_str() == id);
    row.unwrap().queued
}

fn answer(asked: &str, id: &str, at: i64) -> MessageInfo {
    MessageInfo {
        parent: Some(asked.into()),
        created: Timestamp(at),
        ..message(id)
    }
}

#[test]
fn prompts_behind_an_answer_are_queued_and_a_stop_holds_them() {
    let mut bench = Bench::new();
    bench.a([created("s")]);
    bench.a(prompt("u1", 1));
    bench.a([busy("s")]);
    assert_eq!(queued(&bench, "u1"), None, "its answer is about to begin");
    bench.a([Event::Message(answer("u1", "m1", 2))]);
    bench.a(prompt("u2", 3));
    assert_eq!(
        (queued(&bench, "u1"), queued(&bench, "u2")),
        (None, Some(Queued::Waits))
    );
    bench.a([
        Event::Stopped {
            session: "s".into(),
        },
        error(aborted()),
    ]);
    let stopped = MessageInfo {
        failure: Some(aborted()),
        completed: Some(Timestamp(4)),
        ..answer("u1", "m1", 2)
    };
    let news = bench.news([idle("s"), Event::Message(stopped)]);
    let held = Some(Queued::Held { text: true });
    assert_eq!((queued(&bench, "u1"), queued(&bench, "u2")), (None, held));
    let told = news.log.unwrap().messages;
    assert!(
        told.iter().any(|row| row.queued == held),
        "a viewer is told"
    );
    // The next prompt is answered together with it.
    bench.a(prompt("u3", 6));
    bench.a([
        Event::Prompted {
            session: "s".into(),
        },
        busy("s"),
    ]);
    let news = bench.news([Event::Message(answer("u3", "m3", 7))]);
    assert_eq!((queued(&bench, "u2"), queued(&bench, "u3")), (None, None));
    let told = news.log.unwrap().messages;
    assert!(
        told.iter().any(|row| row.info.id.as_str() == "u2"),
        "a viewer is told"
    );
}

#[test]
fn whatever_answers_a_queued_prompt_is_told_to_viewers() {
    let begin = || {
        let mut bench = Bench::new();
        bench.a([created("s")]);
        bench.a(prompt("u1", 1));
        bench.a([busy("s"), Event::Message(answer("u1", "m1", 2))]);
        bench.a(prompt("u2", 3));
        // The turn of the first prompt goes on behind the second.
        bench.a([Event::Message(answer("u1", "m2", 4))]);
        assert_eq!(queued(&bench, "u2"), Some(Queued::Waits));
        bench
    };
    let done = |asked, id, at| MessageInfo {
        completed: Some(Timestamp(at + 1)),
        finish: Some("stop".into()),
        ..answer(asked, id, at)
    };
    let of = |info: MessageInfo| {
        let part = Part {
            message: info.id.clone(),
            ..text(&format!("p_{}", info.id), "do it", true)
        };
        (info, vec![part])
    };
    let asked = |id: &str, at| {
        let [Event::Message(info), Event::Part(part)] = prompt(id, at) else {
            unreachable!()
        };
        (info, vec![part])
    };
    let reread = || {
        let first = [asked("u1", 1), of(answer("u1", "m1", 2)), asked("u2", 3)];
        let first = first.into_iter();
        first.chain([of(done("u1", "m2", 4))]).collect()
    };
    let removed = |id: &str| Event::MessageRemoved {
        session: "s".into(),
        message: id.into(),
    };
    let start = || Event::ReadStarted {
        session: "s".into(),
    };
    for (what, events) in [
        ("its answer", vec![Event::Message(answer("u2", "m3", 5))]),
        ("an end", vec![Event::Message(done("u1", "m2", 4))]),
        ("an idle session", vec![idle("s")]),
        ("a read", vec![start(), read(reread())]),
        ("a prompt that goes", vec![removed("u1")]),
    ] {
        let mut bench = begin();
        let news = bench.news(events);
        assert_eq!(queued(&bench, "u2"), None, "{what}");
        let told = news.log.unwrap().messages;
        let told = told.iter().any(|row| row.info.id.as_str() == "u2");
        assert!(told, "a viewer is told: {what}");
    }
}

#[test]
fn a_summary_is_shown_as_far_as_it_is() {
    let compacted = |bench: &Bench| {
        let log = log(bench);
        let parts = log.messages.iter().flat_map(|row| &row.parts);
        let mut told = parts.filter_map(|part| part.compacted);
        told.next().unwrap()
    };
    let asked = || Part {
        message: "u".into(),
        kind: PartKind::Compaction { auto: false },
        ..text("p_u", "", true)
    };
    let begin = || {
        let mut bench = Bench::new();
        let info = MessageInfo::bare("u".into(), "s".into(), Role::User, Timestamp(1));
        bench.a([
            created("s"),
            Event::Message(info),
            Event::Part(asked()),
            busy("s"),
        ]);
        bench
    };
    let summary = || MessageInfo {
        summary: true,
        ..answer("u", "m", 2)
    };
    let done = |failure| MessageInfo {
        completed: Some(Timestamp(3)),
        failure,
        ..summary()
    };
    let mut bench = Bench::new();
    let info = MessageInfo::bare("u".into(), "s".into(), Role::User, Timestamp(1));
    bench.a([created("s"), idle("s"), Event::Message(info)]);
    bench.a([Event::Part(asked())]);
    assert_eq!(compacted(&bench), Compacted::Running, "before its run");
    bench.a([Event::StreamLost]);
    assert_ne!(compacted(&bench), Compacted::Running, "nobody knows");
    let mut bench = begin();
    assert_eq!(compacted(&bench), Compacted::Running);
    let news = bench.news([idle("s")]);
    assert_eq!(compacted(&bench), Compacted::Stopped);
    assert!(!news.log.unwrap().messages.is_empty(), "a viewer is told");
    for (failure, wanted) in [
        (None, Compacted::Done),
        (Some(aborted()), Compacted::Stopped),
        (Some(Failure::failed("APIError", "x")), Compacted::Failed),
    ] {
        let mut bench = begin();
        bench.a([Event::Message(summary())]);
        assert_eq!(compacted(&bench), Compacted::Running);
        let before = log(&bench).messages[0].parts[0].rev;
        bench.a([Event::Message(done(failure))]);
        assert_eq!(compacted(&bench), wanted);
        assert!(
            log(&bench).messages[0].parts[0].rev > before,
            "another look has another revision"
        );
    }
}

/// A read of the folder is ahead of the stream: the end of the run is in it first.
#[test]
fn a_run_whose_end_a_read_reports_before_the_stream_is_to_review() {
    let mut bench = Bench::new();
    bench.a([created("s"), busy("s"), snapshot(&["s"])]);
    assert_eq!(bench.session("s").run, Run::Unknown);
    bench.a([idle("s")]);
    let session = bench.session("s");
    assert_eq!(session.run, Run::Idle);
    assert!(session.unreviewed.is_some());
}

/// A server that lists which sessions run, and no more, says nothing of a wait for the model.
#[test]
fn a_list_of_what_runs_does_not_end_a_wait_for_the_model() {
    let runs = |read_at: i64| {
        let mut bench = Bench::new();
        let status = RunStatus::Retry {
            attempt: 1,
            message: "slow".into(),
            next: Timestamp(50),
        };
        let session = SessionId::from("s");
        let listed = Event::Snapshot(Snapshot {
            statuses: [(session.clone(), RunStatus::Running)].into(),
            sessions: vec![info("s", None)],
            asked: vec!["/p".into()],
            ..Snapshot::default()
        });
        bench.a([created("s"), Event::Status { session, status }]);
        bench.now = read_at;
        bench.a([listed]);
        bench.session("s").run.clone()
    };
    assert!(matches!(runs(40), Run::Retry { attempt: 1, .. }));
    assert!(matches!(runs(60), Run::Busy { .. }));
}
