#![allow(clippy::unwrap_used)]
//! The fold, one rule at a time. What whole recordings fold to is tested where they can be translated.

mod attention;
mod clashes;
mod consent;
mod ends;
mod labels;
mod missed;
mod overview;
mod pieces;
mod proof;
mod remembered;
mod requests;
mod room;
mod told;
mod trimmed;

use crate::event::{Addressed, Event, MessagesRead, ReadPage, Snapshot};
use crate::ids::{InstanceId, MessageId, PartId, SessionId};
use crate::json::Json;
use crate::state::{
    Failure, LinkStatus, MessageInfo, MessageStatus, Origin, Outcome, Part, PartKind, Permission,
    PermissionRequest, Reason, ReasonKind, Rev, Role, Run, RunStatus, SessionInfo, State, Todos,
    Tool, ToolState,
};
use crate::text::{Delta, Segment};
use crate::time::Timestamp;
use crate::view::{Mark, ViewDelta, Viewport, delta as view_delta, needs, tree};
use crate::{Effect, reduce};

/// A state with live instances `a` and `b`, and the effects of what was folded last.
struct Bench {
    state: State,
    effects: Vec<Effect>,
    now: i64,
}

impl Bench {
    fn new() -> Self {
        let mut bench = Self {
            state: State::default(),
            effects: Vec::new(),
            now: 0,
        };
        for id in ["a", "b"] {
            bench.at(
                id,
                Event::InstanceAdded {
                    name: id.into(),
                    origin: Origin::Url(id.into()),
                },
            );
            bench.at(id, Event::Link(LinkStatus::Connected));
        }
        bench
    }

    fn at(&mut self, instance: &str, event: Event) {
        self.now += 1;
        let at = Timestamp(self.now);
        self.effects = reduce(
            &mut self.state,
            Addressed {
                instance: instance.into(),
                at,
                event,
            },
        );
    }

    fn a(&mut self, events: impl IntoIterator<Item = Event>) -> &mut Self {
        events.into_iter().for_each(|event| self.at("a", event));
        self
    }

    /// What a viewer of session `s` lacks that has everything until now, once `events` happened.
    fn news(&mut self, events: impl IntoIterator<Item = Event>) -> ViewDelta {
        let now = self.state.rev;
        self.a(events);
        view_delta(&self.state, &front("a", "s"), now)
    }

    fn session(&self, id: &str) -> &crate::state::Session {
        self.state.session(&"a".into(), &id.into()).unwrap()
    }

    fn open(&self, part: &str) -> &[Segment] {
        self.session("s").open[&PartId::from(part)].segments()
    }

    fn status(&self) -> MessageStatus {
        let session = self.session("s");
        let last = session.loaded().unwrap().last_assistant().unwrap();
        session.message_status(&last.info, true)
    }

    fn marks(&self, instance: &str) -> Vec<(String, usize, Mark)> {
        let rows = tree(
            &self.state,
            &self.state.instances[&InstanceId::from(instance)],
        );
        rows.into_iter()
            .map(|row| (row.id.to_string(), row.depth, row.mark))
            .collect()
    }
}

fn info(id: &str, parent: Option<&str>) -> SessionInfo {
    SessionInfo {
        parent: parent.map(SessionId::from),
        directory: "/p".into(),
        ..SessionInfo::bare(id.into(), Timestamp(1))
    }
}

fn front(instance: &str, session: &str) -> Viewport {
    Viewport {
        instance: Some(instance.into()),
        session: Some(session.into()),
        ..Viewport::default()
    }
}

fn created(id: &str) -> Event {
    Event::SessionCreated(info(id, None))
}

fn message(id: &str) -> MessageInfo {
    MessageInfo::bare(id.into(), "s".into(), Role::Assistant, Timestamp(1))
}

fn text(id: &str, text: &str, ended: bool) -> Part {
    Part {
        place: Default::default(),
        id: id.into(),
        message: "m".into(),
        session: "s".into(),
        kind: PartKind::Text {
            text: text.into(),
            synthetic: false,
            ignored: false,
            ended,
        },
        raw: Json::null(),
    }
}

/// A tool call.
fn call_of(name: &str, call: &str, state: ToolState, input: &serde_json::Value) -> PartKind {
    PartKind::Tool(Tool {
        name: name.into(),
        call: call.into(),
        state,
        input: Json::of(input),
        title: None,
        diff: None,
        files: Vec::new(),
        child: None,
        end: None,
        started: None,
        ended: None,
    })
}

