//! The one state that is shown of a session: its shape, its word, why it is so, and what to do next. Whatever shows a session shows
//! this: rows, tabs, titles, the API, the command line.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::reason;
use crate::ids::SessionId;
use crate::state::{Halt, Instance, Run, Session, State};
use crate::time::Timestamp;

/// The one state that is shown of a session, quietest first, so that the greater is the louder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// Nothing happens and nothing is asked.
    Idle,
    /// Known from the record only: whether anyone runs it is not known.
    Recorded,
    /// It ended, and nobody looked at it since.
    ToReview,
    /// It was running when its server was last heard.
    Stale,
    /// Its server ended before it did.
    Interrupted,
    /// Its last run failed.
    Failed,
    /// It runs.
    Working,
    /// It waits to ask its model again.
    Retrying,
    /// It waits for a person.
    NeedsYou,
}

impl Mark {
    /// Its shape, which tells it without colours.
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

    /// Its word.
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

    /// True for a state that is also shown of every session above: it goes on, and a person may have to do something.
    fn is_of_all_above(self) -> bool {
        self.is_running() || self == Self::NeedsYou
    }
}

/// A session's mark with its reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Told {
    /// The state.
    #[serde(rename = "state")]
    pub mark: Mark,
    /// Its word, for a person.
    pub word: &'static str,
    /// Why it is so, in a sentence; absent where the word says it all.
    pub reason: Option<Cow<'static, str>>,
    /// What to do next, in a sentence; absent where there is nothing to do.
    pub next: Option<&'static str>,
}

/// The marks of an instance's sessions. A session below which something runs or waits for a person is shown so itself: how a
/// session below one ended is its own matter.
pub struct Marks<'a> {
    instance: &'a Instance,
    waiting: BTreeMap<&'a SessionId, usize>,
    /// The loudest of what runs or waits below a session, and where.
    below: BTreeMap<&'a SessionId, (Mark, &'a SessionId)>,
}

impl<'a> Marks<'a> {
    /// A time of the server's, by our clock.
    pub(super) fn ours(&self, at: Timestamp) -> Timestamp {
        self.instance.ours(at)
    }

    /// Looks at all sessions that the instance shows.
    pub fn of(state: &State, instance: &'a Instance) -> Self {
        let mut marks = Self {
            instance,
            waiting: waiting(instance),
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

    /// Walks up from a session, as far as nothing as loud was handed up before.
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

    /// How many requests wait in a session.
    pub fn needs(&self, session: &SessionId) -> usize {
        self.waiting.get(session).copied().unwrap_or_default()
    }

    fn own(&self, session: &Session) -> Mark {
        own(self.instance, session, self.needs(&session.info.id) > 0)
    }

    /// The mark of a session.
    pub fn mark(&self, session: &Session) -> Mark {
        let below = self.below.get(&session.info.id).map(|(mark, _)| *mark);
        self.own(session).max(below.unwrap_or(Mark::Idle))
    }

    /// The mark of a session, why it is so, and what to do.
    pub fn told(&self, session: &Session) -> Told {
        let mark = self.mark(session);
        let (reason, next) = self.why(session, mark);
        Told {
            mark,
            word: mark.word(),
            reason,
            next,
        }
    }

    fn why(&self, session: &Session, mark: Mark) -> Why {
        if self.own(session) < mark
            && let Some((_, from)) = self.below.get(&session.info.id)
        {
            let title = self.instance.sessions.get(*from);
            let title = title.map_or("Untitled", |session| session.info.title());
            return match mark {
                Mark::NeedsYou => (
                    Some(format!("“{title}” below it waits for your answer.").into()),
                    Some("Answer it under “Needs you”."),
                ),
                _ => (Some(format!("“{title}” below it is working.").into()), None),
            };
        }
        let said = |text: &'static str| Some(Cow::Borrowed(text));
        match (mark, &session.run) {
            (Mark::NeedsYou, _) => (
                said("It waits for your answer."),
                Some("Answer it under “Needs you”."),
            ),
            (Mark::Retrying, Run::Retry { message, .. }) => (
                Some(format!("The model did not answer ({}).", reason::short(message)).into()),
                Some("It is asked again by itself; stop it to choose another model."),
            ),
            (Mark::Failed, _) => match &session.failure {
                Some(failure) => {
                    let told = reason::failure(failure);
                    (Some(told.said.into()), Some(told.next))
                }
                None => (None, None),
            },
            (Mark::Interrupted, _) => (
                said("Its server ended before it did."),
                Some("Press “Continue” to let it go on from where it was."),
            ),
            (Mark::Stale, _) => (
                said("It was working when its server was last heard."),
                Some("What it does is known again once its server can be heard."),
            ),
            (Mark::ToReview, _) => (
                said("It ended, and you have not looked at it since."),
                Some("Look at it."),
            ),
            (Mark::Recorded, _) => (
                said("Whether anything runs it is not known."),
                Some("Reopen it live with `drovers open`."),
            ),
            (Mark::Idle, _) if matches!(session.halt, Halt::Stopped { .. }) => (
                said("You stopped it: what it asks is refused."),
                Some("Send a prompt to let it go on."),
            ),
            _ => (None, None),
        }
    }
}

/// Why a mark is as it is, and what to do.
type Why = (Option<Cow<'static, str>>, Option<&'static str>);

/// The own states of sessions, in no order: every viewer is told of those of every instance.
pub(super) fn own_marks<'a>(instance: &'a Instance) -> impl Fn(&'a Session) -> Mark {
    let waiting = waiting(instance);
    move |session| own(instance, session, waiting.contains_key(&session.info.id))
}

/// How many requests wait in each session in which any do.
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

/// What is told of a session, alone.
pub fn told(state: &State, instance: &Instance, session: &Session) -> Told {
    Marks::of(state, instance).told(session)
}

/// Why a run is as it is, where a conversation is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureRow {
    /// What happened, in a sentence.
    pub said: String,
    /// What to do next, in a sentence.
    pub next: &'static str,
    /// What was told, where it is more than that.
    pub raw: Option<Arc<str>>,
}

#[cfg(test)]
mod tests;
