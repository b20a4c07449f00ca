//! Every way in which a turn can end, each in a session of its own.

use model::event::{Event, Snapshot};
use model::ids::{InstanceId, SessionId};
use model::state::{
    ErrorKind, Failure, LinkStatus, MessageInfo, Origin, Part, PartKind, Role, Run, RunStatus,
    State, ToolEnd, ToolState,
};
use model::time::Timestamp;

use super::{NOW, World, message, part_in, session, text, tool};

/// The instance that has them.
pub(crate) const INSTANCE: &str = "ends";

/// Their names; the session of each is `ses_` and its name.
pub(crate) const ENDINGS: [&str; 15] = [
    "finished",
    "empty",
    "unknown_finish",
    "length",
    "filtered",
    "provider_error",
    "html_error",
    "nameless_error",
    "no_message",
    "stopped",
    "rejected",
    "interrupted",
    "retrying",
    "tool_failed",
    "summary_stopped",
];

/// A state with all of them.
pub(crate) fn endings() -> State {
    let mut state = State::default();
    let mut world = World {
        state: &mut state,
        at: NOW - 600_000,
    };
    let origin = Origin::Folder("/home/me/drovers".into());
    world.instance(INSTANCE, "drovers", origin, LinkStatus::Connected);
    let titled = |name: &&str| session(&id(name), None, &name.replace('_', " "), 5);
    world.told(Event::Snapshot(Snapshot {
        sessions: ENDINGS.iter().map(titled).collect(),
        listed: vec!["/home/me/drovers".into()],
        asked: vec!["/home/me/drovers".into()],
        ..Snapshot::default()
    }));
    for name in ENDINGS {
        world.begin(name);
        world.end(name);
    }
    let ended = state.instances.get_mut(&InstanceId::from(INSTANCE));
    let cut = ended.and_then(|instance| {
        instance
            .sessions
            .get_mut(&SessionId::from(id("interrupted").as_str()))
    });
    if let Some(session) = cut {
        session.run = Run::Interrupted {
            at: Timestamp(NOW - 60_000),
        };
    }
    state
}

fn id(name: &str) -> String {
    format!("ses_{name}")
}

fn aborted() -> Failure {
    Failure {
        kind: ErrorKind::Aborted,
        ..Failure::failed("MessageAbortedError", "Aborted")
    }
}

