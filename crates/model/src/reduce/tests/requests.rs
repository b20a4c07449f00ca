//! How requests end, what they are about, and what a person's *Stop* means for them.

use serde_json::json;

use super::*;
use crate::state::{Halt, PermissionRequest, Piece, Request, Run, ToolCall, Unshowable};
use crate::view::{NeedKind, to_refuse};

fn of_call(id: &str, call: &str) -> Event {
    Event::PermissionAsked(of_call_in("s", id, call))
}

fn of_call_in(session: &str, id: &str, call: &str) -> Permission {
    Permission::new(PermissionRequest {
        id: id.into(),
        session: session.into(),
        permission: "mcp_pay".into(),
        patterns: vec!["*".into()],
        always: vec!["*".into()],
        tool: Some(ToolCall {
            message: "m".into(),
            call: call.into(),
        }),
        asked: Timestamp(0),
        raw: Json::of(&json!({"id": id, "metadata": {}})),
    })
}

fn call(call: &str, state: ToolState, input: &serde_json::Value) -> Part {
    Part {
        place: Default::default(),
        id: "prt_call".into(),
        message: "m".into(),
        session: "s".into(),
        kind: call_of("mcp_pay", call, state, input),
        raw: Json::null(),
    }
}

fn running() -> ToolState {
    ToolState::Running { output: "".into() }
}

fn content(bench: &Bench) -> std::sync::Arc<crate::state::Content> {
    let needs = needs(&bench.state);
    let NeedKind::Permission(permission) = &needs[0].kind else {
        panic!("a question");
    };
    permission.content.clone()
}

fn asking() -> Bench {
    let mut bench = Bench::new();
    bench.a([created("s"), busy("s"), Event::Message(message("m"))]);
    bench
}

#[test]
fn a_request_tells_the_arguments_of_its_call_whichever_comes_first() {
    let arguments = json!({"amount": 3});
    let told = Event::Part(call("c", running(), &arguments));
    let amount = Piece::Field {
        name: "amount".into(),
        value: "3".into(),
    };
    let mut before = asking();
    before.a([told.clone(), of_call("per", "c")]);
    assert!(before.effects.is_empty());
    let mut after = asking();
    after.a([of_call("per", "c")]);
    assert_eq!(
        after.effects,
        [Effect::ReadMessages("a".into(), "s".into())]
    );
    let (hidden, unread) = (content(&after).hidden, content(&after).fingerprint.clone());
    assert_eq!(hidden, Some(Unshowable::Unread));
    let seen = after.news([told]);
    assert!(seen.needs.is_some(), "viewers are told of the arguments");
    for bench in [&before, &after] {
        let content = content(bench);
        assert_eq!(
            (&content.pieces[..], content.hidden),
            (&[amount.clone()][..], None)
        );
        assert_ne!(content.fingerprint, unread);
    }
}

#[test]
fn arguments_that_are_being_written_or_of_another_call_are_not_the_requests() {
    let mut bench = asking();
    bench.a([
        of_call("per", "c"),
        Event::Part(call("c", ToolState::Pending, &json!({}))),
        Event::Part(call("other", running(), &json!({"amount": 1}))),
    ]);
    assert_eq!(content(&bench).hidden, Some(Unshowable::Unread));
}

#[test]
fn arguments_are_read_where_the_conversation_is_not_kept() {
    let mut bench = Bench::new();
    bench.a([
        Event::Session(info("s", None)),
        busy("s"),
        of_call("per", "c"),
    ]);
    let read_it = [Effect::ReadMessages("a".into(), "s".into())];
    assert_eq!(bench.effects, read_it);
    bench.a([Event::ReadStarted {
        session: "s".into(),
    }]);
    let part = call("c", running(), &json!({"amount": 3}));
    bench.a([read(vec![(message("m"), vec![part])])]);
    assert_eq!(content(&bench).hidden, None);
}

