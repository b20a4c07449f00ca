//! What a model and its tools do in one turn, step by step, in the order in which OpenCode tells it.

use std::collections::VecDeque;

use rand::Rng;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::core::lock;
use super::server::Server;

/// One step of a turn.
#[derive(Clone, Debug)]
enum Step {
    User(String),
    Busy,
    Retry,
    Assistant,
    RoundBegins,
    Begin {
        reasoning: bool,
    },
    /// A JSON string.
    Delta(&'static str),
    End,
    /// The stream of the model broke: the text stays open for ever.
    Abandon,
    Tool(&'static str),
    Run,
    Grow,
    Ask,
    Question,
    Child,
    Done {
        error: bool,
    },
    RoundEnds,
    Complete {
        last: bool,
    },
    Idle,
    Late,
    Todo,
}

/// What a turn waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wait {
    Permission(String),
    Question(String),
    Child(String),
}

/// A turn under way.
pub(super) struct Turn {
    directory: String,
    steps: VecDeque<Step>,
    wait: Option<Wait>,
    user: String,
    message: Value,
    part: Value,
}

/// Increments, as JSON: words, markup of every kind, characters cut in two.
const WORDS: [&str; 28] = [
    r#""the ""#,
    r#""quick ""#,
    r#""brown fox ""#,
    r#""jumps. ""#,
    r#""over\n\n""#,
    r#""**bold** ""#,
    r#""`code` ""#,
    r#""\n- one\n""#,
    r#""- two\n""#,
    r#""\n```rust\nfn ""#,
    r#""main() {}\n""#,
    r#""\n```\n""#,
    r##""# Title\n""##,
    r#""<script>x</script> ""#,
    r#""a & b ""#,
    r#""é𝔘 ""#,
    "\"\\ud83e\"",
    "\"\\udd16 \"",
    "\"line\u{2028}sep \"",
    r#""| a | b |\n""#,
    r#""|---|---|\n""#,
    r#""| 1 | 2 |\n""#,
    r#""[link](http://x.y) ""#,
    r#""> quoted\n""#,
    r#""1. first\n""#,
    r#""end.\n\n""#,
    r#""_em_ ""#,
    r#""word ""#,
];

impl Turn {
    /// A turn that a person or a parent begins.
    pub(super) fn new(directory: &str, text: &str, random: &mut StdRng, depth: usize) -> Self {
        let mut steps: VecDeque<_> = [Step::User(text.to_owned()), Step::Busy].into();
        if random.random_ratio(1, 8) {
            steps.push_back(Step::Retry);
            steps.push_back(Step::Busy);
        }
        let rounds = random.random_range(1..4);
        for round in 0..rounds {
            let last = round + 1 == rounds;
            steps.extend([Step::Assistant, Step::RoundBegins]);
            if random.random_ratio(1, 3) {
                text_of(&mut steps, random, true);
            }
            text_of(&mut steps, random, false);
            if !last {
                tool(&mut steps, random, depth);
            }
            steps.extend([Step::RoundEnds, Step::Complete { last }]);
            if !last {
                steps.push_back(Step::Busy);
            }
        }
        steps.extend([Step::Idle, Step::Late]);
        Self::of(directory, steps)
    }

    /// A turn that asks for permission before long.
    pub(super) fn asking(directory: &str) -> Self {
        let steps = [
            Step::User("run it".to_owned()),
            Step::Busy,
            Step::Assistant,
            Step::RoundBegins,
            Step::Tool("bash"),
            Step::Ask,
            Step::Run,
            Step::Done { error: false },
            Step::RoundEnds,
            Step::Complete { last: true },
            Step::Idle,
            Step::Late,
        ];
        Self::of(directory, steps.into())
    }

    fn of(directory: &str, steps: VecDeque<Step>) -> Self {
        Self {
            directory: directory.to_owned(),
            steps,
            wait: None,
            user: String::new(),
            message: Value::Null,
            part: Value::Null,
        }
    }

    /// A turn on a message that is there already.
    pub(super) fn on(directory: &str, user: &str, random: &mut StdRng) -> Self {
        let mut turn = Self::new(directory, "", random, 0);
        turn.steps.pop_front();
        turn.user = user.to_owned();
        turn
    }

