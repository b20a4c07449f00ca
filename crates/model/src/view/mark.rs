//! Mark of a session: one state with shape, label, reason, and next step. Rows, tabs, titles, the API and the command line
//! all show the mark.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::doing::{Asked, Doing, asked};
use super::reason;
use crate::ids::SessionId;
use crate::state::{Halt, Instance, OverLimit, Run, Session, State};
use crate::time::Timestamp;

/// State that is shown of a session, ordered from the least to the most urgent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// The session is idle and has no open request.
    Idle,
    /// The session is known from the record only; whether a server runs it is unknown.
    Recorded,
    /// The session finished, and nobody has opened it since.
    ToReview,
    /// The session was running when the connection to its server was lost.
    Stale,
    /// The server stopped before the session finished.
    Interrupted,
    /// The last run of the session failed.
    Failed,
    /// The session is running.
    Working,
    /// The session waits to retry its model call.
    Retrying,
    /// The session waits for a person.
    NeedsYou,
}

impl Mark {
    /// Shape of the mark, which identifies the state without colour.
    pub fn shape(self) -> &'static str {
        match self {
            Self::NeedsYou => "◆",
            Self::Working | Self::Retrying => "◐",
            Self::ToReview => "✓",
            Self::Failed => "✕",
            Self::Interrupted => "⚡",
            Self::Stale => "◌",
            Self::Idle => "○",
            Self::Recorded => "·",
        }
    }

    /// Label of the mark.
    pub fn word(self) -> &'static str {
        match self {
            Self::NeedsYou => "Needs you",
            Self::Working => "Working",
            Self::Retrying => "Retrying",
            Self::ToReview => "To review",
            Self::Failed => "Failed",
            Self::Interrupted => "Interrupted",
            Self::Stale => "Stale",
            Self::Idle => "Idle",
            Self::Recorded => "Not live",
        }
    }

    /// True while the session runs.
    pub fn is_running(self) -> bool {
        matches!(self, Self::Working | Self::Retrying)
    }

    /// True for a state that every ancestor of the session shows as well: it is current, and a person may have to act.
    fn is_of_all_above(self) -> bool {
        self.is_running() || self == Self::NeedsYou
    }
}

fn tried(message: &str, attempt: u32) -> String {
    match attempt {
        1 => format!("The model did not answer ({message}). Tried {attempt} time."),
        _ => format!("The model did not answer ({message}). Tried {attempt} times."),
    }
}

fn over_limit(over: OverLimit) -> Why {
    let words = over.words();
    match over.stopped {
        true => (
            Some(format!("Drovers stopped it: {words}.").into()),
            Some("Send a prompt to go on. It is stopped again at the next multiple of the limit."),
        ),
        false => (
            Some(format!("Over a limit: {words}.").into()),
            Some("Stop it, or let it go on."),
        ),
    }
}

/// A session's mark with its reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MarkWithReason {
    /// The state.
    #[serde(rename = "state")]
    pub mark: Mark,
    /// Label of the mark, for a person.
    pub word: &'static str,
    /// Reason for the state, as a sentence; absent where the label is enough.
    pub reason: Option<Cow<'static, str>>,
    /// Next step, as a sentence; absent where there is none.
    pub next: Option<&'static str>,
}

/// Marks of the sessions of an instance. A session inherits a running or waiting state from its descendants; the outcome of
/// a descendant is not inherited.
pub struct Marks<'a> {
    instance: &'a Instance,
    waiting: BTreeMap<&'a SessionId, usize>,
    asked: Asked<'a>,
    /// The most urgent state among the descendants of a session, and the session that has it.
    below: BTreeMap<&'a SessionId, (Mark, &'a SessionId)>,
}

impl<'a> Marks<'a> {
    /// Converts a time of the server's clock to the hub's clock.
    pub(super) fn ours(&self, at: Timestamp) -> Timestamp {
        self.instance.ours(at)
    }

    /// Computes the marks of all sessions that the instance shows.
    pub fn of(state: &State, instance: &'a Instance) -> Self {
        let mut marks = Self {
            instance,
            waiting: waiting(instance),
            asked: asked(instance),
            below: BTreeMap::new(),
        };
        let shown = |id: &SessionId| state.shows(&instance.id, id);
        for session in instance.sessions.values() {
            let mark = marks.own(session);
            if mark.is_of_all_above() && shown(&session.info.id) {
                marks.hand_up(mark, &session.info.id);
            }
        }
        marks
    }

    /// Propagates a mark to the ancestors, up to the first that has an equally urgent one.
    fn hand_up(&mut self, mark: Mark, from: &'a SessionId) {
        let mut at = from;
        while let Some(parent) = self
            .instance
            .sessions
            .get(at)
            .and_then(|s| s.info.parent.as_ref())
        {
            let louder = self
                .below
                .get(parent)
                .is_none_or(|(known, _)| *known < mark);
            if !louder || !self.instance.sessions.contains_key(parent) {
                return;
            }
            self.below.insert(parent, (mark, from));
            at = parent;
        }
    }

    /// Number of open requests of a session.
    pub fn needs(&self, session: &SessionId) -> usize {
        self.waiting.get(session).copied().unwrap_or_default()
    }

    /// When the oldest request of a session was asked, and what it asks.
    pub(super) fn asked(&self, session: &SessionId) -> Option<&(Timestamp, Doing)> {
        self.asked.get(session)
    }

    /// The same, else that of the session below which waits for a person.
    pub(super) fn asks(&self, session: &Session) -> Option<&(Timestamp, Doing)> {
        let below = || self.asked(self.below.get(&session.info.id)?.1);
        self.asked(&session.info.id).or_else(below)
    }