#[test]
fn a_request_that_a_snapshot_brings_is_read_as_well() {
    let mut bench = Bench::new();
    bench.a([Event::Session(info("s", None))]);
    let mut statuses = std::collections::BTreeMap::new();
    statuses.insert("s".into(), RunStatus::Busy);
    bench.a([Event::Snapshot(Snapshot {
        sessions: vec![info("s", None)],
        asked: vec!["/p".into()],
        permissions: vec![of_call_in("s", "per", "c")],
        statuses,
        ..Snapshot::default()
    })]);
    let read_it = Effect::ReadMessages("a".into(), "s".into());
    assert!(bench.effects.contains(&read_it), "{:?}", bench.effects);
    assert_eq!(content(&bench).hidden, Some(Unshowable::Unread));
}

/// A way in which a run ends.
type End = fn(&mut Bench);

#[test]
fn requests_end_with_their_run() {
    let ends: [(&str, End); 4] = [
        ("idle", |bench| {
            bench.a([idle("s")]);
        }),
        ("disposed", |bench| {
            bench.a([Event::DirectoryDisposed("/p".into())]);
        }),
        ("deleted", |bench| {
            bench.a([Event::SessionDeleted("s".into())]);
        }),
        ("idle after a gap", |bench| {
            bench.a([Event::StreamLost]);
            // The server still keeps the request of a run that was aborted meanwhile.
            bench.a([Event::Snapshot(Snapshot {
                sessions: vec![info("s", None), info("other", None)],
                asked: vec!["/p".into()],
                permissions: vec![of_call_in("s", "per", "c")],
                ..Snapshot::default()
            })]);
            let unfinished = message("m");
            bench.a([read(vec![(unfinished, vec![])])]);
        }),
    ];
    for (name, end) in ends {
        let mut bench = asking();
        bench.a([of_call("per", "c")]);
        assert_eq!(needs(&bench.state).len(), 1);
        end(&mut bench);
        if name == "idle after a gap" {
            bench.a([idle("s")]);
        }
        assert!(needs(&bench.state).is_empty(), "{name}");
        let instance = &bench.state.instances[&InstanceId::from("a")];
        let expired = instance.answered.find("per").map(|one| one.outcome);
        assert_eq!(expired, Some(Outcome::ExpiredRequest), "{name}");
    }
}

#[test]
fn a_request_of_an_ended_run_does_not_come_back_and_is_refused_at_its_server() {
    let mut bench = asking();
    bench.a([of_call("per", "c")]);
    bench.a([idle("s")]);
    assert_eq!(refused(&bench), [Request::Permission("per".into())]);
    // The session runs again, and the server still lists what its aborted run asked.
    bench.a([busy("s")]);
    let statuses = std::collections::BTreeMap::from([("s".into(), RunStatus::Busy)]);
    let still = Snapshot {
        sessions: vec![info("s", None)],
        asked: vec!["/p".into()],
        permissions: vec![of_call_in("s", "per", "c")],
        statuses,
        ..Snapshot::default()
    };
    bench.a([Event::Snapshot(still), of_call("per", "c")]);
    assert!(needs(&bench.state).is_empty());
    assert_eq!(refused(&bench), [Request::Permission("per".into())]);
    bench.a([Event::ExpiredRefused {
        request: "per".into(),
    }]);
    assert!(refused(&bench).is_empty());
    // What the new run asks waits as ever.
    bench.a([of_call("new", "d")]);
    assert_eq!(needs(&bench.state).len(), 1);
}

#[test]
fn what_a_disposed_folder_asked_is_not_refused_there() {
    let mut bench = asking();
    bench.a([of_call("per", "c"), Event::DirectoryDisposed("/p".into())]);
    assert!(needs(&bench.state).is_empty() && refused(&bench).is_empty());
}

#[test]
fn who_asks_just_now_runs() {
    let mut bench = Bench::new();
    bench.a([Event::Session(info("s", None)), of_call("per", "c")]);
    assert!(bench.session("s").run.is_running());
    let mut bench = Bench::new();
    bench.a([created("s")]);
    assert_eq!(bench.session("s").run, Run::Idle);
    bench.a([of_call("per", "c")]);
    let asked = Effect::ReadDirectory("a".into(), "/p".into());
    assert!(bench.effects.contains(&asked), "{:?}", bench.effects);
}

