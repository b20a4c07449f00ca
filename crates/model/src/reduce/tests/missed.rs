//! What is missed is noticed and read again, and what a server did when it ended is never said to go on.

use super::*;
use crate::limits;
use crate::state::{Body, Session};

fn durable(seq: u64) -> Event {
    Event::Durable {
        session: "s".into(),
        seq,
    }
}

fn gaps(bench: &Bench) -> u64 {
    bench.state.instances[&InstanceId::from("a")].counters.gaps
}

fn elsewhere(id: &str) -> SessionInfo {
    SessionInfo {
        directory: "/other".into(),
        ..info(id, None)
    }
}

fn folder(id: &str) -> Snapshot {
    Snapshot {
        sessions: vec![elsewhere(id)],
        listed: vec!["/other".into()],
        asked: vec!["/other".into()],
        ..Snapshot::default()
    }
}

fn read_folder(snapshot: Snapshot) -> Event {
    Event::DirectoryRead {
        directory: "/other".into(),
        snapshot,
    }
}

fn started() -> Event {
    Event::DirectoryReadStarted("/other".into())
}

fn retry(session: &str) -> Event {
    Event::Status {
        session: session.into(),
        status: RunStatus::Retry {
            attempt: 2,
            message: "overloaded".into(),
            next: Timestamp(9),
        },
    }
}

#[test]
fn numbers_in_order_prove_that_nothing_is_missing() {
    let mut bench = streaming();
    bench.a([durable(7), durable(8), durable(8), durable(3), durable(9)]);
    assert_eq!(gaps(&bench), 0);
    assert!(bench.effects.is_empty());
}

#[test]
fn a_jump_is_a_gap_and_its_session_and_folder_are_read_again() {
    let mut bench = streaming();
    bench.a([durable(1)]);
    let seen = bench.news([durable(3)]);
    assert_eq!(gaps(&bench), 1);
    assert!(seen.side.is_some(), "it is counted in front of a person");
    let effects = [
        Effect::ReadMessages("a".into(), "s".into()),
        Effect::ReadDirectory("a".into(), "/p".into()),
    ];
    assert_eq!(bench.effects, effects);
    bench.a([delta("p", "two")]);
    let pieces = [known("one "), Segment::Gap, known("two")];
    assert_eq!(bench.open("p"), pieces);
}

#[test]
fn a_gap_of_a_conversation_that_is_not_kept_reads_its_folder_only() {
    let mut bench = Bench::new();
    bench.a([snapshot(&["s"]), durable(1), durable(5)]);
    let effects = [Effect::ReadDirectory("a".into(), "/p".into())];
    assert_eq!((gaps(&bench), &bench.effects[..]), (1, &effects[..]));
}

#[test]
fn after_a_lost_stream_continuity_begins_anew() {
    let mut bench = streaming();
    bench.a([durable(1), Event::StreamLost, durable(9), durable(10)]);
    assert_eq!(gaps(&bench), 0);
}

#[test]
fn a_status_that_comes_before_its_row_waits_for_it() {
    let mut bench = Bench::new();
    bench.a([busy("s"), Event::SessionRead(elsewhere("s"))]);
    assert_eq!(bench.marks("a")[0].2, Mark::Working);
    bench.a([busy("t"), Event::SessionCreated(info("t", None))]);
    assert!(bench.session("t").run.is_running());
    bench.a([busy("u"), idle("u"), Event::SessionRead(info("u", None))]);
    assert_eq!(bench.session("u").run, Run::Idle);
}

#[test]
fn statuses_of_unknown_sessions_are_bounded_and_forgotten_with_the_stream() {
    let mut bench = Bench::new();
    let many = limits::EARLY_STATUSES + 10;
    bench.a((0..many).map(|at| busy(&format!("s{at}"))));
    let early = |bench: &Bench| {
        bench.state.instances[&InstanceId::from("a")]
            .asked
            .early
            .len()
    };
    assert_eq!(early(&bench), limits::EARLY_STATUSES);
    bench.a([Event::StreamLost]);
    assert_eq!(early(&bench), 0);
}

#[test]
fn a_row_that_was_read_is_older_than_what_was_told_meanwhile() {
    let mut bench = Bench::new();
    let told = SessionInfo {
        title: "new".into(),
        ..info("s", None)
    };
    bench.a([busy("s"), Event::Session(told)]);
    bench.a([Event::SessionRead(info("s", None))]);
    assert_eq!(bench.session("s").info.title(), "new");
}

