//! Runs: a queue of acts for each session that runs, played one by one when they are due.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::machine::World;
use super::speech::Open;
use super::tools::Call;
use crate::model::{script, title_of};
use crate::script::{Flow, Script, Statement, ToolCall};

/// Cost of a token, in US dollars.
const TOKEN_COST: f64 = 0.000_001;

/// A session's run.
pub(super) struct Run {
    pub(super) due: Option<u64>,
    pub(super) acts: VecDeque<Act>,
    pub(super) message: Option<String>,
    pub(super) script: Script,
    pub(super) step: usize,
    pub(super) attempt: u32,
    pub(super) prompt: String,
    pub(super) open: Option<Open>,
    pub(super) ordinals: [u64; 2],
    pub(super) calls: Vec<Call>,
    pub(super) streamed: bool,
    pub(super) input: u64,
    pub(super) output: u64,
    pub(super) reasoning: u64,
    /// What it waits for: a request, a form or a child, and the call that does.
    pub(super) waits: Option<(String, usize)>,
    /// The session of which a call waits for its end.
    pub(super) parent: Option<String>,
    /// What is delivered when a turn has ended.
    pub(super) last: Boundary,
}

/// Which items a boundary delivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Boundary {
    /// All that steer; the first queued one if none does.
    Any,
    /// Those that steer.
    Steers,
}

/// What came of waiting.
pub(super) enum Resolved {
    Allowed,
    Rejected(Option<String>),
    Text(String),
}

/// One thing that a run does.
pub(super) enum Act {
    Begin,
    Deliver(Boundary),
    Step,
    Attempt(Vec<Statement>),
    Speak(Flow, bool),
    Close,
    Pause(u64),
    Calls(Vec<ToolCall>),
    Streamed,
    Tool(usize),
    Progress(usize, Value),
    Done(usize, String),
    Failed(usize, &'static str, String),
    Ended(String),
    Broken(Vec<Statement>),
    Compact(Value, u8),
    End,
}

/// When the next act is due.
pub(super) enum Next {
    Now,
    After(u64),
    Wait,
    Gone,
}

impl Run {
    fn new(first: Boundary, parent: Option<String>) -> Self {
        Self {
            due: Some(0),
            acts: VecDeque::from([Act::Begin, Act::Deliver(first)]),
            message: None,
            script: Script::of(Vec::new()),
            step: 0,
            attempt: 0,
            prompt: String::new(),
            open: None,
            ordinals: [0, 0],
            calls: Vec::new(),
            streamed: false,
            input: 0,
            output: 0,
            reasoning: 0,
            waits: None,
            parent,
            last: first,
        }
    }

    /// When its next act is due; `None` while it waits.
    pub(super) fn due(&self) -> Option<u64> {
        self.due
    }

    pub(super) fn first(&mut self, acts: Vec<Act>) {
        for act in acts.into_iter().rev() {
            self.acts.push_front(act);
        }
    }

    pub(super) fn tokens(&self) -> Value {
        json!({
            "input": self.input, "output": self.output, "reasoning": self.reasoning,
            "cache": { "read": 0, "write": 0 },
        })
    }

    pub(super) fn cost(&self) -> f64 {
        // Counts below a million are exact.
        #[allow(clippy::cast_precision_loss)]
        let tokens = (self.input + self.output + self.reasoning) as f64;
        tokens * TOKEN_COST
    }
}

impl World<'_> {
    /// Begins a run, if there is something to deliver and none goes on here.
    pub(super) fn wake(&mut self, id: &str, first: Boundary) {
        self.wake_for(id, first, None);
    }

    /// The same for a session whose end a call of another one waits for.
    pub(super) fn wake_for(&mut self, id: &str, first: Boundary, parent: Option<String>) {
        let Some(session) = self.store.sessions.get(id) else {
            return;
        };
        let mut waiting = session.inbox.iter();
        let any = match first {
            Boundary::Any => waiting.len() > 0,
            Boundary::Steers => waiting.any(|item| item["delivery"] == "steer"),
        };
        if any && !self.machine.runs.contains_key(id) {
            let mut run = Run::new(first, parent);
            run.due = Some(self.machine.now());
            self.machine.runs.insert(id.to_owned(), run);
        }
    }

    /// Plays the next act of a run.
    pub(super) fn play(&mut self, id: &str) {
        let Some(mut run) = self.machine.runs.remove(id) else {
            return;
        };
        let act = run.acts.pop_front().unwrap_or(Act::End);
        let now = self.machine.now();
        run.due = match self.act(id, &mut run, act) {
            Next::Now => Some(now),
            Next::After(wait) => Some(now + wait),
            Next::Wait => None,
            Next::Gone => return self.ended(id, run.parent.as_deref()),
        };
        // A session that was deleted meanwhile has no run.
        if self.store.sessions.contains_key(id) {
            self.machine.runs.insert(id.to_owned(), run);
        }
    }

