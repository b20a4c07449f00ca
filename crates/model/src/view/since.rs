//! The events since a time, by root session: for a person who was away.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::lineage::{Roots, TreeRoots};
use super::mark::{Mark, Marks};
use super::need::{NeedKind, needs_of};
use super::reason;
use crate::ids::{InstanceId, SessionId};
use crate::limits;
use crate::plain;
use crate::state::{Answered, Instance, Lines, Outcome, Run, Session, State};
use crate::time::Timestamp;

/// The outcome of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HowEnded {
    /// The turn finished.
    Finished,
    /// The turn failed.
    Failed,
    /// Its server ended before it did.
    Interrupted,
    /// A person or a limit stopped it.
    Stopped,
}

/// The events in a root session and its descendants.
#[derive(Clone, Debug, PartialEq)]
pub struct SinceRow {
    /// The instance.
    pub instance: InstanceId,
    /// Name of the instance.
    pub instance_name: Arc<str>,
    /// The root session.
    pub session: SessionId,
    /// Its title.
    pub title: Arc<str>,
    /// When the newest of it happened, by our clock.
    pub at: Timestamp,
    /// How its last turn ended, if that was since then.
    pub ended: Option<HowEnded>,
    /// Reason of the failure or the stop.
    pub reason: Option<String>,
    /// True if it runs now.
    pub working: bool,
    /// Requests that came since then and still wait, oldest first; [`limits::SINCE_REQUESTS`] at most.
    pub asks: Vec<String>,
    /// Answers since then, by the id of the request, as far as they are remembered.
    pub answers: BTreeMap<Arc<str>, SinceAnswer>,
    /// Lines that the session changed since then, as far as that is known.
    pub changes: Option<Lines>,
}

/// An answer to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SinceAnswer {
    /// Time at which the hub received it.
    pub at: Timestamp,
    /// The answer.
    pub outcome: Outcome,
    /// The page, token or person that gave it; absent where another client of the server did. The state does not have it.
    pub by: Option<Arc<str>>,
    /// Content of the request, as one line. The state does not have it.
    pub about: Option<Arc<str>>,
}

/// The events since a time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Since {
    /// Sessions in which something happened, the newest first; [`limits::SINCE_SESSIONS`] at most.
    pub rows: Vec<SinceRow>,
    /// Number of omitted sessions.
    pub left_out: usize,
}

/// The events in all instances since `from`, by the hub's clock.
pub fn since(state: &State, from: Timestamp) -> Since {
    let instances = state.instances.values();
    let mut rows: Vec<_> = instances
        .flat_map(|instance| rows_of(state, instance, from))
        .collect();
    rows.sort_by_key(|row| (Reverse(row.at), row.session.clone()));
    let left_out = rows.len().saturating_sub(limits::SINCE_SESSIONS);
    rows.truncate(limits::SINCE_SESSIONS);
    Since { rows, left_out }
}

fn rows_of(state: &State, instance: &Instance, from: Timestamp) -> Vec<SinceRow> {
    let mut shown = TreeRoots::of(state, instance);
    let marks = Marks::of(state, instance);
    let roots = instance
        .sessions
        .values()
        .filter(|session| shown.is(&session.info.id));
    let mut roots_of = Roots::of(instance);
    let mut rows: BTreeMap<SessionId, SinceRow> = BTreeMap::new();
    for session in roots {
        let root = roots_of.root_of(&session.info.id);
        if *root == session.info.id {
            let row = row(instance, session, marks.mark(session), from);
            rows.insert(root.clone(), row);
        }
    }
    for need in needs_of(state, instance) {
        let row = rows.get_mut(&need.root).filter(|_| need.asked >= from);
        if let Some(row) = row
            && row.asks.len() < limits::SINCE_REQUESTS
        {
            row.asks.push(asks(&need.kind));
            row.at = row.at.max(need.asked);
        }
    }
    for answered in instance.answered.iter().filter(|one| one.at >= from) {
        let root = answered.session.as_ref().map(|of| instance.root_of(of));
        if let Some(row) = root.and_then(|root| rows.get_mut(root)) {
            row.answer(answered);
        }
    }
    let mut rows: Vec<_> = rows.into_values().collect();
    rows.retain(|row| row.at >= from);
    rows
}

fn row(instance: &Instance, session: &Session, mark: Mark, from: Timestamp) -> SinceRow {
    let ended_at = session.ended_at.filter(|at| *at >= from);
    let ended = ended_at.map(|_| ended(instance, session));
    let failure = session
        .failure
        .as_ref()
        .filter(|_| ended == Some(HowEnded::Failed));
    let stopped = session.over.filter(|over| over.stopped);
    SinceRow {
        instance: instance.id.clone(),
        instance_name: instance.name.clone(),
        session: session.info.id.clone(),
        title: session.info.title().into(),
        at: ended_at.unwrap_or(Timestamp(i64::MIN)),
        ended,
        reason: failure
            .map(|failure| reason::failure(failure).sentence)
            .or_else(|| Some(stopped?.words())),
        working: mark.is_running() || mark == Mark::NeedsYou,
        asks: Vec::new(),
        answers: BTreeMap::new(),
        changes: session
            .changed
            .since(from, instance.ours(session.info.created)),
    }
}

fn ended(instance: &Instance, session: &Session) -> HowEnded {
    let stopped = session.over.is_some_and(|over| over.stopped)
        || (instance.is_stopped(&session.info.id) && session.answer.was_aborted());
    match session.run {
        Run::Interrupted { .. } => HowEnded::Interrupted,
        _ if stopped => HowEnded::Stopped,
        _ if session.failure.is_some() => HowEnded::Failed,
        _ => HowEnded::Finished,
    }
}

fn asks(kind: &NeedKind) -> String {
    let text = match kind {
        NeedKind::Permission(one) => {
            let what = one.patterns.first().unwrap_or(&one.permission);
            format!("{}: {what}", one.permission)
        }
        NeedKind::Question(one) => {
            let first = one.items.first();
            first.map_or_else(String::new, |item| item.question.to_string())
        }
    };
    plain::line(&text, limits::ASKS_CHARS)
}

impl SinceRow {
    /// Requests that ended with their run were answered by nobody.
    fn answer(&mut self, answered: &Answered) {
        if matches!(answered.outcome, Outcome::ExpiredRequest | Outcome::Unknown) {
            return;
        }
        self.at = self.at.max(answered.at);
        let answer = SinceAnswer {
            at: answered.at,
            outcome: answered.outcome,
            by: None,
            about: None,
        };
        self.answers.insert(answered.request.clone(), answer);
    }
}