impl World<'_> {
    fn told(&mut self, event: Event) {
        self.tell(INSTANCE, event);
    }

    fn status(&mut self, name: &str, status: RunStatus) {
        let session = id(name).as_str().into();
        self.told(Event::Status { session, status });
    }

    fn begin(&mut self, name: &str) {
        let asked = message(&id(name), "msg_1", Role::User, 1);
        let said = if name == "summary_stopped" {
            PartKind::Compaction { auto: false }
        } else {
            text("Make the tests green.")
        };
        let said = part_in(&id(name), "msg_1", "prt_1", said);
        self.read(INSTANCE, &id(name), vec![(asked, vec![said])]);
        self.status(name, RunStatus::Busy);
    }

    fn answer(&mut self, name: &str, change: impl FnOnce(&mut MessageInfo)) {
        let mut info = message(&id(name), "msg_2", Role::Assistant, 2);
        info.parent = Some("msg_1".into());
        change(&mut info);
        self.told(Event::Message(info));
    }

    fn says(&mut self, name: &str, id_: &str, kind: PartKind) {
        let part: Part = part_in(&id(name), "msg_2", id_, kind);
        self.told(Event::Part(part));
    }

    /// An answer with a text that ended so.
    fn finishes(&mut self, name: &str, said: Option<&str>, finish: &str) {
        self.answer(name, |_| {});
        if let Some(said) = said {
            self.says(name, "prt_9", text(said));
        }
        self.answer(name, |info| {
            info.completed = Some(Timestamp(NOW));
            info.finish = Some(finish.into());
        });
        self.status(name, RunStatus::Idle);
    }

    fn fails(&mut self, name: &str, failure: Failure) {
        self.answer(name, |info| {
            info.completed = Some(Timestamp(NOW));
            info.failure = Some(failure.clone());
        });
        let session = Some(id(name).as_str().into());
        self.told(Event::SessionError { session, failure });
        self.status(name, RunStatus::Idle);
    }

    /// A call of a tool that ended so.
    fn calls(&mut self, name: &str, at: &str, command: &str, state: ToolState, end: ToolEnd) {
        let input = format!(r#"{{"command":"{command}"}}"#);
        let mut kind = tool("bash", &input, state, None);
        if let PartKind::Tool(tool) = &mut kind {
            tool.end = Some(end);
        }
        self.says(name, at, kind);
    }

    fn end(&mut self, name: &str) {
        match name {
            "finished" => self.finishes(name, Some("All of them pass."), "stop"),
            "empty" => self.finishes(name, None, "stop"),
            "unknown_finish" => self.finishes(name, Some("All of them"), "other"),
            "length" => self.finishes(name, Some("All of them pass, apart from"), "length"),
            "filtered" => self.finishes(name, None, "content-filter"),
            "provider_error" => {
                self.fails(name, Failure::failed("APIError", "This request would exceed your rate limit."));
            }
            "html_error" => self.fails(
                name,
                Failure::failed("APIError", "<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head>\n<body><script>alert(1)</script></body></html>"),
            ),
            "nameless_error" => self.fails(
                name,
                Failure::failed("", r#"{"code":400,"error":{"type":"invalid","message":"The key is not known here"}}"#),
            ),
            "no_message" => {
                let session = Some(id(name).as_str().into());
                let failure = Failure::failed("UnknownError", "Model not found: fake/none. Did you mean: fake-one?");
                self.told(Event::SessionError { session, failure });
                self.status(name, RunStatus::Idle);
            }
            "retrying" => self.status(
                name,
                RunStatus::Retry {
                    attempt: 7,
                    message: "Overloaded".into(),
                    next: Timestamp(NOW + 30_000),
                },
            ),
            "interrupted" => {
                self.answer(name, |_| {});
                self.says(name, "prt_2", text("I will begin with"));
            }
            _ => self.end_by_hand(name),
        }
    }

    /// Ends that a person made, and those of tools.
    fn end_by_hand(&mut self, name: &str) {
        let output = |text: &str| ToolState::Completed {
            output: text.into(),
        };
        let error = |text: &str| ToolState::Error { error: text.into() };
        self.answer(name, |info| info.summary = name == "summary_stopped");
        match name {
            "tool_failed" => {
                self.calls(
                    name,
                    "prt_2",
                    "cargo test",
                    output("1 failed\n"),
                    ToolEnd::Exit(101),
                );
                self.calls(name, "prt_3", "sleep 600", output(""), ToolEnd::TimedOut);
                self.finishes(name, Some("One of them fails."), "stop");
            }
            "rejected" => {
                let why = ToolEnd::Rejected(Some("use trash instead".into()));
                self.calls(name, "prt_2", "rm -rf dist", error("The user rejected permission to use this specific tool call with the following feedback: use trash instead"), why);
                let plain = ToolEnd::Rejected(None);
                self.calls(
                    name,
                    "prt_3",
                    "rm -rf target",
                    error("The user rejected permission to use this specific tool call."),
                    plain,
                );
                self.finishes(name, None, "tool-calls");
            }
            _ => {
                if name == "stopped" {
                    self.calls(
                        name,
                        "prt_2",
                        "cargo test",
                        output("running 14 tests\n"),
                        ToolEnd::Stopped,
                    );
                    let next = message(&id(name), "msg_3", Role::User, 3);
                    self.told(Event::Message(next));
                    let said = text("Then write the changelog.");
                    self.told(Event::Part(part_in(&id(name), "msg_3", "prt_3", said)));
                }
                self.told(Event::Stopped {
                    session: id(name).as_str().into(),
                });
                self.answer(name, |info| {
                    info.summary = name == "summary_stopped";
                    info.completed = Some(Timestamp(NOW));
                    info.failure = Some(aborted());
                });
                self.status(name, RunStatus::Idle);
            }
        }
    }
}
