use model::state::{MessageInfo, Part, PartKind, ToolEnd, ToolState};
use serde_json::{Value, json};

use super::super::{Dialect, Translator};
use super::*;

const AT: i64 = 1_000;

struct Bench {
    translator: Translator,
    seq: u64,
}

impl Bench {
    fn new() -> Self {
        Self {
            translator: Translator::new(Dialect::V2),
            seq: 0,
        }
    }

    /// The events of a frame that was made so many milliseconds after the beginning.
    fn frame(&mut self, after: i64, kind: &str, mut data: Value) -> Vec<Event> {
        // A hole each time: those of a stream are lawful.
        self.seq += 2;
        if data["sessionID"].is_null() {
            data["sessionID"] = "s".into();
        }
        let frame = json!({
            "id": format!("evt_{}", self.seq), "created": AT + after, "type": kind, "data": data,
            "location": {"directory": "/w"},
            "durable": {"aggregateID": "s", "seq": self.seq, "version": 1},
        });
        let translated = self.translator.frame(&frame.to_string(), Timestamp(0));
        assert_eq!(translated.directory.as_deref(), Some("/w"));
        let mut events = translated.events;
        assert!(
            !events
                .iter()
                .any(|event| matches!(event, Event::Durable { .. }))
        );
        // The place of each event of a session comes last, and only where the event is understood.
        if let Some(Event::Numbered { session, seq }) = events.last() {
            assert_eq!((session.as_str(), *seq), ("s", self.seq));
            events.pop();
        }
        events
    }

    fn step(&mut self, after: i64, message: &str) -> MessageInfo {
        let data = json!({"assistantMessageID": message, "agent": "build", "model": {"id": "m", "providerID": "p"}});
        let events = self.frame(after, "session.step.started", data);
        message_of(events.last().unwrap())
    }
}

fn message_of(event: &Event) -> MessageInfo {
    let Event::Message(info) = event else {
        panic!("{event:?}");
    };
    info.clone()
}

fn part_of(event: &Event) -> Part {
    let Event::Part(part) = event else {
        panic!("{event:?}");
    };
    part.clone()
}

#[test]
fn a_step_and_its_pieces_are_whole_objects() {
    let mut bench = Bench::new();
    let item = json!({"type": "user", "payload": {"text": "go"}, "delivery": "queue"});
    let sent = bench.frame(
        0,
        "session.inbox.enqueued",
        json!({"inboxID": "msg_1", "item": item}),
    );
    assert_eq!(message_of(&sent[0]).created, Timestamp(AT));
    assert!(!message_of(&sent[0]).steers);
    assert_eq!(part_of(&sent[1]).kind.text(), Some("go"));
    let sooner = json!({"inboxID": "msg_1", "delivery": "steer"});
    let sooner = message_of(&bench.frame(2, "session.inbox.delivery.changed", sooner)[0]);
    assert!(sooner.steers && sooner.created == Timestamp(AT));
    let delivered = bench.frame(5, "session.inbox.delivered", json!({"inboxID": "msg_1"}));
    assert_eq!(message_of(&delivered[0]).created, Timestamp(AT + 5));
    // In the same millisecond the order is that of the stream, whatever the ids are.
    let step = bench.step(5, "msg_0");
    assert_eq!((step.tie, step.parent.unwrap().as_str()), (1, "msg_1"));
    let text = |ordinal: u64, more: Value| {
        let mut data = json!({"assistantMessageID": "msg_0", "ordinal": ordinal});
        if !more.is_null() {
            data["text"] = more;
        }
        data
    };
    let begun = bench.frame(6, "session.text.started", text(0, Value::Null));
    assert!(part_of(&begun[0]).kind.is_open_text());
    let delta = json!({"assistantMessageID": "msg_0", "ordinal": 0, "delta": "hel"});
    let grown = bench.frame(7, "session.text.delta", delta);
    let Event::PartDelta { part, .. } = &grown[0] else {
        panic!("{grown:?}");
    };
    assert_eq!(*part, part_of(&begun[0]).id);
    let ended = bench.frame(8, "session.text.ended", text(0, "hello".into()));
    assert_eq!(part_of(&ended[0]).kind.text(), Some("hello"));
    assert_eq!(ended.len(), 1, "nothing is read again");
    let end = json!({"assistantMessageID": "msg_0", "finish": "stop", "cost": 0.5, "tokens": {"input": 3}});
    let end = message_of(&bench.frame(9, "session.step.ended", end)[0]);
    assert_eq!(
        (end.completed, end.cost, end.tokens.input),
        (Some(Timestamp(AT + 9)), 0.5, 3)
    );
    assert_eq!(end.raw.value()["finish"], "stop");
}

