//! A made-up state with everything that can be drawn, for tests and for looking at the page.

#[path = "sample/endings.rs"]
pub(crate) mod endings;

use model::event::{Addressed, Event, MessagesRead, ReadPage, Snapshot};
use model::ids::{InstanceId, MessageId, PartId, SessionId};
use model::json::Json;
use model::reduce;
use model::state::{
    AgentInfo, Catalog, Failure, LinkStatus, MessageInfo, ModelInfo, ModelRef, Origin, Part,
    PartKind, Permission, PermissionRequest, Question, QuestionItem, QuestionOption, Reason,
    ReasonKind, Role, RunStatus, SessionInfo, State, Todo, TodoState, Todos, Tokens, Tool,
    ToolCall, ToolState,
};
use model::text::Delta;
use model::time::Timestamp;

#[path = "sample/acts.rs"]
pub(crate) mod acts;
#[path = "sample/crowd.rs"]
mod crowd;

#[allow(unused_imports)]
pub(crate) use crowd::{CROWD_LOOKS, WIDE, crowd};

/// The moment at which the sample is looked at.
pub(crate) const NOW: i64 = 1_795_430_000_000;

/// Views worth looking at: a name, the instance and the session in front.
#[allow(dead_code)]
pub(crate) const LOOKS: [(&str, Option<&str>, Option<&str>); 9] = [
    ("home", None, None),
    ("live", Some("i1"), Some("ses_parse")),
    ("child", Some("i1"), Some("ses_child")),
    ("new", Some("i1"), None),
    ("asks", Some("i1"), Some("ses_asks")),
    ("failed", Some("i1"), Some("ses_failed")),
    ("retrying", Some("i2"), Some("ses_docs")),
    ("gone", Some("i3"), None),
    ("nothing", Some("i1"), Some("ses_nowhere")),
];

/// Everything at once.
pub(crate) fn state() -> State {
    let mut state = State::default();
    let mut world = World {
        state: &mut state,
        at: NOW - 3_600_000,
    };
    world.instance(
        "i1",
        "drovers",
        Origin::Folder("/home/me/drovers".into()),
        LinkStatus::Connected,
    );
    let retry = LinkStatus::Error {
        attempt: 3,
        of: 5,
        retry_at: Timestamp(NOW + 4_000),
        reason: Reason::new(ReasonKind::Refused, "connection refused"),
    };
    world.instance(
        "i2",
        "notes",
        Origin::Url("http://127.0.0.1:4242".into()),
        LinkStatus::Connected,
    );
    let gone = LinkStatus::Disconnected {
        reason: Reason::new(
            ReasonKind::Refused,
            "Connection refused. Is the server running?",
        ),
    };
    world.instance(
        "i3",
        "notes",
        Origin::Url("http://10.0.0.7:4096".into()),
        gone,
    );
    world.sessions();
    world.conversation();
    world.requests();
    world.failed();
    world.tell("i2", Event::BytesReceived);
    world.tell("i2", Event::Link(retry));
    state
}

pub(crate) struct World<'a> {
    pub(crate) state: &'a mut State,
    pub(crate) at: i64,
}