    /// The request of a session, as a sentence.
    fn request(&self, session: &SessionId) -> Option<String> {
        self.asked(session)?.1.sentence()
    }

    fn own(&self, session: &Session) -> Mark {
        own(self.instance, session, self.needs(&session.info.id) > 0)
    }

    /// The mark of a session.
    pub fn mark(&self, session: &Session) -> Mark {
        let below = self.below.get(&session.info.id).map(|(mark, _)| *mark);
        self.own(session).max(below.unwrap_or(Mark::Idle))
    }

    /// Mark of a session, with reason and next step.
    pub fn with_reason(&self, session: &Session) -> MarkWithReason {
        let mark = self.mark(session);
        let (reason, next) = self.why(session, mark);
        MarkWithReason {
            mark,
            word: mark.word(),
            reason,
            next,
        }
    }

    fn why(&self, session: &Session, mark: Mark) -> Why {
        if let Some(why) = self.why_below(session, mark) {
            return why;
        }
        let fixed = |text: &'static str| Some(Cow::Borrowed(text));
        if let Some(over) = session
            .over
            .filter(|_| matches!(mark, Mark::Idle | Mark::Working))
        {
            return over_limit(over);
        }
        match (mark, &session.run) {
            (Mark::NeedsYou, _) => (
                match self.request(&session.info.id) {
                    Some(request) => Some(request.into()),
                    None => fixed("Waiting for your answer."),
                },
                Some("Answer it under “Needs you”."),
            ),
            (
                Mark::Retrying,
                Run::Retry {
                    attempt, message, ..
                },
            ) => (
                Some(tried(&reason::short(message), *attempt).into()),
                Some(
                    "The server retries automatically. To choose another model, stop the session.",
                ),
            ),
            (Mark::Failed, _) => match &session.failure {
                Some(failure) => {
                    let failure_row = reason::failure(failure);
                    (Some(failure_row.sentence.into()), Some(failure_row.next))
                }
                None => (None, None),
            },
            (Mark::Interrupted, _) => (
                fixed("The server stopped before the session finished."),
                Some("Press “Continue” to resume from there."),
            ),
            (Mark::Stale, _) => (
                fixed("Working when the connection to the server was lost."),
                Some("The state updates once the server is reachable."),
            ),
            (Mark::ToReview, _) => (
                fixed("Finished, and you have not opened it since."),
                Some("Open it to review."),
            ),
            (Mark::Recorded, _) => (
                fixed("Drovers cannot see whether a server is running this session."),
                Some("Reopen it live with `drovers open`."),
            ),
            (Mark::Idle, _) if matches!(session.halt, Halt::Stopped { .. }) => (
                fixed("You stopped this session. Its requests are rejected."),
                Some("Send a prompt to resume."),
            ),
            _ => (None, None),
        }
    }

    /// Reason of a mark that a session has from one below it.
    fn why_below(&self, session: &Session, mark: Mark) -> Option<Why> {
        if self.own(session) >= mark {
            return None;
        }
        let (_, from) = self.below.get(&session.info.id)?;
        let title = self.instance.sessions.get(*from);
        let title = title.map_or("Untitled", |session| session.info.title());
        Some(match mark {
            Mark::NeedsYou => (
                Some(match self.request(from) {
                    Some(request) => format!("Subagent “{title}”: {request}").into(),
                    None => format!("“{title}” below is waiting for your answer.").into(),
                }),
                Some("Answer it under “Needs you”."),
            ),
            _ => (Some(format!("“{title}” below is working.").into()), None),
        })
    }
}

/// Reason and next step of a mark.
type Why = (Option<Cow<'static, str>>, Option<&'static str>);

/// Marks of sessions without their descendants, in no order. Every viewer receives those of every instance.
pub(super) fn own_marks<'a>(instance: &'a Instance) -> impl Fn(&'a Session) -> Mark {
    let waiting = waiting(instance);
    move |session| own(instance, session, waiting.contains_key(&session.info.id))
}

/// Number of open requests by session; sessions without one are absent.
fn waiting(instance: &Instance) -> BTreeMap<&SessionId, usize> {
    let permissions = instance.permissions.values().map(|asked| &asked.session);
    let questions = instance.questions.values().map(|asked| &asked.session);
    let mut waiting = BTreeMap::new();
    for session in permissions.chain(questions) {
        *waiting.entry(session).or_default() += 1;
    }
    waiting
}

/// The state of one session, without its descendants.
fn own(instance: &Instance, session: &Session, waits: bool) -> Mark {
    match &session.run {
        _ if waits => Mark::NeedsYou,
        Run::Retry { .. } if instance.is_live() => Mark::Retrying,
        run if run.is_running() && instance.is_live() => Mark::Working,
        run if run.is_running() => Mark::Stale,
        Run::Interrupted { .. } => Mark::Interrupted,
        _ if session.failure.is_some() => Mark::Failed,
        _ if session.unreviewed.is_some() && session.info.parent.is_none() => Mark::ToReview,
        Run::Unknown => Mark::Recorded,
        _ => Mark::Idle,
    }
}

/// Mark of one session, with its reason.
pub fn mark_of(state: &State, instance: &Instance, session: &Session) -> MarkWithReason {
    Marks::of(state, instance).with_reason(session)
}

/// Failure of a run, as the conversation shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureRow {
    /// The fact, as a sentence.
    pub sentence: String,
    /// Next step, as a sentence.
    pub next: &'static str,
    /// True if the provider rejects the login: `opencode auth login` in a terminal gives it another one.
    pub login: bool,
    /// Original message, if the sentence does not contain all of it.
    pub raw: Option<Arc<str>>,
}

#[cfg(test)]
mod tests;
