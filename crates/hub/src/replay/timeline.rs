//! A session as it was at any moment of its history.
//!
//! The fold is pure, so that the state at a step is what all steps up to it fold to. Some states are kept on the way;
//! a step folds from the nearest of them before it. Everything is bounded: the history by its bytes, the kept states by
//! their number.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use model::ids::{InstanceId, MessageId, SessionId};
use model::json::Json;
use model::state::{Message, Run, Session};
use model::view::{self, ViewDelta, Viewport};
use model::{State, export, plain};
use serde::Serialize;
use serde_json::Value;

use super::entries::EntryFold;
use crate::limits;
use crate::record::log::{Cursor, Entry, Payload};
use crate::record::past::{History, Step};

/// The history of one session, with the states between its steps.
#[derive(Debug)]
pub struct Timeline {
    instance: InstanceId,
    session: SessionId,
    history: History,
    /// Numbers of the steps, by cursor.
    places: HashMap<(Arc<str>, u64), usize>,
    /// The states after some numbers of steps, in order; the first is before all steps.
    kept: Vec<(usize, EntryFold)>,
    /// The state after the last requested number of steps.
    last: Mutex<(usize, EntryFold)>,
    /// The renderer of its states: what did not change between two steps is not drawn again.
    renderer: page::Renderer,
}

/// A change that a frame made to the state of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct StateChange {
    /// The place: names and numbers, joined by dots.
    pub path: String,
    /// The value before, as one line; absent if there was none.
    pub before: Option<String>,
    /// The value after it; absent if there is none.
    pub after: Option<String>,
    /// The text that was appended, where the value is a text that grew.
    pub grown: Option<String>,
}

impl Timeline {
    /// The timeline of a session. Folds the whole history once.
    pub fn new(instance: InstanceId, name: Arc<str>, session: SessionId, history: History) -> Self {
        let total: usize = history.steps.iter().map(size).sum();
        let spacing = (total / limits::TIMELINE_STATES).max(limits::TIMELINE_SPACING_BYTES);
        Self::spaced(instance, name, session, history, spacing)
    }

    /// The same with a state after each `spacing` bytes.
    fn spaced(
        instance: InstanceId,
        name: Arc<str>,
        session: SessionId,
        history: History,
        spacing: usize,
    ) -> Self {
        let mut fold = EntryFold::new(instance.clone(), name);
        let mut kept = vec![(0, fold.clone())];
        let mut since = 0;
        let mut places = HashMap::with_capacity(history.steps.len());
        for (nth, step) in history.steps.iter().enumerate() {
            if let Step::Frame(entry) = step {
                places.insert((entry.epoch.clone(), entry.seq), nth);
            }
            fold.step(step);
            since += size(step);
            if since >= spacing {
                kept.push((nth + 1, fold.clone()));
                since = 0;
            }
        }
        Self {
            instance,
            session,
            last: Mutex::new((history.steps.len(), fold)),
            history,
            places,
            kept,
            renderer: page::Renderer::new(),
        }
    }

    /// The steps.
    pub fn steps(&self) -> &[Step] {
        &self.history.steps
    }

    /// True if older entries exist that are not part of it.
    pub fn is_cut(&self) -> bool {
        self.history.cut
    }

    /// True if the session existed before its first entry: what it was until then is not in the log.
    pub fn begins_late(&self) -> bool {
        let first = self.history.steps.iter().find_map(|step| match step {
            Step::Frame(entry) if entry.session.as_deref() == Some(self.session.as_str()) => {
                Some(entry)
            }
            _ => None,
        });
        first.is_some_and(|entry| !announces(entry))
    }

    /// The number of the step with this cursor.
    pub fn place(&self, cursor: &Cursor) -> Option<usize> {
        self.places
            .get(&(cursor.epoch.clone(), cursor.seq))
            .copied()
    }

    /// The state after so many steps; after all of them, where there are fewer.
    pub fn at(&self, steps: usize) -> EntryFold {
        let steps = steps.min(self.history.steps.len());
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let nearest = self.kept.partition_point(|(nth, _)| *nth <= steps) - 1;
        let (kept, state) = &self.kept[nearest];
        if last.0 > steps || last.0 < *kept {
            *last = (*kept, state.clone());
        }
        let (from, fold) = &mut *last;
        for step in &self.history.steps[*from..steps] {
            fold.step(step);
        }
        *from = steps;
        fold.clone()
    }

    /// The rows of the session after so many steps, as a viewer would see them.
    pub fn seen(&self, steps: usize) -> ViewDelta {
        let fold = self.at(steps);
        view::delta(fold.state(), &self.look(), model::state::Rev(0))
    }

    /// The renderer of its states.
    pub fn renderer(&self) -> &page::Renderer {
        &self.renderer
    }

    /// The changes that a step made to the session, [`limits::FRAME_CHANGES`] at most.
    pub fn changes(&self, step: usize) -> Vec<StateChange> {
        let before = self.at(step);
        let after = self.at(step + 1);
        let mut found = Vec::new();
        let changed = self.changed(before.state(), after.state());
        let value = |state| self.value(state, &changed);
        let (before, after) = (value(before.state()), value(after.state()));
        compare(String::new(), before.as_ref(), after.as_ref(), &mut found);
        found
    }