impl World<'_> {
    pub(crate) fn tell(&mut self, instance: &str, event: Event) {
        self.at += 1_000;
        let addressed = Addressed {
            instance: InstanceId::from(instance),
            at: Timestamp(self.at),
            event,
        };
        reduce(self.state, addressed);
    }

    pub(crate) fn instance(&mut self, id: &str, name: &str, origin: Origin, link: LinkStatus) {
        self.tell(
            id,
            Event::InstanceAdded {
                name: name.into(),
                origin,
            },
        );
        self.tell(id, Event::BytesReceived);
        self.tell(id, Event::Version("1.18.33".into()));
        let model = |id: &str, name: &str| ModelInfo {
            id: reference(id),
            name: name.into(),
            context: 200_000,
        };
        let agent = |name: &str| AgentInfo {
            name: name.into(),
            description: "".into(),
        };
        let default_model = Some(reference("fake-one"));
        let models = if id == "i3" {
            Vec::new()
        } else {
            vec![model("fake-one", "Fake One"), model("fake-two", "Fake Two")]
        };
        self.tell(
            id,
            Event::Catalog(Catalog {
                more_agents: 0,
                more_models: 0,
                agents: vec![agent("build"), agent("plan")],
                models,
                default_model,
            }),
        );
        self.tell(id, Event::Link(link));
    }

    fn sessions(&mut self) {
        let sessions = vec![
            session("ses_parse", None, "Fix the parser for wide tables", 40),
            session(
                "ses_child",
                Some("ses_parse"),
                "Find every caller of split_row (@explore subagent)",
                30,
            ),
            session("ses_deep", Some("ses_child"), "Read the tests", 28),
            session("ses_failed", None, "Upgrade the toolchain", 90),
            session("ses_asks", None, "Choose a licence", 20),
            session("ses_old", None, "", 4000),
        ];
        self.tell(
            "i1",
            Event::Snapshot(Snapshot {
                sessions,
                listed: vec!["/home/me/drovers".into()],
                asked: vec!["/home/me/drovers".into()],
                ..Snapshot::default()
            }),
        );
        let docs = vec![session("ses_docs", None, "Write the tour", 10)];
        self.tell(
            "i2",
            Event::Snapshot(Snapshot {
                sessions: docs,
                ..Snapshot::default()
            }),
        );
        for id in ["ses_parse", "ses_child"] {
            self.tell(
                "i1",
                Event::Status {
                    session: id.into(),
                    status: RunStatus::Busy,
                },
            );
        }
        self.tell(
            "i2",
            Event::Status {
                session: "ses_docs".into(),
                status: RunStatus::Busy,
            },
        );
        self.read("i2", "ses_docs", Vec::new());
        self.read("i1", "ses_child", Vec::new());
    }

    fn read(&mut self, instance: &str, session: &str, messages: Vec<(MessageInfo, Vec<Part>)>) {
        self.tell(
            instance,
            Event::ReadStarted {
                session: session.into(),
            },
        );
        self.tell(
            instance,
            Event::MessagesRead(MessagesRead {
                proven: None,
                session: session.into(),
                messages,
                older: Some("cursor".into()),
                page: ReadPage::Newest,
                todos: None,
            }),
        );
    }

    // Longer than 70 lines: one conversation, message after message.
    fn conversation(&mut self) {
        let ses = "ses_parse";
        let mut user = message(ses, "msg_1", Role::User, 1);
        user.completed = None;
        let question = "Tables with wide characters come out crooked. Find out why and mend it.\nKeep the tests green.";
        let mut first = message(ses, "msg_2", Role::Assistant, 2);
        first.completed = Some(Timestamp(NOW - 3_000_000));
        first.tokens = Tokens {
            input: 12_300,
            output: 900,
            ..Tokens::default()
        };
        let parts = vec![
            part("msg_2", "prt_20", PartKind::StepStart),
            part("msg_2", "prt_21", PartKind::Reasoning {
                text: "The width of a cell is counted in bytes. I should look for `len()`.".into(),
                started: Some(Timestamp(NOW - 10_000)),
                ended: Some(Timestamp(NOW - 6_000)),
            }),
            part("msg_2", "prt_22", text(MARKDOWN)),
            part("msg_2", "prt_23", tool("bash", r#"{"command":"cargo test -p table","description":"Run the table tests"}"#, ToolState::Completed {
                output: "running 14 tests\n..............\ntest result: ok. 14 passed; 0 failed\n".into(),
            }, None)),
            part("msg_2", "prt_24", tool("edit", EDIT, ToolState::Completed { output: "Edit applied.".into() }, None)),
            part("msg_2", "prt_25", tool("write", r##"{"filePath":"/home/me/drovers/src/width.rs","content":"//! Width of text on a screen.\n\npub fn width(text: &str) -> usize {\n    text.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum()\n}\n"}"##, ToolState::Completed { output: "Wrote file.".into() }, None)),
            part("msg_2", "prt_26", tool("webfetch", r#"{"url":"https://unicode.org/reports/tr11/"}"#, ToolState::Error { error: "The address cannot be reached.".into() }, None)),
            part("msg_2", "prt_27", PartKind::StepFinish { cost: 0.01, tokens: Tokens::default() }),
        ];
        self.read(
            "i1",
            ses,
            vec![
                (user, vec![part("msg_1", "prt_1", text(question))]),
                (first, parts),
            ],
        );
        let mut second = message(ses, "msg_3", Role::Assistant, 3);
        second.completed = None;
        self.tell("i1", Event::Message(second));
        let task = r#"{"description":"Find every caller of split_row","prompt":"List each caller with its file.","subagent_type":"explore"}"#;
        let child = Some(SessionId::from("ses_child"));
        self.part(part(
            "msg_3",
            "prt_31",
            tool(
                "task",
                task,
                ToolState::Running { output: "".into() },
                child,
            ),
        ));
        self.part(part(
            "msg_3",
            "prt_32",
            tool(
                "bash",
                r#"{"command":"rm -rf dist && cargo build"}"#,
                ToolState::Running { output: "".into() },
                None,
            ),
        ));
        self.part(part(
            "msg_3",
            "prt_33",
            PartKind::Text {
                text: "".into(),
                synthetic: false,
                ignored: false,
                ended: false,
            },
        ));
        self.delta("While that runs: the cause is in `split_row`, which counts **bytes**");
        self.tell("i1", Event::StreamLost);
        self.delta(" and so a row of `é` is twice as wi");
        self.tell("i1", Event::Link(LinkStatus::Connected));
        self.tell(
            "i1",
            Event::Status {
                session: ses.into(),
                status: RunStatus::Busy,
            },
        );
        self.tell(
            "i1",
            Event::Status {
                session: "ses_child".into(),
                status: RunStatus::Busy,
            },
        );
    }

    pub(crate) fn part(&mut self, part: Part) {
        self.tell("i1", Event::Part(part));
    }

    pub(crate) fn delta(&mut self, text: &str) {
        self.tell(
            "i1",
            Event::PartDelta {
                session: "ses_parse".into(),
                message: "msg_3".into(),
                part: "prt_33".into(),
                delta: Delta::from(text),
            },
        );
    }

    fn requests(&mut self) {
        self.at = NOW - 250_000;
        self.tell(
            "i1",
            Event::PermissionAsked(Permission::new(PermissionRequest {
                id: "per_1".into(),
                session: "ses_parse".into(),
                permission: "bash".into(),
                patterns: vec!["rm -rf dist && cargo build".into()],
                always: vec!["rm *".into(), "cargo build *".into()],
                tool: Some(ToolCall {
                    message: "msg_3".into(),
                    call: "call_prt_32".into(),
                }),
                asked: Timestamp(self.at),
                raw: Json::null(),
            })),
        );
        let option = |label: &str, description: &str| QuestionOption {
            label: label.into(),
            description: description.into(),
        };
        self.tell(
            "i1",
            Event::QuestionAsked(Question {
                id: "que_1".into(),
                session: "ses_asks".into(),
                items: vec![QuestionItem {
                    header: "Licence".into(),
                    question: "Which licence should the crate carry?".into(),
                    options: vec![
                        option("MIT", "short and permissive"),
                        option("Apache-2.0", "with a patent grant"),
                    ],
                    multiple: true,
                    custom: true,
                    ..QuestionItem::default()
                }],
                tool: None,
                asked: Timestamp(self.at),
                raw: Json::null(),
            }),
        );
        let todo = |content: &str, state| Todo {
            content: content.into(),
            state,
        };
        self.tell(
            "i1",
            Event::Todos {
                session: "ses_parse".into(),
                todos: Todos {
                    items: vec![
                        todo("Reproduce it with a test", TodoState::Completed),
                        todo("Count columns, not bytes", TodoState::InProgress),
                        todo("Look for other callers", TodoState::Pending),
                        todo("Rewrite the table module", TodoState::Cancelled),
                    ],
                    raw: Json::null(),
                },
            },
        );
    }

    fn failed(&mut self) {
        let mut info = message("ses_failed", "msg_f", Role::Assistant, 1);
        let failure = Failure::failed("APIError", "The model's server answered 529 (overloaded).");
        info.failure = Some(failure.clone());
        self.read(
            "i1",
            "ses_failed",
            vec![(
                info,
                vec![part_in(
                    "ses_failed",
                    "msg_f",
                    "prt_f",
                    text("I will begin with"),
                )],
            )],
        );
        self.tell(
            "i1",
            Event::Status {
                session: "ses_failed".into(),
                status: RunStatus::Busy,
            },
        );
        self.tell(
            "i1",
            Event::SessionError {
                session: Some("ses_failed".into()),
                failure,
            },
        );
        self.tell(
            "i1",
            Event::Status {
                session: "ses_failed".into(),
                status: RunStatus::Idle,
            },
        );
    }
}

const EDIT: &str = r#"{"filePath":"/home/me/drovers/src/table.rs","oldString":"fn pad(cell: &str) -> usize {\n    cell.len()\n}","newString":"fn pad(cell: &str) -> usize {\n    width(cell)\n}"}"#;

const MARKDOWN: &str = "## What I found\n\nThe width of a cell is counted in **bytes**, so every `é` counts twice. \
See [the standard](https://unicode.org/reports/tr11/).\n\n1. Count columns instead\n2. Keep the byte offsets for slicing\n   \
- in `split_row`\n   - in `render`\n\n```rust\n/// Columns that a text takes.\nfn width(text: &str) -> usize {\n    \
let wide = text.chars().filter(|c| !c.is_ascii()).count(); // 2 each\n    text.len() + wide\n}\n```\n\n\
| case | before | after |\n|------|-------:|------:|\n| ascii | 12 | 12 |\n| wide | 24 | 12 |\n\n> A lone `|` is a \
paragraph until it is a table.\n\n- [x] reproduced\n- [ ] mended\n";

fn reference(model: &str) -> ModelRef {
    ModelRef {
        provider: "fake".into(),
        model: model.into(),
    }
}

fn session(id: &str, parent: Option<&str>, title: &str, minutes: i64) -> SessionInfo {
    SessionInfo {
        id: id.into(),
        parent: parent.map(SessionId::from),
        title: title.into(),
        directory: if id == "ses_docs" {
            "/home/me/notes"
        } else {
            "/home/me/drovers"
        }
        .into(),
        agent: Some("build".into()),
        model: Some(reference("fake-one")),
        created: Timestamp(NOW - minutes * 60_000),
        updated: Timestamp(NOW - minutes * 60_000),
        archived: None,
        reverted_from: None,
        changes: None,
        cost: 0.42,
        tokens: Tokens {
            input: 81_000,
            output: 4_300,
            ..Tokens::default()
        },
        raw: Json::null(),
    }
}

fn message(session: &str, id: &str, role: Role, nth: i64) -> MessageInfo {
    MessageInfo {
        tie: 0,
        id: MessageId::from(id),
        session: session.into(),
        role,
        parent: None,
        created: Timestamp(NOW - 3_600_000 + nth * 1_000),
        completed: None,
        failure: None,
        finish: None,
        summary: false,
        steers: false,
        agent: Some("build".into()),
        model: Some(reference("fake-one")),
        cost: 0.0,
        tokens: Tokens::default(),
        raw: Json::null(),
    }
}

pub(crate) fn part(message: &str, id: &str, kind: PartKind) -> Part {
    part_in("ses_parse", message, id, kind)
}

pub(crate) fn part_in(session: &str, message: &str, id: &str, mut kind: PartKind) -> Part {
    if let PartKind::Tool(tool) = &mut kind {
        tool.call = format!("call_{id}").into();
    }
    Part {
        place: Default::default(),
        id: PartId::from(id),
        message: message.into(),
        session: session.into(),
        kind,
        raw: Json::null(),
    }
}

pub(crate) fn text(text: &str) -> PartKind {
    PartKind::Text {
        text: text.into(),
        synthetic: false,
        ignored: false,
        ended: true,
    }
}

pub(crate) fn tool(
    name: &str,
    input: &str,
    state: ToolState,
    child: Option<SessionId>,
) -> PartKind {
    let ended = matches!(state, ToolState::Completed { .. } | ToolState::Error { .. });
    PartKind::Tool(Tool {
        name: name.into(),
        call: "".into(),
        state,
        input: Json::parse(input.to_owned()).unwrap_or_else(|_| Json::null()),
        title: None,
        diff: None,
        files: Vec::new(),
        child,
        end: None,
        started: Some(Timestamp(NOW - 60_000)),
        ended: ended.then_some(Timestamp(NOW - 58_700)),
    })
}