fn delta(part: &str, text: &str) -> Event {
    Event::PartDelta {
        session: "s".into(),
        message: "m".into(),
        part: part.into(),
        delta: Delta::from(text),
    }
}

fn busy(id: &str) -> Event {
    Event::Status {
        session: id.into(),
        status: RunStatus::Busy,
    }
}

fn idle(id: &str) -> Event {
    Event::Status {
        session: id.into(),
        status: RunStatus::Idle,
    }
}

fn snapshot(ids: &[&str]) -> Event {
    Event::Snapshot(Snapshot {
        sessions: ids.iter().map(|id| info(id, None)).collect(),
        listed: vec!["/p".into()],
        asked: vec!["/p".into()],
        ..Snapshot::default()
    })
}

fn read(messages: Vec<(MessageInfo, Vec<Part>)>) -> Event {
    Event::MessagesRead(MessagesRead {
        proven: None,
        session: "s".into(),
        messages,
        older: None,
        page: ReadPage::Newest,
        todos: None,
    })
}

fn permission(id: &str, session: &str) -> Event {
    Event::PermissionAsked(Permission::new(PermissionRequest {
        id: crate::ids::PermissionId::from(id),
        session: session.into(),
        permission: "bash".into(),
        patterns: vec![],
        always: vec![],
        tool: None,
        asked: Timestamp(0),
        raw: Json::null(),
    }))
}

fn known(text: &str) -> Segment {
    Segment::Known(text.into())
}

fn streaming() -> Bench {
    let mut bench = Bench::new();
    bench.a([
        created("s"),
        busy("s"),
        Event::Message(message("m")),
        Event::Part(text("p", "", false)),
        delta("p", "one "),
    ]);
    bench
}

#[test]
fn a_text_grows_and_its_closing_update_is_the_whole() {
    let mut bench = streaming();
    bench.a([delta("p", "two")]);
    assert_eq!(bench.open("p"), [known("one two")]);
    assert_eq!(bench.status(), MessageStatus::Streaming);
    bench.a([Event::Part(text("p", "one two three", true))]);
    assert!(bench.session("s").open.is_empty());
    bench.a([delta("p", "late")]);
    assert!(bench.session("s").open.is_empty());
    assert_eq!(
        bench.state.instances[&InstanceId::from("a")]
            .counters
            .late_deltas,
        1
    );
}

#[test]
fn an_increment_may_come_before_its_part() {
    let mut bench = Bench::new();
    bench.a([
        created("s"),
        busy("s"),
        Event::Message(message("m")),
        delta("p", "early"),
        Event::Part(text("p", "", false)),
    ]);
    assert_eq!(bench.open("p"), [known("early")]);
}

#[test]
fn a_part_may_come_before_its_message() {
    let mut bench = Bench::new();
    bench.a([created("s"), Event::Part(text("p", "x", true))]);
    assert!(bench.session("s").loaded().unwrap().messages.is_empty());
    bench.a([Event::Message(message("m"))]);
    let loaded = bench.session("s").loaded().unwrap();
    assert!(
        loaded.messages[&MessageId::from("m")]
            .parts
            .contains_key("p")
    );
    assert!(loaded.orphans.is_empty());
}

#[test]
fn what_was_missed_is_a_hole_until_the_text_ends() {
    let mut bench = streaming();
    bench.a([Event::StreamLost, delta("p", "later")]);
    assert_eq!(
        bench.open("p"),
        [known("one "), Segment::Gap, known("later")]
    );
    bench.a([read(vec![(message("m"), vec![text("p", "", false)])])]);
    assert_eq!(
        bench.open("p"),
        [known("one "), Segment::Gap, known("later")]
    );
    bench.a([Event::Part(text("p", "one two later", true))]);
    assert!(bench.session("s").open.is_empty());
}

#[test]
fn a_text_whose_beginning_was_not_heard_begins_with_a_hole() {
    let mut bench = Bench::new();
    bench.a([
        snapshot(&["s"]),
        Event::ReadStarted {
            session: "s".into(),
        },
    ]);
    bench.a([
        delta("p", "middle"),
        read(vec![(message("m"), vec![text("p", "", false)])]),
    ]);
    assert_eq!(bench.open("p"), [Segment::Gap, known("middle")]);
}