#[test]
fn the_same_id_of_a_call_in_another_message_is_another_call() {
    let mut bench = asking();
    let elsewhere = Part {
        message: "older".into(),
        ..call("c", running(), &json!({"amount": 1}))
    };
    bench.a([of_call("per", "c"), Event::Part(elsewhere)]);
    assert_eq!(content(&bench).hidden, Some(Unshowable::Unread));
}

#[test]
fn a_request_of_a_session_that_goes_on_stays() {
    let mut bench = asking();
    bench.a([created("other"), busy("other"), of_call("per", "c")]);
    bench.a([idle("other"), busy("s")]);
    assert_eq!(needs(&bench.state).len(), 1);
}

#[test]
fn a_request_told_while_its_folder_is_read_is_not_ended_by_that_read() {
    let mut bench = Bench::new();
    bench.a([created("s")]);
    bench.a([Event::DirectoryReadStarted("/p".into())]);
    bench.a([busy("s"), of_call("per", "c")]);
    bench.a([Event::DirectoryRead {
        directory: "/p".into(),
        snapshot: Snapshot {
            sessions: vec![info("s", None)],
            listed: vec!["/p".into()],
            asked: vec!["/p".into()],
            ..Snapshot::default()
        },
    }]);
    assert_eq!(needs(&bench.state).len(), 1);
}

fn family() -> Bench {
    let mut bench = asking();
    bench.a([
        Event::SessionCreated(info("c", Some("s"))),
        Event::SessionCreated(info("g", Some("c"))),
        created("other"),
        busy("c"),
        busy("g"),
        busy("other"),
    ]);
    bench
}

fn refused(bench: &Bench) -> Vec<Request> {
    let all = to_refuse(&bench.state);
    all.into_iter().map(|one| one.request).collect()
}

fn stop(session: &str) -> Event {
    Event::Stopped {
        session: session.into(),
    }
}

#[test]
fn what_a_stopped_tree_asks_is_refused_before_and_after() {
    let mut bench = family();
    bench.a([permission("before", "g"), permission("others", "other")]);
    assert!(refused(&bench).is_empty());
    bench.a([stop("s"), permission("later", "c")]);
    // A subagent that begins after the stop.
    bench.a([
        Event::SessionCreated(info("new", Some("g"))),
        permission("newest", "new"),
    ]);
    let ids = ["before", "later", "newest"];
    assert_eq!(
        refused(&bench),
        ids.map(|id| Request::Permission(id.into()))
    );
    let stopped: Vec<_> = needs(&bench.state).iter().map(|row| row.stopped).collect();
    assert_eq!(
        stopped,
        [true, true, true, false],
        "of `others` alone nothing"
    );
}

#[test]
fn a_prompt_releases_the_session_it_is_given_to_and_those_below() {
    let mut bench = family();
    bench.a([
        stop("s"),
        Event::Prompted {
            session: "c".into(),
        },
    ]);
    bench.a([permission("root", "s"), permission("below", "g")]);
    assert_eq!(refused(&bench), [Request::Permission("root".into())]);
    bench.a([Event::Prompted {
        session: "s".into(),
    }]);
    assert!(refused(&bench).is_empty());
    bench.a([stop("s")]);
    assert_eq!(refused(&bench).len(), 2, "a later stop goes for all again");
}