#[test]
fn a_folder_that_is_heard_of_is_asked_for_until_it_was_read() {
    let mut bench = Bench::new();
    let heard = || Event::DirectorySeen("/other".into());
    bench.a([snapshot(&["s"]), heard()]);
    let asked = [Effect::ReadDirectory("a".into(), "/other".into())];
    assert_eq!(bench.effects, asked);
    bench.a([started(), heard()]);
    assert!(bench.effects.is_empty(), "it is being read");
    bench.a([read_folder(folder("o")), heard()]);
    assert!(bench.effects.is_empty(), "it was read");
    assert_eq!(bench.session("o").run, Run::Idle);
}

#[test]
fn a_folder_that_is_read_changes_nothing_of_another() {
    let mut bench = Bench::new();
    bench.a([snapshot(&["s"]), busy("s"), permission("per", "s")]);
    bench.a([
        permission("early", "unknown"),
        started(),
        read_folder(folder("o")),
    ]);
    assert!(bench.session("s").run.is_running());
    let waiting = &bench.state.instances[&InstanceId::from("a")].permissions;
    assert_eq!(waiting.len(), 2);
}

#[test]
fn what_is_told_while_a_folder_is_read_is_newer() {
    let mut bench = Bench::new();
    bench.a([
        started(),
        Event::SessionCreated(elsewhere("new")),
        busy("new"),
    ]);
    bench.a([
        Event::SessionCreated(elsewhere("done")),
        busy("done"),
        idle("done"),
        permission("asked", "new"),
        permission("answered", "new"),
        Event::PermissionReplied("answered".into(), Outcome::Once),
        Event::SessionCreated(elsewhere("gone")),
        Event::SessionDeleted("gone".into()),
    ]);
    let Event::PermissionAsked(answered) = permission("answered", "new") else {
        panic!("a permission")
    };
    let busy = RunStatus::Busy;
    bench.a([read_folder(Snapshot {
        sessions: vec![elsewhere("done"), elsewhere("gone"), elsewhere("o")],
        statuses: [("done", busy.clone()), ("gone", busy.clone()), ("o", busy)]
            .map(|(id, status)| (id.into(), status))
            .into(),
        permissions: vec![answered],
        ..folder("o")
    })]);
    assert!(bench.session("new").run.is_running());
    assert!(bench.session("o").run.is_running());
    assert_eq!(bench.session("done").run, Run::Idle);
    let instance = &bench.state.instances[&InstanceId::from("a")];
    assert!(!instance.sessions.contains_key(&SessionId::from("gone")));
    let waiting: Vec<_> = instance.permissions.keys().map(|id| id.as_str()).collect();
    assert_eq!(waiting, ["asked"]);
}

fn not_found(session: &str) -> Event {
    Event::SessionNotFound(session.into())
}

#[test]
fn a_session_is_gone_if_its_list_lacks_it_as_well() {
    let mut bench = Bench::new();
    bench.a([snapshot(&["s"]), started(), read_folder(folder("o"))]);
    let again = [Effect::ReadDirectory("a".into(), "/other".into())];
    bench.a([not_found("o")]);
    assert_eq!(bench.effects, again);
    assert!(matches!(&bench.session("o").body, Body::Failed { .. }));
    bench.a([started(), read_folder(folder("o"))]);
    assert_eq!(
        bench.session("o").info.id,
        "o".into(),
        "something else answered"
    );
    bench.a([not_found("o"), started(), read_folder(folder("p"))]);
    let known = |bench: &Bench, id: &str| bench.state.session(&"a".into(), &id.into()).is_some();
    assert!(known(&bench, "p") && !known(&bench, "o"));
    bench.a([Event::Session(elsewhere("o"))]);
    assert!(!known(&bench, "o"), "a late word");
    bench.a([started(), read_folder(folder("o"))]);
    assert!(known(&bench, "o"), "a list that names it brings it back");
}

fn forget(session: &str) -> Effect {
    Effect::Forget("a".into(), session.into())
}