    /// True while it waits for a person or a child.
    fn waits(&self, server: &Server) -> bool {
        let inner = lock(&server.inner);
        match &self.wait {
            None => false,
            Some(Wait::Permission(id)) => inner.permissions.contains_key(id),
            Some(Wait::Question(id)) => inner.questions.contains_key(id),
            Some(Wait::Child(id)) => inner.turns.contains_key(id),
        }
    }
}

fn text_of(steps: &mut VecDeque<Step>, random: &mut StdRng, reasoning: bool) {
    steps.push_back(Step::Begin { reasoning });
    for _ in 0..random.random_range(1..14) {
        let word = random.random_range(0..WORDS.len());
        steps.push_back(Step::Delta(WORDS[word]));
        if word == 16 {
            steps.push_back(Step::Delta(WORDS[17]));
        }
    }
    let cut = !reasoning && random.random_ratio(1, 24);
    steps.push_back(if cut { Step::Abandon } else { Step::End });
}

fn tool(steps: &mut VecDeque<Step>, random: &mut StdRng, depth: usize) {
    let kind = random.random_range(0..6);
    let name = ["bash", "edit", "task", "question", "bash", "todowrite"][kind];
    steps.push_back(Step::Tool(name));
    if name == "bash" && random.random_bool(0.5) {
        steps.push_back(Step::Ask);
    }
    steps.push_back(Step::Run);
    match name {
        "bash" => {
            let grows = random.random_range(0..3);
            steps.extend((0..grows).map(|_| Step::Grow));
        }
        "task" if depth < 3 => steps.push_back(Step::Child),
        "question" => steps.push_back(Step::Question),
        "todowrite" => steps.push_back(Step::Todo),
        _ => {}
    }
    let error = random.random_ratio(1, 6);
    steps.push_back(Step::Done { error });
}

/// Takes the next step of a session's turn. False if there is none, or it waits.
pub(super) fn advance(server: &Server, session: &str) -> bool {
    let Some(mut turn) = lock(&server.inner).turns.remove(session) else {
        return false;
    };
    if turn.waits(server) {
        lock(&server.inner).turns.insert(session.to_owned(), turn);
        return false;
    }
    turn.wait = None;
    let Some(step) = turn.steps.pop_front() else {
        return false;
    };
    let ended = matches!(step, Step::Late);
    turn.take(server, session, step);
    if !ended {
        lock(&server.inner).turns.insert(session.to_owned(), turn);
    }
    true
}

/// A person stops a session's turn.
pub(super) fn abort(server: &Server, session: &str) {
    let Some(mut turn) = lock(&server.inner).turns.remove(session) else {
        return;
    };
    let error = json!({"name": "MessageAbortedError", "data": {"message": "Aborted"}});
    let about = json!({"sessionID": session, "error": error});
    server.emit(&turn.directory, "session.error", &about);
    close_requests(server, session, &turn.directory);
    turn.take(server, session, Step::Idle);
    if turn.part["time"]["end"].is_null() && turn.part["type"] == "text" {
        turn.take(server, session, Step::End);
    }
    if turn.message.is_object() && turn.message["time"]["completed"].is_null() {
        turn.message["error"] = error;
        turn.message["time"]["completed"] = json!(server.time());
        turn.tell_message(server);
    }
    turn.take(server, session, Step::Idle);
}

/// What waits in a session that is stopped is answered by that.
fn close_requests(server: &Server, session: &str, directory: &str) {
    let (permissions, questions): (Vec<_>, Vec<_>) = {
        let inner = lock(&server.inner);
        let of = |id: &str| id == session;
        (
            inner
                .permissions
                .values()
                .filter(|asked| of(&asked.session_id))
                .map(|asked| asked.id.clone())
                .collect(),
            inner
                .questions
                .values()
                .filter(|asked| of(&asked.session_id))
                .map(|asked| asked.id.clone())
                .collect(),
        )
    };
    for id in permissions {
        let about = json!({"sessionID": session, "requestID": id, "reply": "reject"});
        server.emit(directory, "permission.replied", &about);
    }
    for id in questions {
        let about = json!({"sessionID": session, "requestID": id});
        server.emit(directory, "question.rejected", &about);
    }
}

/// A session begins. Gives its id.
pub(super) fn create(server: &Server, directory: &str, parent: Option<&str>) -> String {
    let id = server.id("ses");
    let now = server.time();
    let mut info = json!({
        "id": id, "slug": "s", "version": "1.18.33", "projectID": "p", "directory": directory, "path": "",
        "title": format!("New session {id}"), "cost": 0, "tokens": tokens(0), "time": {"created": now, "updated": now},
    });
    if let Some(parent) = parent {
        info["parentID"] = json!(parent);
    }
    let about = json!({"sessionID": id, "info": info});
    server.emit(directory, "session.created", &about);
    id
}

/// A session's row changes.
pub(super) fn touch(server: &Server, session: &str, title: Option<&str>) {
    let info = {
        let store = lock(&server.store);
        let kept = store.sessions.get(session);
        kept.map(|kept| (kept.info.raw.get().to_owned(), kept.info.directory.clone()))
    };
    let Some((raw, directory)) = info else { return };
    let mut info: Value = serde_json::from_str(&raw).unwrap_or_default();
    info["time"]["updated"] = json!(server.time());
    if let Some(title) = title {
        info["title"] = json!(title);
    }
    let about = json!({"sessionID": session, "info": info});
    server.emit(&directory, "session.updated", &about);
}

fn note_asked(server: &Server, request: &str) {
    let asked = &mut lock(&server.inner).refusable.asked;
    asked.insert(request.to_owned(), server.time());
}

fn tokens(output: u64) -> Value {
    json!({"input": output * 3, "output": output, "reasoning": 0, "cache": {"read": 0, "write": 0}})
}

impl Turn {
    // Longer than 70 lines: a table, an arm for each step of a turn.
    fn take(&mut self, server: &Server, session: &str, step: Step) {
        match step {
            Step::User(text) => self.user(server, session, &text),
            Step::Busy => self.status(server, session, &json!({"type": "busy"})),
            Step::Retry => {
                let next = server.time() + 2000;
                let status =
                    json!({"type": "retry", "attempt": 1, "message": "overloaded", "next": next});
                self.status(server, session, &status);
            }
            Step::Assistant => self.assistant(server, session),
            Step::RoundBegins => {
                self.part = self.new_part(server, session, "step-start");
                self.tell_part(server);
            }
            Step::Begin { reasoning } => {
                let kind = if reasoning { "reasoning" } else { "text" };
                self.part = self.new_part(server, session, kind);
                self.part["text"] = json!("");
                self.part["time"] = json!({"start": server.time()});
                self.tell_part(server);
            }
            Step::Delta(word) => self.delta(server, session, word),
            Step::End => {
                let text = {
                    let inner = lock(&server.inner);
                    let id = self.part["id"].as_str().unwrap_or_default();
                    let units = inner.texts.get(id).map(|text| text.units.clone());
                    String::from_utf16_lossy(&units.unwrap_or_default())
                };
                self.part["text"] = json!(text);
                self.part["time"]["end"] = json!(server.time());
                self.tell_part(server);
            }
            Step::Abandon => self.part = Value::Null,
            Step::Tool(_) | Step::Run | Step::Grow | Step::Done { .. } => {
                self.tool(server, session, &step);
            }
            Step::Ask | Step::Question | Step::Child => self.wait(server, session, &step),
            Step::RoundEnds => {
                self.part = self.new_part(server, session, "step-finish");
                self.part["reason"] = json!("stop");
                self.part["cost"] = json!(0.25);
                self.part["tokens"] = tokens(7);
                self.tell_part(server);
            }
            Step::Complete { last } => {
                self.message["finish"] = json!(if last { "stop" } else { "tool-calls" });
                self.message["cost"] = json!(0.25);
                self.message["tokens"] = tokens(7);
                self.message["time"]["completed"] = json!(server.time());
                self.tell_message(server);
            }
            Step::Idle => {
                self.status(server, session, &json!({"type": "idle"}));
                let about = json!({"sessionID": session});
                server.emit(&self.directory, "session.idle", &about);
            }
            Step::Late => {
                touch(server, session, Some(&format!("Turn of {}", self.user)));
                let about = json!({"sessionID": session, "diff": []});
                server.emit(&self.directory, "session.diff", &about);
            }
            Step::Todo => {
                let state = ["pending", "in_progress", "completed"];
                let at = self.user.len() % 3;
                let todos = json!([
                    {"content": "alpha", "status": state[at], "priority": "medium", "id": "1"},
                    {"content": self.user, "status": state[(at + 1) % 3], "priority": "low", "id": "2"},
                ]);
                let about = json!({"sessionID": session, "todos": todos});
                server.emit(&self.directory, "todo.updated", &about);
            }
        }
    }