#[test]
fn a_prompt_of_another_client_releases_and_nothing_else_does() {
    let user = |id: &str, session: &str, created| MessageInfo {
        session: session.into(),
        ..MessageInfo::bare(id.into(), session.into(), Role::User, Timestamp(created))
    };
    let said = |message: &str, session: &str, synthetic| {
        Event::Part(Part {
            place: Default::default(),
            id: format!("prt_{message}").as_str().into(),
            message: message.into(),
            session: session.into(),
            kind: PartKind::Text {
                text: "go on".into(),
                synthetic,
                ignored: false,
                ended: true,
            },
            raw: Json::null(),
        })
    };
    let still = |events: Vec<Event>| {
        let mut bench = family();
        bench.a([stop("s")]);
        bench.a(events);
        let session = bench.session("s").halt.clone();
        matches!(session, Halt::Stopped { .. })
    };
    let older = vec![Event::Message(user("u0", "s", 1)), said("u0", "s", false)];
    assert!(
        still(older),
        "a summary of an older message is told after a run"
    );
    let made_up = vec![Event::Message(user("u1", "s", 9)), said("u1", "s", true)];
    assert!(still(made_up), "the server made it up");
    let task = vec![Event::Message(user("u1", "c", 9)), said("u1", "c", false)];
    assert!(still(task), "an agent gives its subagent a task");
    assert!(
        still(vec![said("m", "s", false)]),
        "a model goes on writing"
    );
    let prompt = vec![Event::Message(user("u1", "s", 9)), said("u1", "s", false)];
    assert!(!still(prompt));
}

/// A list of these sessions, of which these run.
fn list(runs: &[&str], sessions: &[&str]) -> Snapshot {
    let Event::Snapshot(listed) = snapshot(sessions) else {
        panic!("it is one")
    };
    let runs = runs.iter().map(|id| ((*id).into(), RunStatus::Busy));
    Snapshot {
        statuses: runs.collect(),
        ..listed
    }
}

/// The session `s`, which a hub before this one stopped at 5, on a server with these sessions, of which these run.
fn stopped_before(runs: &[&str], sessions: &[&str]) -> Bench {
    let stopped = crate::event::Recalled {
        halt: Halt::Stopped {
            after: Timestamp(5),
            prompt: None,
        },
        ..crate::event::Recalled::default()
    };
    let mut bench = Bench::new();
    bench.a([Event::Recalled([("s".into(), stopped)].into())]);
    bench.a([Event::Snapshot(list(runs, sessions))]);
    bench
}

#[test]
fn a_prompt_that_was_given_while_no_hub_ran_releases_and_nothing_else_does() {
    let text = |kind: PartKind| Part {
        kind,
        ..text("p", "go on", true)
    };
    let said = |synthetic, ignored| {
        text(PartKind::Text {
            text: "go on".into(),
            synthetic,
            ignored,
            ended: true,
        })
    };
    let message =
        |role, created| MessageInfo::bare("m".into(), "s".into(), role, Timestamp(created));
    let user = |created| message(Role::User, created);
    let still = |read_message, part| {
        let mut bench = stopped_before(&["s"], &["s"]);
        let asked = Effect::ReadMessages("a".into(), "s".into());
        assert!(bench.effects.contains(&asked), "{:?}", bench.effects);
        bench.a([read(vec![(read_message, vec![part])])]);
        bench.a([permission("per", "s")]);
        crate::view::to_refuse(&bench.state).len() == 1
    };
    assert!(still(user(5), said(false, false)), "given before the stop");
    assert!(still(user(6), said(true, false)), "the server made it up");
    assert!(
        still(user(6), said(false, true)),
        "the model does not read it"
    );
    assert!(
        still(message(Role::Assistant, 6), said(false, false)),
        "a model wrote it"
    );
    assert!(!still(user(6), said(false, false)));
}

#[test]
fn nothing_is_refused_before_it_is_known_whether_another_client_gave_a_prompt() {
    let refused = |bench: &Bench| crate::view::to_refuse(&bench.state).len();
    let begun = Event::ReadStarted {
        session: "s".into(),
    };
    let asking = || {
        let mut bench = stopped_before(&["s"], &["s"]);
        bench.a([permission("per", "s"), begun.clone()]);
        assert_eq!(refused(&bench), 0);
        assert!(matches!(bench.session("s").halt, Halt::Stopped { .. }));
        bench
    };
    let mut nobody = asking();
    nobody.a([read(vec![])]);
    assert_eq!(refused(&nobody), 1);
    let mut unknown = asking();
    unknown.a([Event::ReadFailed {
        session: "s".into(),
        reason: "no answer".into(),
    }]);
    assert_eq!(refused(&unknown), 1);
    let mut again = asking();
    again.a([stop("s")]);
    assert_eq!(refused(&again), 1);
}