#[test]
fn what_one_list_lacks_is_gone_only_if_the_next_lacks_it_as_well() {
    let mut bench = Bench::new();
    let known = |bench: &Bench, id: &str| bench.state.session(&"a".into(), &id.into()).is_some();
    let ask = Effect::ReadDirectory("a".into(), "/other".into());
    bench.a([snapshot(&[]), started(), read_folder(folder("o"))]);
    let before = bench.session("o").clone();
    bench.a([started(), read_folder(folder("p"))]);
    assert_eq!(bench.effects, [ask], "nothing is purged for one list");
    // The next list names it: it is as if nothing had been.
    bench.a([started(), read_folder(folder("o"))]);
    assert_eq!(bench.session("o"), &before);
    assert!(!bench.effects.contains(&forget("o")), "{:?}", bench.effects);
    bench.a([started(), read_folder(folder("o"))]);

    bench.a([started(), read_folder(folder("q"))]);
    assert!(known(&bench, "o"));
    bench.a([started(), read_folder(folder("q"))]);
    assert!(!known(&bench, "o"));
    assert!(bench.effects.contains(&forget("o")), "{:?}", bench.effects);
    bench.a([started(), read_folder(folder("q"))]);
    assert_eq!(bench.effects, [], "once is enough");
    // Even then it comes back, and what is said in it is kept again.
    bench.a([started(), read_folder(folder("o"))]);
    assert!(known(&bench, "o"));
    let again = Effect::Unforget("a".into(), "o".into());
    assert!(bench.effects.contains(&again), "{:?}", bench.effects);
}

#[test]
fn what_its_server_told_to_be_deleted_no_list_brings_back() {
    let mut bench = Bench::new();
    let known = |bench: &Bench, id: &str| bench.state.session(&"a".into(), &id.into()).is_some();
    bench.a([snapshot(&[]), started(), read_folder(folder("o"))]);
    bench.a([Event::SessionDeleted("o".into())]);
    assert_eq!(bench.effects, [forget("o")]);
    bench.a([started(), read_folder(folder("o"))]);
    assert!(!known(&bench, "o"));
}

#[test]
fn one_that_was_never_known_comes_with_a_list() {
    let mut bench = Bench::new();
    let known = |bench: &Bench| bench.state.session(&"a".into(), &"o".into()).is_some();
    bench.a([
        snapshot(&[]),
        not_found("o"),
        Event::Session(elsewhere("o")),
    ]);
    assert!(!known(&bench), "a late word");
    bench.a([started(), not_found("o"), read_folder(folder("o"))]);
    let again = [Effect::ReadDirectory("a".into(), "/other".into())];
    assert!(!known(&bench), "the list may be older than the answer");
    assert_eq!(bench.effects, again);
    bench.a([started(), read_folder(folder("o"))]);
    assert!(known(&bench));
}

#[test]
fn what_waits_in_a_session_that_is_not_known_outlives_one_answer_that_it_is_gone() {
    let waits = |bench: &Bench| {
        bench.state.instances[&InstanceId::from("a")]
            .permissions
            .len()
    };
    let expired = |bench: &Bench| bench.state.instances[&InstanceId::from("a")].expired.len();
    let asked = |of: &str| match permission("per", of) {
        Event::PermissionAsked(permission) => permission,
        _ => unreachable!(),
    };
    let list = |of: &str| Snapshot {
        permissions: vec![asked("o")],
        statuses: [(of.into(), RunStatus::Busy)].into(),
        ..folder(of)
    };
    let begin = || {
        let mut bench = Bench::new();
        bench.a([snapshot(&[]), started(), read_folder(folder("p"))]);
        bench.a([permission("per", "o"), not_found("o")]);
        assert_eq!(
            (waits(&bench), expired(&bench)),
            (1, 0),
            "nothing is refused"
        );
        let again = Effect::ReadDirectory("a".into(), "/other".into());
        assert!(bench.effects.contains(&again), "{:?}", bench.effects);
        bench
    };
    let mut bench = begin();
    bench.a([started(), read_folder(list("o"))]);
    assert_eq!((waits(&bench), expired(&bench)), (1, 0), "it is there");
    let mut bench = begin();
    bench.a([started(), read_folder(list("p"))]);
    assert_eq!(
        (waits(&bench), expired(&bench)),
        (0, 1),
        "its list lacks it"
    );
    let mut bench = begin();
    bench.a([not_found("o")]);
    assert_eq!((waits(&bench), expired(&bench)), (0, 1), "a second answer");
}

#[test]
fn a_read_that_was_overtaken_is_repeated() {
    let mut bench = Bench::new();
    bench.a([snapshot(&["s"]), started()]);
    bench.a([
        Event::DirectoryDisposed("/other".into()),
        read_folder(folder("o")),
    ]);
    let again = [Effect::ReadDirectory("a".into(), "/other".into())];
    assert_eq!(bench.effects, again);
    assert!(bench.state.session(&"a".into(), &"o".into()).is_none());
    bench.a([started(), Event::StreamLost, read_folder(folder("o"))]);
    assert!(bench.effects.is_empty(), "the next connection asks");
}