    fn act(&mut self, id: &str, run: &mut Run, act: Act) -> Next {
        match act {
            Act::Begin => self.begin(id),
            Act::Deliver(boundary) => return self.deliver(id, run, boundary),
            Act::Step => self.next_step(run),
            Act::Attempt(statements) => return self.attempt(id, run, statements),
            Act::Speak(flow, first) => return self.speak(id, run, flow, first),
            Act::Close => self.close(id, run),
            Act::Pause(wait) => return Next::After(wait),
            Act::Calls(calls) => self.call(id, run, &calls),
            Act::Streamed => self.streamed(id, run),
            Act::Tool(call) => {
                if self.begin_tool(id, run, call) {
                    return Next::Wait;
                }
            }
            Act::Progress(call, metadata) => self.progress(id, run, call, metadata),
            Act::Done(call, text) => self.tool_done(id, run, call, &text),
            Act::Failed(call, kind, message) => self.tool_failed(id, run, call, kind, &message),
            Act::Ended(finish) => self.step_ended(id, run, &finish),
            Act::Broken(rest) => self.broken(id, run, rest),
            Act::Compact(item, stage) => return self.compact_stage(id, run, item, stage),
            Act::End => {
                self.commit(id, "session.execution.succeeded", json!({}));
                return Next::Gone;
            }
        }
        Next::Now
    }

    fn begin(&mut self, id: &str) {
        self.boot_of(id);
        self.commit(id, "session.execution.started", json!({}));
        self.fail_leftovers(id);
        let session = self.store.sessions.get(id);
        let Some(session) = session else { return };
        let first = session.messages.is_empty();
        let prompt = session
            .inbox
            .first()
            .map(|item| item["payload"]["text"].clone());
        let untitled = session.info["title"].is_null();
        if first {
            let delta = json!({ "delta": { "environment": "0000" } });
            self.commit(id, "session.instructions.updated", delta);
        }
        if untitled {
            let prompt = prompt.unwrap_or_default();
            let title = title_of(
                prompt.as_str().unwrap_or_default(),
                self.machine.manner.voice,
            );
            self.commit(id, "session.renamed", json!({ "title": title }));
            self.record(id, "title");
        }
    }

    /// Tokens that no step has. The log alone has the event, so that the numbers of streams have a hole.
    fn record(&mut self, id: &str, source: &str) {
        let tokens = json!({ "input": 100, "output": 8, "reasoning": 0, "cache": { "read": 0, "write": 0 } });
        let data = json!({ "source": source, "cost": 108.0 * TOKEN_COST, "tokens": tokens });
        self.commit(id, "session.usage.recorded", data);
        self.usage(id);
    }

    pub(super) fn usage(&mut self, id: &str) {
        if let Some(session) = self.store.sessions.get(id) {
            let data = json!({ "cost": session.info["cost"], "tokens": session.info["tokens"] });
            self.emit(id, "session.usage.updated", data);
        }
    }

    /// Tools that a killed process left running fail when the next run begins.
    fn fail_leftovers(&mut self, id: &str) {
        let Some(session) = self.store.sessions.get(id) else {
            return;
        };
        let open = session.messages.iter().filter(|message| {
            message["type"] == "assistant" && !message["time"]["completed"].is_number()
        });
        let mut left = Vec::new();
        for message in open {
            for tool in message["content"].as_array().into_iter().flatten() {
                let status = &tool["state"]["status"];
                if *status == "running" || *status == "streaming" {
                    left.push((message["id"].clone(), tool["id"].clone()));
                }
            }
        }
        for (message, call) in left {
            let error = json!({ "type": "aborted", "message": "the server ended" });
            let data = json!({
                "assistantMessageID": message, "id": call, "error": error, "executed": false,
            });
            self.commit(id, "session.tool.failed", data);
        }
    }

    fn deliver(&mut self, id: &str, run: &mut Run, boundary: Boundary) -> Next {
        let Some(session) = self.store.sessions.get(id) else {
            return Next::Gone;
        };
        let steers = session
            .inbox
            .iter()
            .filter(|item| item["delivery"] == "steer");
        let mut items: Vec<Value> = steers.cloned().collect();
        if items.is_empty() && boundary == Boundary::Any {
            items.extend(session.inbox.first().cloned());
        }
        let (mut turn, came) = (None, !items.is_empty());
        for item in items {
            let data = json!({ "inboxID": item["id"] });
            self.commit(id, "session.inbox.delivered", data);
            match item["type"].as_str() {
                Some("compaction") => run.acts.push_front(Act::Compact(item, 0)),
                Some("move") => {
                    let payload = &item["payload"];
                    let data = json!({ "location": payload["location"], "projectID": payload["projectID"] });
                    self.commit(id, "session.moved", data);
                    let directory = payload["location"]["directory"].as_str();
                    self.boot(directory.unwrap_or_default());
                }
                _ => turn = item["payload"]["text"].as_str().map(str::to_owned),
            }
        }
        if let Some(prompt) = turn {
            run.script = script(&prompt, self.machine.manner.voice);
            run.prompt = prompt;
            run.step = 0;
            run.acts.retain(|act| matches!(act, Act::Compact(..)));
            run.acts.push_back(Act::Step);
        } else if came && !run.acts.iter().any(|act| matches!(act, Act::Step)) {
            run.acts.push_back(Act::Deliver(run.last));
        }
        Next::Now
    }