    fn user(&mut self, server: &Server, session: &str, text: &str) {
        self.user = server.id("msg");
        touch(server, session, None);
        let info = json!({
            "id": self.user, "role": "user", "sessionID": session, "agent": "build",
            "time": {"created": server.time()}, "model": {"providerID": "lab", "modelID": "m"},
        });
        let about = json!({"sessionID": session, "info": info});
        server.emit(&self.directory, "message.updated", &about);
        let part = json!({
            "id": server.id("prt"), "messageID": self.user, "sessionID": session, "type": "text", "text": text,
        });
        let about = json!({"sessionID": session, "part": part, "time": server.time()});
        server.emit(&self.directory, "message.part.updated", &about);
    }

    fn assistant(&mut self, server: &Server, session: &str) {
        self.message = json!({
            "id": server.id("msg"), "role": "assistant", "sessionID": session, "parentID": self.user,
            "mode": "build", "agent": "build", "path": {"cwd": self.directory, "root": "/"}, "cost": 0,
            "tokens": tokens(0), "modelID": "m", "providerID": "lab", "time": {"created": server.time()},
        });
        self.tell_message(server);
    }

    fn delta(&self, server: &Server, session: &str, word: &str) {
        let (message, part) = (&self.message["id"], &self.part["id"]);
        let properties = format!(
            r#"{{"sessionID":"{session}","messageID":{message},"partID":{part},"field":"text","delta":{word}}}"#
        );
        server.tell(&self.directory, "message.part.delta", &properties);
    }