#[test]
fn what_runs_in_a_folder_and_is_not_listed_is_asked_for() {
    let mut bench = Bench::new();
    let statuses = [("old".into(), RunStatus::Busy)].into();
    bench.a([
        started(),
        read_folder(Snapshot {
            statuses,
            ..folder("o")
        }),
    ]);
    let asked = [Effect::ReadSession("a".into(), "old".into())];
    assert_eq!(bench.effects, asked);
    bench.a([Event::SessionRead(elsewhere("old"))]);
    assert!(bench.session("old").run.is_running());
}

#[test]
fn of_too_many_open_texts_the_one_that_grew_longest_ago_goes() {
    let mut bench = streaming();
    // Ids wrap: the newest part has the lowest one.
    let id = |at: usize| format!("p{:04}", limits::OPEN_TEXTS - at);
    bench.a((0..limits::OPEN_TEXTS).map(|at| delta(&id(at), "x")));
    bench.a([delta(&id(0), "y")]);
    let newest = id(limits::OPEN_TEXTS);
    bench.a([delta(&newest, "z")]);
    let open = &bench.session("s").open;
    assert_eq!(open.len(), limits::OPEN_TEXTS);
    for kept in [&newest, &id(0), &id(2)] {
        assert!(open.contains_key(&PartId::from(kept.as_str())), "{kept}");
    }
    assert!(!open.contains_key(&PartId::from(id(1).as_str())));
}

fn unfinished(session: &str) -> Event {
    let message = MessageInfo::bare(
        MessageId::from(format!("m-{session}").as_str()),
        session.into(),
        Role::Assistant,
        Timestamp(1),
    );
    Event::MessagesRead(MessagesRead {
        proven: None,
        session: session.into(),
        messages: vec![(message, vec![])],
        older: None,
        page: ReadPage::Newest,
        todos: None,
    })
}

/// The server ended in the middle of everything, and came back with nothing running.
#[test]
fn whatever_ran_on_a_server_that_ended_is_interrupted() {
    let mut bench = Bench::new();
    bench.a([snapshot(&["row", "retrying", "quiet"])]);
    bench.a([Event::SessionCreated(info("parent", None))]);
    bench.a([Event::SessionCreated(info("child", Some("parent")))]);
    bench.a([
        busy("row"),
        busy("parent"),
        busy("child"),
        retry("retrying"),
    ]);
    let down = Event::Link(LinkStatus::Disconnected {
        reason: Reason::new(ReasonKind::Refused, "gone"),
    });
    bench.a([Event::StreamLost, down]);
    let working = |bench: &Bench| bench.marks("a").iter().any(|row| row.2 == Mark::Working);
    assert!(!working(&bench));
    bench.a([Event::Link(LinkStatus::Connecting { attempt: 1 })]);
    let names = ["row", "retrying", "quiet", "parent", "child"];
    bench.a([snapshot(&names)]);
    let asked = bench.effects.len();
    assert_eq!(asked, 4, "how each ended is read: {:?}", bench.effects);
    bench.a([Event::Link(LinkStatus::Connected)]);
    assert!(!working(&bench));
    for id in ["row", "retrying", "parent", "child"] {
        bench.a([Event::ReadStarted { session: id.into() }, unfinished(id)]);
        let run = &bench.session(id).run;
        assert!(matches!(run, Run::Interrupted { .. }), "{id}: {run:?}");
    }
    assert_eq!(bench.session("quiet").run, Run::Idle);
    // Nothing but a run of its own makes it anything else.
    bench.a([Event::StreamLost, snapshot(&names)]);
    let still = |session: &Session| matches!(session.run, Run::Interrupted { .. });
    assert!(still(bench.session("child")));
    bench.a([busy("child")]);
    assert!(bench.session("child").run.is_running());
}