    fn look(&self) -> Viewport {
        Viewport {
            instance: Some(self.instance.clone()),
            session: Some(self.session.clone()),
            ..Viewport::default()
        }
    }

    /// The messages that differ between two states, of which the first is the older one.
    fn changed(&self, before: &State, after: &State) -> BTreeSet<MessageId> {
        let known = self.messages(after);
        let gone = self.messages(before).into_iter().flatten();
        let gone = gone.filter(|(id, _)| known.is_none_or(|known| !known.contains_key(*id)));
        let newer = known.into_iter().flatten();
        let newer = newer.filter(|(_, message)| message.content_rev > before.rev);
        gone.chain(newer).map(|(id, _)| id.clone()).collect()
    }

    fn messages<'a>(&self, state: &'a State) -> Option<&'a BTreeMap<MessageId, Message>> {
        let session = state.session(&self.instance, &self.session)?;
        Some(&session.loaded()?.messages)
    }

    /// The session as one JSON value, with some of its messages.
    fn value(&self, state: &State, messages: &BTreeSet<MessageId>) -> Option<Value> {
        let instance = state.instances.get(&self.instance)?;
        let session = state.session(&self.instance, &self.session)?;
        let asks = |raw: &Json| raw.value();
        let permissions = instance.permissions.values();
        let questions = instance.questions.values();
        let mut value = session_with(session, |id| messages.contains(id));
        value["permissions"] = permissions
            .filter(|one| one.session == self.session)
            .map(|one| (one.id.to_string(), asks(&one.raw)))
            .collect::<serde_json::Map<_, _>>()
            .into();
        value["questions"] = questions
            .filter(|one| one.session == self.session)
            .map(|one| (one.id.to_string(), asks(&one.raw)))
            .collect::<serde_json::Map<_, _>>()
            .into();
        value["counters"] = serde_json::to_value(&instance.counters).unwrap_or_default();
        Some(value)
    }
}

fn size(step: &Step) -> usize {
    match step {
        Step::Frame(entry) => entry.bytes(),
        Step::Gap { .. } => 0,
    }
}

/// True if an entry announces its session.
fn announces(entry: &Entry) -> bool {
    matches!(&entry.payload, Payload::Upstream(text) if text.contains("\"session.created\"") || text.contains("session_updated"))
}

/// A session as JSON: its row, run, to-do list, and its messages by id with the text received so far.
pub fn session_value(session: &Session) -> Value {
    session_with(session, |_| true)
}

fn session_with(session: &Session, has: impl Fn(&MessageId) -> bool) -> Value {
    let mut messages = serde_json::Map::new();
    for (info, parts) in export::messages_so_far(session) {
        if !has(&info.id) {
            continue;
        }
        let parts = parts.iter();
        let parts: serde_json::Map<_, _> = parts
            .map(|part| (part.id.to_string(), part.raw.value()))
            .collect();
        let message = serde_json::json!({ "info": info.raw.value(), "parts": parts });
        messages.insert(info.id.to_string(), message);
    }
    let mut status = export::status(&session.run);
    if let Run::Busy { since } | Run::Retry { since, .. } = &session.run {
        status["since"] = since.0.into();
    }
    serde_json::json!({
        "session": session.info.raw.value(),
        "status": status,
        "todo": session.todos.as_ref().map(|todos| todos.raw.value()),
        "messages": messages,
    })
}

/// Collects the values that differ.
fn compare(
    path: String,
    before: Option<&Value>,
    after: Option<&Value>,
    found: &mut Vec<StateChange>,
) {
    if before == after || found.len() >= limits::FRAME_CHANGES {
        return;
    }
    let within = |name: &str| match path.is_empty() {
        true => plain::line(name, limits::CHANGE_CHARS),
        false => format!("{path}.{}", plain::line(name, limits::CHANGE_CHARS)),
    };
    match (before, after) {
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            for (name, value) in a {
                compare(within(name), Some(value), b.get(name), found);
            }
            for (name, value) in b.iter().filter(|(name, _)| !a.contains_key(*name)) {
                compare(within(name), None, Some(value), found);
            }
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) => {
            for nth in 0..a.len().max(b.len()) {
                compare(within(&nth.to_string()), a.get(nth), b.get(nth), found);
            }
        }
        _ => found.push(change(path, before, after)),
    }
}

fn change(path: String, before: Option<&Value>, after: Option<&Value>) -> StateChange {
    let grown = match (before, after) {
        (Some(Value::String(a)), Some(Value::String(b))) => b.strip_prefix(a.as_str()),
        _ => None,
    };
    StateChange {
        path,
        before: before.map(line),
        after: after.map(line),
        grown: grown.map(|grown| plain::line(grown, limits::CHANGE_CHARS)),
    }
}

fn line(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    };
    plain::line(&text, limits::CHANGE_CHARS)
}

#[cfg(test)]
mod tests;