#[test]
fn a_text_that_ends_while_its_messages_are_read_is_over() {
    let mut bench = Bench::new();
    bench.a([
        snapshot(&["s"]),
        Event::ReadStarted {
            session: "s".into(),
        },
        delta("p", "all"),
        Event::Part(text("p", "all of it", true)),
        read(vec![(message("m"), vec![text("p", "", false)])]),
    ]);
    assert!(bench.session("s").open.is_empty());
}

#[test]
fn a_list_that_is_told_during_a_read_is_newer_than_the_read() {
    let todos = |raw: &str| Todos {
        items: Vec::new(),
        raw: Json::of(&serde_json::json!([raw])),
    };
    let read = |list| {
        Event::MessagesRead(MessagesRead {
            proven: None,
            session: "s".into(),
            messages: Vec::new(),
            older: None,
            page: ReadPage::Newest,
            todos: Some(list),
        })
    };
    let started = || Event::ReadStarted {
        session: "s".into(),
    };
    let mut bench = Bench::new();
    bench.a([
        snapshot(&["s"]),
        started(),
        Event::Todos {
            session: "s".into(),
            todos: todos("told"),
        },
        read(todos("older")),
    ]);
    assert_eq!(bench.session("s").todos, Some(todos("told")));
    bench.a([started(), read(todos("read"))]);
    assert_eq!(bench.session("s").todos, Some(todos("read")));
}

#[test]
fn a_session_nobody_loaded_still_keeps_what_streams() {
    let mut bench = Bench::new();
    bench.a([
        snapshot(&["s"]),
        busy("s"),
        Event::Message(message("m")),
        Event::Part(text("p", "", false)),
        delta("p", "all of it"),
    ]);
    assert!(bench.session("s").loaded().is_none());
    bench.a([read(vec![(message("m"), vec![text("p", "", false)])])]);
    assert_eq!(bench.open("p"), [known("all of it")]);
}

#[test]
fn late_events_of_a_deleted_session_stay_dead() {
    let mut bench = streaming();
    bench.a([
        permission("per", "s"),
        Event::SessionDeleted("s".into()),
        delta("p", "zombie"),
        busy("s"),
        created("s"),
    ]);
    let instance = &bench.state.instances[&InstanceId::from("a")];
    assert!(instance.sessions.is_empty() && instance.permissions.is_empty());
    assert_eq!(instance.counters.zombies, 3);
    assert!(bench.effects.is_empty());
}

#[test]
fn a_run_that_its_server_did_not_survive_is_interrupted() {
    let mut bench = streaming();
    bench.a([Event::StreamLost, snapshot(&["s"])]);
    assert_eq!(
        bench.effects,
        [Effect::ReadMessages("a".into(), "s".into())]
    );
    assert_eq!(bench.session("s").run, Run::Unknown);
    bench.a([read(vec![(message("m"), vec![text("p", "", false)])])]);
    assert_eq!(bench.status(), MessageStatus::Interrupted);
    assert_eq!(bench.marks("a"), [("s".to_owned(), 0, Mark::Interrupted)]);
    bench.a([Event::StreamLost, snapshot(&["s"])]);
    assert_eq!(
        bench.status(),
        MessageStatus::Interrupted,
        "reading again does not forget it"
    );
    bench.a([busy("s")]);
    assert_eq!(bench.status(), MessageStatus::Streaming);
}

#[test]
fn a_run_that_ended_well_behind_our_back_is_idle_and_to_review() {
    let mut bench = streaming();
    bench.a([Event::StreamLost, snapshot(&["s"])]);
    let done = MessageInfo {
        completed: Some(Timestamp(5)),
        ..message("m")
    };
    bench.a([read(vec![(done, vec![text("p", "all", true)])])]);
    assert_eq!(bench.session("s").run, Run::Idle);
    assert_eq!(bench.marks("a"), [("s".to_owned(), 0, Mark::ToReview)]);
    bench.a([Event::Reviewed {
        session: "s".into(),
    }]);
    assert_eq!(bench.marks("a"), [("s".to_owned(), 0, Mark::Idle)]);
}

#[test]
fn a_message_that_nobody_here_runs_is_unknown_not_idle() {
    let mut bench = Bench::new();
    bench.a([snapshot(&["s"]), read(vec![(message("m"), vec![])])]);
    assert_eq!(bench.status(), MessageStatus::Unknown);
}