#[test]
fn a_call_keeps_its_name_and_input_to_its_end() {
    let mut bench = Bench::new();
    bench.step(0, "m");
    let call = |mut more: Value| {
        more["assistantMessageID"] = "m".into();
        more["id"] = "c".into();
        more
    };
    bench.frame(
        1,
        "session.tool.input.started",
        call(json!({"name": "shell"})),
    );
    bench.frame(
        2,
        "session.tool.called",
        call(json!({"input": {"command": "ls"}})),
    );
    let says = call(json!({"metadata": {"sessionID": "below"}}));
    bench.frame(3, "session.tool.progress", says);
    let done = call(json!({"content": [{"type": "text", "text": "a"}], "metadata": {"exit": 3}}));
    let done = part_of(&bench.frame(4, "session.tool.success", done)[0]);
    let PartKind::Tool(tool) = &done.kind else {
        panic!("{done:?}");
    };
    assert_eq!(
        (&*tool.name, tool.input.value()),
        ("bash", json!({"command": "ls"}))
    );
    assert_eq!(tool.state, ToolState::Completed { output: "a".into() });
    assert_eq!(tool.child.as_ref().unwrap().as_str(), "below");
    assert_eq!(tool.end, Some(ToolEnd::Exit(3)));
    assert_eq!(
        (tool.started, tool.ended),
        (Some(Timestamp(AT + 2)), Some(Timestamp(AT + 4)))
    );
    assert_eq!(done.raw.value()["state"]["output"], "a");
}

#[test]
fn what_began_before_the_stream_is_read_again() {
    let mut bench = Bench::new();
    let doubts = |events: &[Event]| matches!(events.last(), Some(Event::ConversationDoubted { session }) if session.as_str() == "s");
    let of = |mut more: Value| {
        more["assistantMessageID"] = "old".into();
        more
    };
    for (kind, data) in [
        ("session.text.ended", of(json!({"ordinal": 2, "text": "x"}))),
        (
            "session.tool.success",
            of(json!({"id": "c", "content": []})),
        ),
        ("session.step.ended", of(json!({"finish": "stop"}))),
        ("session.inbox.delivered", json!({"inboxID": "i"})),
        (
            "session.compaction.ended",
            json!({"reason": "auto", "text": "x"}),
        ),
        ("session.revert.committed", json!({"to": "m"})),
    ] {
        let events = bench.frame(0, kind, data);
        let last = events
            .iter()
            .rposition(|event| !matches!(event, Event::SessionChanged { .. }));
        assert!(doubts(&events[..=last.unwrap()]), "{kind}: {events:?}");
    }
    // A text that grows does not: its place is known from its names.
    let delta = of(json!({"ordinal": 0, "delta": "x"}));
    let events = bench.frame(0, "session.text.delta", delta);
    assert!(matches!(&events[..], [Event::PartDelta { .. }]));
}

#[test]
fn a_step_that_begins_again_is_the_same() {
    let mut bench = Bench::new();
    let first = bench.step(0, "m");
    let error = json!({"type": "provider.rate-limit", "message": "slow"});
    let retry = json!({"assistantMessageID": "m", "attempt": 1, "at": 5000, "error": error});
    let events = bench.frame(1, "session.retry.scheduled", retry);
    let [Event::Status { status, .. }] = &events[..] else {
        panic!("{events:?}");
    };
    let RunStatus::Retry {
        attempt: 1,
        message,
        next: Timestamp(5000),
    } = status
    else {
        panic!("{status:?}");
    };
    assert_eq!(&**message, "slow");
    let data = json!({"assistantMessageID": "m", "agent": "build"});
    let again = bench.frame(9, "session.step.started", data);
    assert!(matches!(
        &again[0],
        Event::Status {
            status: RunStatus::Busy,
            ..
        }
    ));
    assert_eq!(message_of(&again[1]), first);
}

#[test]
fn runs_end_as_they_do() {
    let ended = |kind: &str, data: Value| {
        let events = Bench::new().frame(0, kind, data);
        let failure = events.iter().find_map(|event| match event {
            Event::SessionError { failure, .. } => Some(failure.clone()),
            _ => None,
        });
        let idle = |event: &Event| {
            matches!(
                event,
                Event::Status {
                    status: RunStatus::Idle,
                    ..
                }
            )
        };
        assert!(events.iter().any(idle), "{events:?}");
        failure.map(|failure| (failure.kind, failure.name.to_string()))
    };
    let interrupted =
        |reason: &str| ended("session.execution.interrupted", json!({"reason": reason}));
    assert_eq!(ended("session.execution.succeeded", json!({})), None);
    assert_eq!(interrupted("superseded"), None);
    assert_eq!(interrupted("user").unwrap().0, ErrorKind::Aborted);
    assert_eq!(interrupted("shutdown").unwrap().1, SERVER_ENDED);
    assert_eq!(interrupted("inactivity").unwrap().1, INACTIVE);
    let error = json!({"error": {"type": "provider.auth", "message": "no"}});
    let failed = ended("session.execution.failed", error).unwrap();
    assert_eq!(failed, (ErrorKind::Failed, "ProviderAuthError".to_owned()));
}

