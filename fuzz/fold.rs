//! Any order of any events: the fold never fails and keeps its bounds, and what it came to can be looked at and drawn. To
//! draw takes a hundred times as long as to fold, so they are two targets. The tests of `page` run the same over bytes that
//! they make up, and over the seeds.

use model::event::{Addressed, MessagesRead, ReadPage, Snapshot};
use model::ids::{InstanceId, SessionId};
use model::json::Json;
use model::reduce::reduce;
use model::state::*;
use model::text::Delta;
use model::time::Timestamp;
use model::view::{self, Viewport};
use model::{Event, State, limits};
use page::{Context, Renderer};
use serde_json::json;

/// Few names, so that events meet.
const SESSIONS: [&str; 4] = ["s0", "s1", "s2", "s3"];
const MESSAGES: [&str; 4] = ["m0", "m1", "m2", "m3"];
const PARTS: [&str; 5] = ["p0", "p1", "p2", "p3", "p4"];
const FOLDERS: [&str; 2] = ["/a", "/b"];

/// What texts are made of, and what renderers break on.
const TEXTS: [&str; 16] = [
    "",
    "word ",
    "\n",
    "\n\n",
    "# head\n",
    "```rs\nfn x(",
    "\n```\n",
    "<img src=x onerror=alert(1)>",
    "| a | b |\n|---|---|\n",
    "[x](javascript:alert(1))",
    "\u{2028}",
    "\u{1F469}\u{200D}\u{1F4BB}",
    "**",
    "- [ ] do\n",
    "\u{0}",
    "&lt;\u{a0}",
];

/// The input, taken byte by byte; zeroes once it is used up.
struct Script<'a>(&'a [u8]);