#[test]
fn what_is_not_live_is_never_shown_as_working() {
    let mut bench = streaming();
    assert_eq!(bench.marks("a"), [("s".to_owned(), 0, Mark::Working)]);
    bench.a([
        Event::StreamLost,
        Event::Link(LinkStatus::Connecting { attempt: 1 }),
    ]);
    assert_eq!(bench.marks("a"), [("s".to_owned(), 0, Mark::Stale)]);
}

#[test]
fn a_request_of_any_depth_reaches_its_root() {
    let mut bench = Bench::new();
    bench.a([
        created("s"),
        Event::SessionCreated(info("c", Some("s"))),
        Event::SessionCreated(info("g", Some("c"))),
    ]);
    bench.a([busy("s"), permission("per", "g")]);
    let row = |id: &str, depth| (id.to_owned(), depth, Mark::NeedsYou);
    assert_eq!(bench.marks("a"), [row("s", 0), row("c", 1), row("g", 2)]);
    let waiting = needs(&bench.state);
    assert_eq!((waiting.len(), waiting[0].root.as_str()), (1, "s"));
    bench.a([Event::PermissionReplied("per".into(), Outcome::Once)]);
    assert!(needs(&bench.state).is_empty());
}

#[test]
fn sessions_that_are_each_others_parents_are_survived() {
    let mut bench = Bench::new();
    bench.a([
        Event::SessionCreated(info("x", Some("y"))),
        Event::SessionCreated(info("y", Some("x"))),
        permission("per", "x"),
    ]);
    assert_eq!(needs(&bench.state).len(), 1);
    let front = Viewport {
        instance: Some("a".into()),
        session: Some("x".into()),
        ..Viewport::default()
    };
    assert!(view_delta(&bench.state, &front, Rev(0)).head.is_some());
}

#[test]
fn servers_of_one_database_show_each_session_once() {
    let mut bench = Bench::new();
    bench.at("a", snapshot(&["s", "t"]));
    bench.at("b", snapshot(&["s", "t"]));
    bench.at("b", busy("t"));
    assert_eq!(bench.marks("a"), [("s".to_owned(), 0, Mark::Idle)]);
    assert_eq!(bench.marks("b"), [("t".to_owned(), 0, Mark::Working)]);
    bench.at(
        "a",
        Event::Link(LinkStatus::Disconnected {
            reason: Reason::new(ReasonKind::Refused, "gone"),
        }),
    );
    assert_eq!(
        bench.marks("b").len(),
        2,
        "a server that cannot be heard keeps nothing to itself"
    );
}

#[test]
fn a_failure_is_shown_until_the_next_run_and_an_abort_is_none() {
    let mut bench = streaming();
    let failed = |kind| Event::SessionError {
        session: Some("s".into()),
        failure: Failure {
            kind,
            name: "x".into(),
            message: "y".into(),
        },
    };
    bench.a([
        failed(crate::state::ErrorKind::Aborted),
        idle("s"),
        Event::Reviewed {
            session: "s".into(),
        },
    ]);
    assert_eq!(bench.marks("a")[0].2, Mark::Idle);
    bench.a([failed(crate::state::ErrorKind::Failed)]);
    assert_eq!(bench.marks("a")[0].2, Mark::Failed);
    bench.a([busy("s")]);
    assert_eq!(bench.marks("a")[0].2, Mark::Working);
}

#[test]
fn an_unknown_session_is_asked_for() {
    let mut bench = Bench::new();
    bench.a([busy("s")]);
    assert_eq!(bench.effects, [Effect::ReadSession("a".into(), "s".into())]);
}

#[test]
fn a_viewer_that_is_up_to_date_is_told_nothing() {
    let mut bench = streaming();
    let front = Viewport {
        instance: Some("a".into()),
        session: Some("s".into()),
        ..Viewport::default()
    };
    let now = bench.state.rev;
    assert!(view_delta(&bench.state, &front, now).is_empty());
    bench.at("b", Event::SessionCreated(info("elsewhere", None)));
    let seen = view_delta(&bench.state, &front, now);
    assert!(
        seen.log.is_none() && seen.composer.is_none(),
        "nothing in front changed"
    );
    bench.a([delta("p", "two")]);
    let seen = view_delta(&bench.state, &front, now);
    let rows = seen.log.unwrap().messages;
    assert_eq!(
        (rows.len(), rows[0].parts.len(), rows[0].head_changed),
        (1, 1, false)
    );
}