/// What a stopped session asks waits for its messages, however late the hub learns that it runs.
fn is_not_refused_unread(bench: &mut Bench) {
    bench.a([permission("per", "s")]);
    assert!(refused(bench).is_empty());
    let asked = Effect::ReadMessages("a".into(), "s".into());
    assert!(bench.effects.contains(&asked), "{:?}", bench.effects);
    let prompt = MessageInfo::bare("m".into(), "s".into(), Role::User, Timestamp(6));
    bench.a([read(vec![(prompt, vec![text("p", "go on", true)])])]);
    assert!(refused(bench).is_empty());
    assert_eq!(needs(&bench.state).len(), 1);
}

#[test]
fn nothing_is_refused_unread_of_a_session_that_begins_to_run_after_the_hub_connected() {
    let mut bench = stopped_before(&[], &["s"]);
    bench.a([busy("s")]);
    is_not_refused_unread(&mut bench);
}

#[test]
fn nothing_is_refused_unread_of_a_session_in_a_folder_that_is_found_after_the_hub_connected() {
    let mut bench = stopped_before(&[], &[]);
    bench.a([
        Event::DirectoryReadStarted("/p".into()),
        Event::DirectoryRead {
            directory: "/p".into(),
            snapshot: list(&["s"], &["s"]),
        },
    ]);
    is_not_refused_unread(&mut bench);
}

#[test]
fn nothing_is_refused_unread_of_a_subagent_of_a_session_that_was_stopped_before() {
    let mut bench = stopped_before(&[], &["s"]);
    bench.a([Event::SessionCreated(info("c", Some("s"))), busy("c")]);
    bench.a([permission("per", "c")]);
    assert!(refused(&bench).is_empty());
    let asked = Effect::ReadMessages("a".into(), "s".into());
    assert!(bench.effects.contains(&asked), "{:?}", bench.effects);
    bench.a([read(vec![])]);
    assert_eq!(refused(&bench).len(), 1);
}

#[test]
fn a_message_that_was_there_when_a_person_stopped_releases_nothing_when_it_is_read_again() {
    let prompt = MessageInfo::bare("m".into(), "s".into(), Role::User, Timestamp(90));
    let messages = || read(vec![(prompt.clone(), vec![text("p", "go on", true)])]);
    let mut bench = Bench::new();
    bench.a([snapshot(&["s"]), messages(), stop("s"), messages()]);
    let halt = &bench.session("s").halt;
    assert!(matches!(halt, Halt::Stopped { .. }), "{halt:?}");
}

#[test]
fn a_request_that_is_told_again_with_another_content_is_another_request() {
    let mut bench = asking();
    let asked = |command: &str| {
        Event::PermissionAsked(Permission::new(PermissionRequest {
            id: "per_again".into(),
            session: "s".into(),
            permission: "bash".into(),
            patterns: vec![command.into()],
            always: Vec::new(),
            tool: None,
            asked: Timestamp(0),
            raw: Json::of(&json!({"id": "per_again", "metadata": {"command": command}})),
        }))
    };
    let read = |bench: &Bench| {
        let permissions = &bench.state.instances["a"].permissions;
        permissions["per_again"].content.fingerprint.clone()
    };
    bench.a([asked("ls")]);
    let (first, rev) = (read(&bench), bench.state.rev);
    bench.a([asked("ls")]);
    assert_eq!((read(&bench), bench.state.rev), (first.clone(), rev));
    bench.a([asked("rm -rf everything")]);
    assert_ne!(read(&bench), first);
    assert!(bench.state.rev > rev, "whoever looks sees it");
}