impl Script<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }

    fn pick<'t>(&mut self, from: &[&'t str]) -> &'t str {
        from[usize::from(self.byte()) % from.len()]
    }

    fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.flag().then(|| make(self))
    }

    fn several<T>(&mut self, make: impl Fn(&mut Self) -> T) -> Vec<T> {
        (0..self.byte() % 4).map(|_| make(self)).collect()
    }

    fn text(&mut self) -> String {
        let pieces = self.several(|script| script.pick(&TEXTS));
        pieces.concat()
    }

    fn at(&mut self) -> Timestamp {
        match self.byte() {
            255 => Timestamp(i64::MAX),
            254 => Timestamp(i64::MIN),
            at => Timestamp(i64::from(at)),
        }
    }

    fn session(&mut self) -> SessionId {
        self.pick(&SESSIONS).into()
    }

    fn info(&mut self) -> SessionInfo {
        let id = self.session();
        SessionInfo {
            parent: self.maybe(Self::session),
            title: self.text().into(),
            directory: self.pick(&FOLDERS).into(),
            archived: self.maybe(Self::at),
            reverted_from: self.maybe(|script| script.pick(&MESSAGES).into()),
            ..SessionInfo::bare(id, self.at())
        }
    }

    fn status(&mut self) -> RunStatus {
        match self.byte() % 4 {
            0 => RunStatus::Idle,
            1 => RunStatus::Busy,
            2 => RunStatus::Running,
            _ => RunStatus::Retry {
                attempt: u32::from(self.byte()),
                message: self.text().into(),
                next: self.at(),
            },
        }
    }

    fn failure(&mut self) -> Failure {
        Failure {
            kind: if self.flag() {
                ErrorKind::Aborted
            } else {
                ErrorKind::Failed
            },
            name: self.text().into(),
            message: self.text().into(),
        }
    }

    fn message(&mut self) -> MessageInfo {
        let role = if self.flag() {
            Role::User
        } else {
            Role::Assistant
        };
        let (id, session) = (self.pick(&MESSAGES).into(), self.session());
        MessageInfo {
            parent: self.maybe(|script| script.pick(&MESSAGES).into()),
            completed: self.maybe(Self::at),
            failure: self.maybe(Self::failure),
            summary: self.flag(),
            steers: false,
            ..MessageInfo::bare(id, session, role, self.at())
        }
    }

    fn part(&mut self) -> Part {
        Part {
            place: Default::default(),
            id: self.pick(&PARTS).into(),
            message: self.pick(&MESSAGES).into(),
            session: self.session(),
            kind: self.kind(),
            raw: Json::null(),
        }
    }

    fn kind(&mut self) -> PartKind {
        match self.byte() % 9 {
            0 | 1 => PartKind::Text {
                text: self.text().into(),
                synthetic: self.flag(),
                ignored: false,
                ended: self.flag(),
            },
            2 => PartKind::Reasoning {
                text: self.text().into(),
                started: self.maybe(Self::at),
                ended: self.maybe(Self::at),
            },
            3 | 4 => PartKind::Tool(self.tool()),
            5 => PartKind::Subtask {
                description: self.text().into(),
                agent: self.text().into(),
            },
            6 => PartKind::Patch {
                files: self.several(|script| script.text().into()),
            },
            7 => PartKind::Retry {
                attempt: u32::from(self.byte()),
                message: self.text().into(),
            },
            _ => PartKind::Other(self.text().into()),
        }
    }

    fn tool(&mut self) -> Tool {
        let name = self.pick(&[
            "bash",
            "edit",
            "read",
            "task",
            "todowrite",
            "multiedit",
            "question",
            "grep",
            "webfetch",
            "<b>",
        ]);
        let input = json!({
            "command": self.text(), "oldString": self.text(), "newString": self.text(), "filePath": self.text(), "url": self.text(),
            "todos": [{ "content": self.text(), "status": self.text() }], "edits": [{ "oldString": self.text(), "newString": self.text() }],
            "questions": [{ "question": self.text(), "options": [{ "label": self.text(), "description": self.text() }] }],
        });
        Tool {
            name: name.into(),
            call: "c".into(),
            state: match self.byte() % 4 {
                0 => ToolState::Pending,
                1 => ToolState::Running {
                    output: self.text().into(),
                },
                2 => ToolState::Completed {
                    output: self.text().into(),
                },
                _ => ToolState::Error {
                    error: self.text().into(),
                },
            },
            input: Json::of(&input),
            title: self.maybe(|script| script.text().into()),
            diff: self.maybe(|script| script.text().into()),
            files: Vec::new(),
            child: self.maybe(Self::session),
            end: None,
            started: self.maybe(Self::at),
            ended: self.maybe(Self::at),
        }
    }

    fn permission(&mut self) -> Permission {
        Permission::new(PermissionRequest {
            id: self.pick(&["r0", "r1"]).into(),
            session: self.session(),
            permission: self.text().into(),
            patterns: self.several(|script| script.text().into()),
            always: Vec::new(),
            tool: None,
            asked: self.at(),
            raw: Json::null(),
        })
    }

    fn question(&mut self) -> Question {
        let item = |script: &mut Self| QuestionItem {
            header: script.text().into(),
            question: script.text().into(),
            options: script.several(|script| QuestionOption {
                label: script.text().into(),
                description: script.text().into(),
            }),
            multiple: script.flag(),
            custom: script.flag(),
            optional: script.flag(),
            when: script.several(|script| AskedWhen {
                item: script.flag().then_some(0),
                equal: script.flag(),
                answers: script.several(|script| script.text().into()),
            }),
            takes: script.flag().then(|| Takes::Number {
                whole: script.flag(),
                least: script.flag().then(|| script.text().into()),
                most: None,
            }),
            preset: script.flag().then(|| script.text().into()),
            link: script.flag().then(|| script.text().into()),
        };
        Question {
            id: self.pick(&["q0", "q1"]).into(),
            session: self.session(),
            items: self.several(item),
            tool: None,
            asked: self.at(),
            raw: Json::null(),
        }
    }

    fn snapshot(&mut self) -> Snapshot {
        Snapshot {
            sessions: self.several(Self::info),
            listed: self.several(|script| script.pick(&FOLDERS).into()),
            older: self
                .several(|script| (script.pick(&FOLDERS).into(), script.at()))
                .into_iter()
                .collect(),
            asked: self.several(|script| script.pick(&FOLDERS).into()),
            unlisted: Vec::new(),
            statuses: self
                .several(|script| (script.session(), script.status()))
                .into_iter()
                .collect(),
            permissions: self.several(Self::permission),
            questions: self.several(Self::question),
            whole: self.flag(),
            left_out: 0,
        }
    }

    fn read(&mut self) -> MessagesRead {
        MessagesRead {
            session: self.session(),
            messages: self.several(|script| (script.message(), script.several(Self::part))),
            older: self.maybe(|script| script.pick(&MESSAGES).into()),
            page: if self.flag() {
                ReadPage::Newest
            } else {
                ReadPage::Older(self.pick(&MESSAGES).into())
            },
            todos: None,
            proven: self.maybe(|script| Watermark::At(script.byte().into())),
        }
    }

    fn link(&mut self) -> LinkStatus {
        match self.byte() % 3 {
            0 => LinkStatus::Connecting {
                attempt: u32::from(self.byte()),
            },
            1 => LinkStatus::Connected,
            _ => LinkStatus::Stale,
        }
    }

    /// An answer of one kind or another.
    fn outcome(&mut self) -> Outcome {
        match self.byte() % 3 {
            0 => Outcome::Once,
            1 => Outcome::Rejected,
            _ => Outcome::Unknown,
        }
    }

    fn event(&mut self) -> Event {
        match self.byte() % 32 {
            0 => Event::Link(self.link()),
            1 => Event::StreamLost,
            2 => Event::Snapshot(self.snapshot()),
            3 => Event::ReadStarted {
                session: self.session(),
            },
            4 | 5 => Event::MessagesRead(self.read()),
            6 => Event::ReadFailed {
                session: self.session(),
                reason: self.text().into(),
            },
            7 => Event::BodyDropped {
                session: self.session(),
            },
            8 => Event::Reviewed {
                session: self.session(),
            },
            9 => Event::SessionCreated(self.info()),
            10 => Event::Session(self.info()),
            11 => Event::SessionDeleted(self.session()),
            12 => Event::Status {
                session: self.session(),
                status: self.status(),
            },
            13 => Event::SessionError {
                session: self.maybe(Self::session),
                failure: self.failure(),
            },
            14 | 15 => Event::Message(self.message()),
            16 => Event::MessageRemoved {
                session: self.session(),
                message: self.pick(&MESSAGES).into(),
            },
            17..=19 => Event::Part(self.part()),
            20..=22 => Event::PartDelta {
                session: self.session(),
                message: self.pick(&MESSAGES).into(),
                part: self.pick(&PARTS).into(),
                delta: Delta::from(&*self.text()),
            },
            23 => Event::PartRemoved {
                session: self.session(),
                message: self.pick(&MESSAGES).into(),
                part: self.pick(&PARTS).into(),
            },
            24 => Event::PermissionAsked(self.permission()),
            25 => Event::PermissionReplied(self.pick(&["r0", "r1"]).into(), self.outcome()),
            26 => Event::QuestionAsked(self.question()),
            27 => Event::QuestionClosed(self.pick(&["q0", "q1"]).into(), self.outcome()),
            28 => Event::DirectoryDisposed(self.pick(&FOLDERS).into()),
            29 => Event::DirectoryRead {
                directory: self.pick(&FOLDERS).into(),
                snapshot: self.snapshot(),
            },
            30 => Event::Durable {
                session: self.session(),
                seq: u64::from(self.byte()),
            },
            _ => Event::Unknown {
                kind: format!("{}", self.byte()).into(),
            },
        }
    }
}