#[test]
// Longer than 70 lines: each kind of what waits, from its coming to its end.
fn requests_and_forms_are_what_waits() {
    let mut bench = Bench::new();
    let asked = json!({
        "id": "per", "action": "shell", "resources": ["ls"], "save": ["ls *"],
        "source": {"messageID": "m", "id": "c"},
    });
    let events = bench.frame(0, "permission.asked", asked);
    let [Event::PermissionAsked(asked)] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(
        (&*asked.permission, &*asked.patterns[0], &*asked.always[0]),
        ("bash", "ls", "ls *")
    );
    assert_eq!(&*asked.tool.as_ref().unwrap().call, "c");
    let raw = asked.raw.value();
    assert_eq!(
        (&raw["permission"], &raw["action"]),
        (&json!("bash"), &json!("shell"))
    );
    assert_eq!(raw["tool"]["callID"], "c");
    let replied = bench.frame(
        1,
        "permission.replied",
        json!({"requestID": "per", "reply": "always"}),
    );
    assert_eq!(
        replied,
        [Event::PermissionReplied("per".into(), Outcome::Always)]
    );
    let fields = json!([
        {"key": "a", "type": "string", "title": "A", "description": "Which?",
         "options": [{"value": "1", "label": "one"}], "custom": true},
        {"key": "b", "type": "boolean", "title": "B"},
        {"key": "c", "type": "external", "url": "http://x"},
        {"key": "d", "type": "multiselect", "options": [{"value": "x"}]},
        {"key": "e", "type": "integer", "hidden": true},
    ]);
    let form = |owner: &str| json!({"form": {"id": "frm", "sessionID": owner, "title": "T", "fields": fields}});
    let events = bench.frame(2, "form.created", form("s"));
    let [Event::QuestionAsked(question)] = &events[..] else {
        panic!("{events:?}");
    };
    let items = question.items.iter();
    let items: Vec<_> = items
        .map(|item| {
            (
                &*item.question,
                item.multiple,
                item.custom,
                item.options.len(),
            )
        })
        .collect();
    assert_eq!(
        items,
        [
            ("Which?", false, true, 1),
            ("B", false, false, 2),
            ("T", false, false, 0),
            ("T", true, false, 1)
        ]
    );
    assert_eq!(
        question.raw.value()["questions"][0]["options"][0]["label"],
        "one"
    );
    assert_eq!(bench.frame(3, "form.created", form("global")), []);
    let closed = bench.frame(4, "form.cancelled", json!({"id": "frm"}));
    assert_eq!(
        closed,
        [Event::QuestionClosed("frm".into(), Outcome::Rejected)]
    );
    let down = bench.frame(5, "location.shutdown", json!({}));
    assert_eq!(down, [Event::RequestsVoid("/w".into())]);
}

#[test]
fn what_is_not_known_is_counted_and_what_is_too_large_is_dropped() {
    let mut bench = Bench::new();
    let unknown = bench.frame(0, "session.brand.new", json!({}));
    assert_eq!(
        unknown,
        [Event::Unknown {
            kind: "session.brand.new".into()
        }]
    );
    assert_eq!(bench.frame(0, "pty.created", json!({})), []);
    let malformed = bench.frame(
        0,
        "session.renamed",
        json!({"sessionID": "..", "title": "x"}),
    );
    assert!(matches!(&malformed[..], [Event::Malformed { .. }]));
    let long = "x".repeat(1 << 20);
    let moved = json!({"location": {"directory": long}});
    let moved = bench.frame(0, "session.moved", moved);
    assert!(matches!(&moved[..], [Event::Malformed { .. }]));
    let asked = json!({"id": "per", "action": "shell", "resources": [long]});
    assert!(matches!(
        &bench.frame(0, "permission.asked", asked)[..],
        [Event::Malformed { .. }]
    ));
    let renamed = bench.frame(
        0,
        "session.renamed",
        json!({"title": format!("\u{202e}{long}")}),
    );
    let [
        Event::SessionChanged {
            change: SessionChange::Title(title),
            ..
        },
    ] = &renamed[..]
    else {
        panic!("{renamed:?}");
    };
    assert!(title.ends_with('…') && !title.contains('\u{202e}'));
    let events = Translator::new(Dialect::V2)
        .frame("nonsense", Timestamp(0))
        .events;
    assert!(matches!(&events[..], [Event::Malformed { .. }]));
}