/// A folder that could not be asked after a gap says nothing of its sessions. Once it is asked, they were neither idle nor
/// are they forgotten.
#[test]
fn what_ran_before_its_folder_could_not_be_asked_is_judged_once_it_is() {
    for interrupted in [false, true] {
        let mut bench = Bench::new();
        bench.a([snapshot(&["s"]), busy("s"), Event::StreamLost]);
        if interrupted {
            bench.a([
                snapshot(&["s"]),
                Event::ReadStarted {
                    session: "s".into(),
                },
                unfinished("s"),
                Event::StreamLost,
            ]);
        }
        let Event::Snapshot(listed) = snapshot(&["s"]) else {
            panic!("it is one")
        };
        bench.a([Event::Snapshot(Snapshot {
            asked: Vec::new(),
            ..listed
        })]);
        assert_eq!(bench.session("s").run, Run::Unknown);
        bench.a([Event::StreamLost, snapshot(&["s"])]);
        assert_eq!(bench.session("s").run, Run::Unknown);
        bench.a([
            Event::ReadStarted {
                session: "s".into(),
            },
            unfinished("s"),
        ]);
        let run = &bench.session("s").run;
        assert!(matches!(run, Run::Interrupted { .. }), "{run:?}");
    }
}

#[test]
fn a_run_whose_folder_was_let_go_of_before_its_row_was_known_is_over() {
    let mut bench = Bench::new();
    let busy = || Event::Status {
        session: "o".into(),
        status: RunStatus::Busy,
    };
    bench.a([snapshot(&[]), busy()]);
    bench.a([Event::DirectoryDisposed("/other".into())]);
    bench.a([Event::SessionRead(elsewhere("o"))]);
    assert!(!bench.session("o").run.is_running());
    assert_eq!(
        bench.effects,
        [Effect::ReadMessages("a".into(), "o".into())]
    );
    // One of another folder runs on.
    let mut bench = Bench::new();
    bench.a([snapshot(&[]), busy()]);
    bench.a([Event::DirectoryDisposed("/p".into())]);
    bench.a([Event::SessionRead(elsewhere("o"))]);
    assert!(bench.session("o").run.is_running());
}

#[test]
fn a_session_that_comes_back_is_known_to_be_idle() {
    let mut bench = Bench::new();
    bench.a([snapshot(&["s", "t"])]);
    bench.a([snapshot(&["t"])]);
    bench.a([Event::DirectoryReadStarted("/p".into())]);
    let Event::Snapshot(listed) = snapshot(&["s", "t"]) else {
        unreachable!()
    };
    bench.a([Event::DirectoryRead {
        directory: "/p".into(),
        snapshot: listed,
    }]);
    assert_eq!(bench.session("s").run, Run::Idle);
}

#[test]
fn of_a_session_that_the_list_of_its_folder_lacked_it_is_asked_what_it_does() {
    let mut bench = Bench::new();
    let ask = [Effect::ReadDirectory("a".into(), "/p".into())];
    bench.a([snapshot(&["s"]), Event::Session(super::info("late", None))]);
    assert_eq!(bench.effects, ask);
    // One that begins now does nothing yet, and what is known needs no asking.
    bench.a([Event::SessionCreated(super::info("new", None))]);
    assert_eq!(bench.effects, []);
    bench.a([Event::Session(super::info("late", None))]);
    assert_eq!(bench.effects, []);
}

/// Another server with an empty store is at the address.
#[test]
fn what_a_server_that_lists_everything_does_not_list_waits_no_longer() {
    let mut bench = Bench::new();
    bench.a([
        snapshot(&["s"]),
        started(),
        read_folder(folder("o")),
        busy("o"),
        permission("per", "o"),
        Event::StreamLost,
    ]);
    let empty = || {
        Event::Snapshot(Snapshot {
            whole: true,
            ..Snapshot::default()
        })
    };
    let waiting = |bench: &Bench| {
        bench.state.instances[&InstanceId::from("a")]
            .permissions
            .len()
    };
    let known = |bench: &Bench, id: &str| bench.state.session(&"a".into(), &id.into()).is_some();
    // A list that may have been cut says nothing of other folders.
    bench.a([snapshot(&["s"])]);
    assert_eq!(waiting(&bench), 1);
    bench.a([empty()]);
    assert_eq!(waiting(&bench), 0, "nothing waits there");
    assert!(!bench.session("o").run.is_running());
    let again = Effect::ReadDirectory("a".into(), "/other".into());
    assert!(bench.effects.contains(&again), "{:?}", bench.effects);
    assert!(
        !bench.effects.contains(&forget("o")),
        "one list is not proof"
    );
    let none = Snapshot {
        sessions: Vec::new(),
        ..folder("o")
    };
    bench.a([started(), read_folder(none)]);
    assert!(!known(&bench, "o"));
    // A later list names it: what is said in it is kept again.
    bench.a([started(), read_folder(folder("o"))]);
    let back = Effect::Unforget("a".into(), "o".into());
    assert!(known(&bench, "o") && bench.effects.contains(&back));
}