    fn streamed(&mut self, id: &str, run: &mut Run) {
        if !std::mem::replace(&mut run.streamed, true) {
            let data = json!({ "assistantMessageID": run.message });
            self.commit(id, "session.step.streamed", data);
        }
    }

    fn compact_stage(&mut self, id: &str, run: &mut Run, item: Value, stage: u8) -> Next {
        const SUMMARY: [&str; 2] = [
            "## Goal: a scripted summary",
            " of the conversation so far.",
        ];
        match stage {
            0 => {
                let data = json!({ "reason": "manual", "inputID": item["id"] });
                self.commit(id, "session.compaction.started", data);
            }
            1 | 2 => {
                let data = json!({ "text": SUMMARY[usize::from(stage - 1)] });
                self.emit(id, "session.compaction.delta", data);
            }
            _ => {
                let data = json!({ "reason": "manual", "text": SUMMARY.concat() });
                self.commit(id, "session.compaction.ended", data);
                self.record(id, "compaction");
                return Next::Now;
            }
        }
        run.acts.push_front(Act::Compact(item, stage + 1));
        Next::After(1)
    }

    /// Goes on with what was waited for.
    pub(super) fn resolve(&mut self, id: &str, request: &str, what: Resolved) {
        let now = self.machine.now();
        let Some(run) = self.machine.runs.get_mut(id) else {
            return;
        };
        let Some((_, call)) = run.waits.take_if(|(waits, _)| waits == request) else {
            return;
        };
        run.due = Some(now);
        match what {
            Resolved::Allowed => {
                let acts = run.calls[call].command_acts(call);
                run.first(acts);
            }
            Resolved::Text(text) => run.first(vec![Act::Done(call, text)]),
            Resolved::Rejected(Some(message)) => {
                run.first(vec![Act::Failed(call, "permission.rejected", message)]);
            }
            // Without a word of the person the turn ends.
            Resolved::Rejected(None) => {
                let open = (0..run.calls.len()).filter(|at| !run.calls[*at].done);
                let reason = "rejected by the user";
                let mut acts: Vec<_> = open
                    .map(|at| Act::Failed(at, "permission.rejected", reason.to_owned()))
                    .collect();
                acts.push(Act::Ended("stop".to_owned()));
                run.acts = acts.into();
            }
        }
    }

    /// Ends a run early. False if none goes on here.
    pub(super) fn abort(&mut self, id: &str, reason: &str) -> bool {
        let Some(mut run) = self.machine.runs.remove(id) else {
            return false;
        };
        if let Some((child, _)) = run.waits.take()
            && self.machine.runs.contains_key(&child)
        {
            self.abort(&child, reason);
        }
        self.close(id, &mut run);
        if run.message.is_some() {
            self.streamed(id, &mut run);
            for call in 0..run.calls.len() {
                self.tool_failed(id, &mut run, call, "aborted", "interrupted");
            }
            let error = json!({ "type": "aborted", "message": "interrupted" });
            let data = json!({ "assistantMessageID": run.message, "error": error });
            self.commit(id, "session.step.failed", data);
        }
        self.drop_requests(id);
        self.commit(
            id,
            "session.execution.interrupted",
            json!({ "reason": reason }),
        );
        self.ended(id, run.parent.as_deref());
        true
    }

    /// A call of another session may have waited for this one.
    fn ended(&mut self, id: &str, parent: Option<&str>) {
        if let Some(parent) = parent {
            let text = self.last_text(id);
            self.resolve(parent, id, Resolved::Text(text));
        }
    }

    fn last_text(&self, id: &str) -> String {
        let session = self.store.sessions.get(id);
        let messages = session.map_or(&[][..], |session| &session.messages);
        let contents = messages
            .iter()
            .rev()
            .filter_map(|message| message["content"].as_array());
        let texts = contents.flat_map(|content| content.iter().rev());
        let mut texts = texts.filter(|piece| piece["type"] == "text");
        texts
            .next()
            .and_then(|piece| piece["text"].as_str())
            .unwrap_or_default()
            .to_owned()
    }
}