/// Folds what the bytes say, and looks now and then as a viewer does.
pub(crate) fn fold(input: &[u8]) {
    told(input, |state, look, since| {
        let seen = view::delta(state, look, since);
        assert!(seen.rev == state.rev, "a look is of now");
    });
}

/// The same, and draws what is seen, and the whole at the end.
pub(crate) fn draw(input: &[u8]) {
    let renderer = Renderer::new();
    let state = told(input, |state, look, since| {
        let patch = renderer.patch(&view::delta(state, look, since), since);
        harmless(&serde_json::to_string(&patch).expect("operations are JSON"));
    });
    for instance in instances() {
        whole(&state, &renderer, &instance);
    }
}

fn instances() -> [InstanceId; 2] {
    ["a", "b"].map(InstanceId::from)
}

/// What the bytes say, told to a state.
fn told(input: &[u8], mut see: impl FnMut(&State, &Viewport, Rev)) -> State {
    let mut script = Script(input);
    let mut state = State::default();
    let mut seen = Rev(0);
    let instances = instances();
    for instance in &instances {
        let origin = Origin::Url("http://localhost/".into());
        step(
            &mut state,
            instance,
            Timestamp(0),
            Event::InstanceAdded {
                name: "n".into(),
                origin,
            },
        );
    }
    while !script.0.is_empty() {
        let instance = &instances[usize::from(script.flag())];
        let at = script.at();
        let event = script.event();
        step(&mut state, instance, at, event);
        if script.byte().is_multiple_of(4) {
            for session in SESSIONS {
                see(&state, &look_at(instance, session), seen);
            }
            seen = state.rev;
        }
    }
    bounded(&state);
    for instance in &instances {
        let sessions = model::export::rest(&state.instances[instance]);
        serde_json::to_string(&sessions).expect("what is exported is JSON");
    }
    state
}

