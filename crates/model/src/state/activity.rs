//! The step that a running session is at, as far as its events tell: for lists that show many sessions at once.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::{MessageInfo, ModelRef, Part, PartKind, Role, Tool, ToolEnd, ToolState};
use crate::event::Event;
use crate::ids::PartId;
use crate::limits;
use crate::time::Timestamp;

/// The kind of output that a model produces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Nothing yet: the provider has not answered.
    #[default]
    Waiting,
    /// Reasoning.
    Thinking,
    /// Prose.
    Writing,
    /// The arguments of a tool call.
    Calling,
}

/// A tool call that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningTool {
    /// The tool's name.
    pub name: Arc<str>,
    /// The command, path, pattern or description that it was called with, [`limits::SUBJECT_CHARS`] characters at most.
    pub subject: Option<Arc<str>>,
    /// When its start arrived, by our clock.
    pub since: Timestamp,
}

/// Calls of a run that repeat, or that fail one after the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Circles {
    /// Tool and input of the newest call, as a hash of both.
    last: u64,
    /// The newest call by name and subject.
    call: Option<(Arc<str>, Option<Arc<str>>)>,
    /// How often in a row it was called with the same input.
    pub same: u32,
    /// How many calls failed in a row.
    pub failed: u32,
}

/// Evidence that a run goes in circles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Circle {
    /// The same tool was called with the same input so often in a row.
    Same {
        /// The tool's name.
        name: Arc<str>,
        /// Its command, path or pattern.
        subject: Option<Arc<str>>,
        /// Number of repetitions.
        times: u32,
    },
    /// This number of calls failed in a row.
    Failing(u32),
}

impl Circles {
    /// The evidence, by [`limits::SAME_CALLS`] and [`limits::FAILED_CALLS`].
    pub fn evidence(&self) -> Option<Circle> {
        if self.failed >= limits::FAILED_CALLS {
            return Some(Circle::Failing(self.failed));
        }
        let (name, subject) = self
            .call
            .clone()
            .filter(|_| self.same >= limits::SAME_CALLS)?;
        Some(Circle::Same {
            name,
            subject,
            times: self.same,
        })
    }

    fn called(&mut self, tool: &Tool, subject: Option<Arc<str>>) {
        let mut hasher = DefaultHasher::new();
        (&tool.name, tool.input.get()).hash(&mut hasher);
        let call = hasher.finish();
        self.same = if call == self.last { self.same + 1 } else { 1 };
        self.last = call;
        self.call = Some((tool.name.clone(), subject));
    }

    fn ended(&mut self, tool: &Tool) {
        let failed = match (&tool.state, &tool.end) {
            (_, Some(ToolEnd::Exit(code))) => *code != 0,
            (_, Some(ToolEnd::TimedOut)) => true,
            (_, Some(ToolEnd::Stopped | ToolEnd::Rejected(_))) => false,
            (ToolState::Error { .. }, None) => true,
            _ => false,
        };
        self.failed = if failed { self.failed + 1 } else { 0 };
    }
}

/// Current step of a session's run. All of it but `context` is empty while the session does not run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Activity {
    /// Tool calls that run, [`limits::RUNNING_TOOLS`] at most.
    pub tools: BTreeMap<PartId, RunningTool>,
    /// Tool calls that began in this run.
    pub calls: u32,
    /// The kind of output.
    pub phase: Phase,
    /// When the phase began, by our clock.
    pub since: Option<Timestamp>,
    /// Time of a recent event of the conversation, by our clock, at most [`limits::ACTIVITY_STEP_MS`] old while events arrive.
    pub last_event: Option<Timestamp>,
    /// Time of the last event, once none has come for [`limits::SILENT_MS`] while the model's turn was.
    pub silent: Option<Timestamp>,
    /// Calls that repeat or fail.
    pub circles: Circles,
    /// Tokens in the context of the last answer that counted any, and its model.
    pub context: Option<(Option<ModelRef>, u64)>,
}

impl Activity {
    /// Takes note of an event of the conversation. True if something that is shown changed.
    pub(crate) fn note(&mut self, at: Timestamp, event: &Event) -> bool {
        let changed = match event {
            Event::Part(part) => self.part(at, part),
            Event::PartRemoved { part, .. } => self.tools.remove(part).is_some(),
            Event::Message(info) => self.message(at, info),
            _ => false,
        };
        self.tick(at) || changed
    }