    fn tool(&mut self, server: &Server, session: &str, step: &Step) {
        let now = server.time();
        match step {
            Step::Tool(name) => {
                self.part = self.new_part(server, session, "tool");
                self.part["callID"] =
                    json!(format!("call_{}", self.part["id"].as_str().unwrap_or("")));
                self.part["tool"] = json!(name);
                self.part["state"] = json!({"status": "pending", "input": {}, "raw": ""});
            }
            Step::Run => {
                let input = json!({"command": "ls", "description": "Lists", "filePath": "/a", "oldString": "a\nb", "newString": "a\nc"});
                self.part["state"] = json!({"status": "running", "input": input, "metadata": {}, "time": {"start": now}});
            }
            Step::Grow => {
                let known = self.part["state"]["metadata"]["output"].as_str();
                let output = format!("{}line {now}\n", known.unwrap_or_default());
                self.part["state"]["metadata"]["output"] = json!(output);
            }
            Step::Done { error } => {
                let start = self.part["state"]["time"]["start"].clone();
                let input = self.part["state"]["input"].clone();
                let metadata = self.part["state"]["metadata"].clone();
                let time = json!({"start": start, "end": now});
                self.part["state"] = if *error {
                    json!({"status": "error", "input": input, "error": "it failed", "metadata": metadata, "time": time})
                } else {
                    json!({"status": "completed", "input": input, "output": "done\n", "title": "Tool", "metadata": metadata, "time": time})
                };
            }
            _ => {}
        }
        self.tell_part(server);
    }

    fn wait(&mut self, server: &Server, session: &str, step: &Step) {
        let tool = json!({"messageID": self.message["id"], "callID": self.part["callID"]});
        match step {
            Step::Ask => {
                let id = server.id("per");
                let about = json!({
                    "id": id, "sessionID": session, "permission": "bash", "patterns": ["ls"], "metadata": {"command": "ls"},
                    "always": ["ls *"], "tool": tool,
                });
                server.emit(&self.directory, "permission.asked", &about);
                note_asked(server, &id);
                self.wait = Some(Wait::Permission(id));
            }
            Step::Question => {
                let id = server.id("que");
                let options = json!([{"label": "Red", "description": "like fire"}]);
                let about = json!({
                    "id": id, "sessionID": session, "tool": tool,
                    "questions": [{"question": "Which?", "header": "Colour", "options": options}],
                });
                server.emit(&self.directory, "question.asked", &about);
                note_asked(server, &id);
                self.wait = Some(Wait::Question(id));
            }
            _ => {
                let child = create(server, &self.directory, Some(session));
                self.part["state"]["metadata"] = json!({"sessionId": child});
                self.tell_part(server);
                let depth = lock(&server.store).sessions.len() % 3;
                let mut inner = lock(&server.inner);
                let turn = Turn::new(&self.directory, "do it", &mut inner.random, depth + 1);
                inner.turns.insert(child.clone(), turn);
                self.wait = Some(Wait::Child(child));
            }
        }
    }

    fn status(&self, server: &Server, session: &str, status: &Value) {
        let about = json!({"sessionID": session, "status": status});
        server.emit(&self.directory, "session.status", &about);
    }

    fn new_part(&self, server: &Server, session: &str, kind: &str) -> Value {
        json!({"id": server.id("prt"), "messageID": self.message["id"], "sessionID": session, "type": kind})
    }

    fn tell_part(&self, server: &Server) {
        let about = json!({
            "sessionID": self.part["sessionID"], "part": self.part, "time": server.time(),
        });
        server.emit(&self.directory, "message.part.updated", &about);
    }

    fn tell_message(&self, server: &Server) {
        let about = json!({"sessionID": self.message["sessionID"], "info": self.message});
        server.emit(&self.directory, "message.updated", &about);
    }
}