fn look_at(instance: &InstanceId, session: &str) -> Viewport {
    Viewport {
        instance: Some(instance.clone()),
        session: Some(session.into()),
        from: None,
        overview: false,
        ..Viewport::default()
    }
}

fn step(state: &mut State, instance: &InstanceId, at: Timestamp, event: Event) {
    let before = state.rev;
    reduce(
        state,
        Addressed {
            instance: instance.clone(),
            at,
            event,
        },
    );
    assert!(state.rev >= before, "revisions only grow");
}

fn whole(state: &State, renderer: &Renderer, instance: &InstanceId) {
    for session in SESSIONS {
        let look = look_at(instance, session);
        let context = Context {
            epoch: "e",
            version: "0",
            now: Timestamp(9),
            recent: &[],
            notices: &[],
            found: &[],
            settings: &page::Settings::default(),
            inspect: false,
            adds: true,
            lacks: &[],
            drafted: None,
        };
        let seen = view::delta(state, &look, Rev(0));
        harmless(&renderer.document(&seen, &context));
        for part in PARTS {
            let drawn = renderer.fragment(&seen, &format!("p:{part}"), None, true);
            harmless(&drawn.unwrap_or_default());
        }
    }
}

/// What a model wrote is text, wherever it ends up.
fn harmless(html: &str) {
    assert!(!html.contains("<img"), "{html}");
    assert!(!html.contains("href=\"javascript:"), "{html}");
}

fn bounded(state: &State) {
    for instance in state.instances.values() {
        assert!(instance.counters.unknown.len() <= limits::UNKNOWN_KINDS + 1);
        for session in instance.sessions.values() {
            assert!(session.open.len() <= limits::OPEN_TEXTS);
            for open in session.open.values() {
                assert!(open.bytes() <= limits::OPEN_TEXT_BYTES);
            }
            let orphans = session.loaded().map_or(0, |loaded| loaded.orphans.len());
            assert!(orphans <= limits::ORPHAN_PARTS);
        }
    }
}