    /// Takes note that a text grew. True if something that is shown changed.
    pub(crate) fn grew(&mut self, at: Timestamp) -> bool {
        self.tick(at)
    }

    /// The run is over. True if anything was shown of it.
    pub(crate) fn end(&mut self) -> bool {
        let context = self.context.take();
        let before = std::mem::replace(
            self,
            Self {
                context,
                ..Self::default()
            },
        );
        before.since.is_some() || before.last_event.is_some() || !before.tools.is_empty()
    }

    /// Takes note of the time. True if the model counts as silent from now on.
    pub(crate) fn wait(&mut self, now: Timestamp) -> bool {
        let last = self.last_event.filter(|last| {
            self.tools.is_empty() && now.0.saturating_sub(last.0) >= limits::SILENT_MS
        });
        let begins = self.silent.is_none() && last.is_some();
        if begins {
            self.silent = last;
        }
        begins
    }

    /// Times of events are noted in steps, so that a text that streams does not change a row with each word.
    fn tick(&mut self, at: Timestamp) -> bool {
        let due = self.silent.take().is_some()
            || self
                .last_event
                .is_none_or(|last| at.0.saturating_sub(last.0) >= limits::ACTIVITY_STEP_MS);
        if due {
            self.last_event = Some(at);
        }
        due
    }

    fn part(&mut self, at: Timestamp, part: &Part) -> bool {
        match &part.kind {
            PartKind::Tool(tool) => self.tool(at, &part.id, tool),
            PartKind::StepStart => self.enter(at, Phase::Waiting),
            PartKind::Text { ended: false, .. } => self.enter(at, Phase::Writing),
            PartKind::Reasoning { ended: None, .. } => self.enter(at, Phase::Thinking),
            _ => false,
        }
    }

    fn message(&mut self, at: Timestamp, info: &MessageInfo) -> bool {
        if info.role != Role::Assistant {
            return self.since.is_none() && self.enter(at, Phase::Waiting);
        }
        let used = info.tokens.total();
        let context = (used > 0).then(|| (info.model.clone(), used));
        let changed = context.is_some() && self.context != context;
        if changed {
            self.context = context;
        }
        changed
    }

    fn enter(&mut self, at: Timestamp, phase: Phase) -> bool {
        let changed = self.since.is_none() || self.phase != phase;
        if changed {
            self.phase = phase;
            self.since = Some(at);
        }
        changed
    }

    fn tool(&mut self, at: Timestamp, part: &PartId, tool: &Tool) -> bool {
        match tool.state {
            ToolState::Pending => self.enter(at, Phase::Calling),
            ToolState::Running { .. } => self.tool_runs(at, part, tool),
            ToolState::Completed { .. } | ToolState::Error { .. } => {
                let ended = self.tools.remove(part).is_some();
                if ended {
                    self.circles.ended(tool);
                }
                if ended && self.tools.is_empty() {
                    self.enter(at, Phase::Waiting);
                }
                ended
            }
        }
    }

    fn tool_runs(&mut self, at: Timestamp, part: &PartId, tool: &Tool) -> bool {
        // Its output streams as further events of the same call, whose arguments stay.
        if self.tools.contains_key(part) || self.tools.len() >= limits::RUNNING_TOOLS {
            return false;
        }
        let subject = subject(tool);
        self.circles.called(tool, subject.clone());
        let running = RunningTool {
            name: tool.name.clone(),
            subject,
            since: at,
        };
        self.tools.insert(part.clone(), running);
        self.calls = self.calls.saturating_add(1);
        true
    }
}

/// The one argument that says most of a call: the first of these that is a text.
fn subject(tool: &Tool) -> Option<Arc<str>> {
    const NAMES: [&str; 8] = [
        "command",
        "filePath",
        "path",
        "pattern",
        "description",
        "url",
        "query",
        "name",
    ];
    let input: serde_json::Value = serde_json::from_str(tool.input.get()).ok()?;
    let named = NAMES.iter().find_map(|name| input.get(name)?.as_str());
    let text = named.or(tool.title.as_deref())?;
    let line = crate::plain::line(text, limits::SUBJECT_CHARS);
    (!line.is_empty()).then(|| line.into())
}
