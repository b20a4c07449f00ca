//! The current step of a session, or the reason why it is idle: the evidence that is shown wherever a session is.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::mark::{Mark, MarkWithReason, Marks};
use crate::ids::SessionId;
use crate::limits;
use crate::plain;
use crate::state::{Instance, Permission, Phase, Piece, Question, Run, Session, State};
use crate::time::Timestamp;

/// Current step of a session, or why it stands still.
#[derive(Clone, Debug, PartialEq)]
pub enum Doing {
    /// A permission request waits.
    Permission {
        /// Kind of the permission, such as `bash`.
        kind: Arc<str>,
        /// Command, path or pattern; empty where the server names none.
        subject: Arc<str>,
    },
    /// A question waits: its text.
    Question(Arc<str>),
    /// Tool calls run.
    Tool {
        /// Name of the one that began first.
        name: Arc<str>,
        /// Its command, path or pattern.
        subject: Option<Arc<str>>,
        /// Time of its start.
        since: Timestamp,
        /// Number of other calls that run.
        others: usize,
    },
    /// The model produces something.
    Model {
        /// The kind of output.
        phase: Phase,
        /// Since when.
        since: Timestamp,
        /// Time of a recent event, in steps of [`limits::ACTIVITY_STEP_MS`].
        last_event: Timestamp,
    },
    /// The model has sent nothing for [`limits::SILENT_MS`].
    Silent {
        /// Time of the last event.
        last_event: Timestamp,
    },
    /// The provider is asked again after an error.
    Retrying {
        /// Number of attempts.
        attempt: u32,
        /// Reply of the provider.
        message: Arc<str>,
        /// Time of the next attempt.
        next: Timestamp,
    },
    /// The session runs, and no event has reported its step yet.
    Running,
    /// The session does not run; with the reason, if there is one.
    Still(Option<Cow<'static, str>>),
}

impl Phase {
    /// The phase in words.
    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting for the model",
            Self::Thinking => "thinking",
            Self::Writing => "writing",
            Self::Calling => "preparing a tool call",
        }
    }
}

/// Verb of a permission request, by the kind of the permission.
pub fn verb(kind: &str) -> &str {
    match kind {
        "bash" => "run",
        "edit" => "change",
        "read" => "read",
        "webfetch" => "fetch",
        "task" => "start a subagent:",
        "external_directory" => "work outside the folder:",
        kind => kind,
    }
}

impl Doing {
    /// The step as a sentence without its age, which [`Standing::since`] gives; absent where there is nothing to say. Texts of
    /// models and servers are in it as they came, on one line.
    pub fn sentence(&self) -> Option<String> {
        Some(match self {
            Self::Permission { kind, subject } if subject.is_empty() => {
                let verb = verb(kind);
                format!("Waiting for you: {verb}.")
            }
            Self::Permission { kind, subject } => {
                let verb = verb(kind);
                format!("Waiting for you: {verb} `{subject}`.")
            }
            Self::Question(text) => format!("Waiting for you: {text}"),
            Self::Tool {
                name,
                subject,
                others,
                ..
            } => {
                let call = match (&**name, subject) {
                    ("bash", Some(subject)) => format!("`{subject}`"),
                    (name, Some(subject)) => format!("{name} `{subject}`"),
                    (name, None) => name.to_owned(),
                };
                match others {
                    0 => format!("Running {call}."),
                    others => format!("Running {call} and {others} more."),
                }
            }
            Self::Model { phase, .. } => phase_of_model(*phase).to_owned(),
            Self::Silent { .. } => "The model is silent.".to_owned(),
            Self::Retrying {
                attempt, message, ..
            } => {
                let message = plain::line(message, limits::ASKS_CHARS);
                let message = message.trim_end_matches('.');
                format!("Retry {attempt}: {message}.")
            }
            Self::Running => return None,
            Self::Still(reason) => return reason.as_ref().map(|reason| reason.to_string()),
        })
    }
}

fn phase_of_model(phase: Phase) -> &'static str {
    match phase {
        Phase::Waiting => "The model is not answering yet.",
        Phase::Thinking => "The model is thinking.",
        Phase::Writing => "The model is writing.",
        Phase::Calling => "The model is preparing a tool call.",
    }
}

/// State of one session with its evidence.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// The mark, whose reason is the evidence as a sentence.
    pub mark: MarkWithReason,
    /// The evidence.
    pub doing: Doing,
    /// Since when it is so, by our clock.
    pub since: Timestamp,
}

/// Standings of the sessions of an instance.
pub struct Standings<'a> {
    instance: &'a Instance,
    marks: Marks<'a>,
}

impl<'a> Standings<'a> {
    /// Computes what the standings of all sessions share.
    pub fn of(state: &State, instance: &'a Instance) -> Self {
        Self {
            instance,
            marks: Marks::of(state, instance),
        }
    }

    /// The standing of a session of that instance.
    pub fn session(&self, session: &Session) -> Standing {
        let mut mark = self.marks.with_reason(session);
        let asks = self
            .marks
            .asks(session)
            .filter(|_| mark.mark == Mark::NeedsYou);
        let (doing, since) = match asks {
            Some((at, doing)) => (doing.clone(), *at),
            None => (
                doing(self.instance, session, &mark),
                since(self.instance, session),
            ),
        };
        let since = match &doing {
            Doing::Tool { since, .. } => *since,
            Doing::Model { since, .. } => *since,
            Doing::Silent { last_event } => *last_event,
            _ => since,
        };
        if mark.mark.is_running() {
            mark.reason = doing.sentence().map(Cow::Owned).or(mark.reason);
        }
        Standing { mark, doing, since }
    }
}

/// The standing of one session.
pub fn standing(state: &State, instance: &Instance, session: &Session) -> Standing {
    Standings::of(state, instance).session(session)
}

/// Since when a session is in its state, by our clock.
pub(super) fn since(instance: &Instance, session: &Session) -> Timestamp {
    match session.run {
        Run::Busy { since } | Run::Retry { since, .. } => since,
        Run::Interrupted { at } => at,
        _ => session
            .unreviewed
            .unwrap_or_else(|| instance.ours(session.info.updated)),
    }
}

pub(super) fn doing(instance: &Instance, session: &Session, mark: &MarkWithReason) -> Doing {
    let live = instance.is_live();
    let activity = &session.activity;
    match &session.run {
        Run::Retry {
            attempt,
            message,
            next,
            ..
        } if live => Doing::Retrying {
            attempt: *attempt,
            message: message.clone(),
            next: instance.ours(*next),
        },
        Run::Busy { .. } if live => {
            let first = activity.tools.values().min_by_key(|tool| tool.since);
            if let Some(tool) = first {
                return Doing::Tool {
                    name: tool.name.clone(),
                    subject: tool.subject.clone(),
                    since: tool.since,
                    others: activity.tools.len() - 1,
                };
            }
            if let Some(last_event) = activity.silent {
                return Doing::Silent { last_event };
            }
            match (activity.since, activity.last_event) {
                (Some(since), Some(last_event)) => Doing::Model {
                    phase: activity.phase,
                    since,
                    last_event,
                },
                _ => Doing::Running,
            }
        }
        _ => Doing::Still(mark.reason.clone()),
    }
}

/// The oldest request of each session: when it was asked, and what it asks.
pub(super) type Asked<'a> = BTreeMap<&'a SessionId, (Timestamp, Doing)>;

pub(super) fn asked(instance: &Instance) -> Asked<'_> {
    let permissions = instance.permissions.values();
    let permissions = permissions.map(|one| (&one.session, one.asked, permission(one)));
    let questions = instance.questions.values();
    let questions = questions.map(|one| (&one.session, one.asked, question(one)));
    let mut oldest = BTreeMap::new();
    for (session, at, doing) in permissions.chain(questions) {
        let known = oldest.get(session).map(|(at, _)| *at);
        if known.is_none_or(|known| at < known) {
            oldest.insert(session, (at, doing));
        }
    }
    oldest
}

fn permission(permission: &Permission) -> Doing {
    let mut pieces = permission.content.pieces.iter();
    let piece = pieces.find_map(|piece| match piece {
        Piece::Command(command) => Some(command),
        Piece::Diff { path, .. } => path.as_ref(),
        Piece::Field { .. } => None,
    });
    let subject = piece.or(permission.patterns.first());
    let subject = subject.map_or("", |subject| subject);
    Doing::Permission {
        kind: permission.permission.clone(),
        subject: plain::line(subject, limits::ASKS_CHARS).into(),
    }
}

fn question(question: &Question) -> Doing {
    let first = question.items.first();
    let text = first.map_or("", |item| &item.question);
    Doing::Question(plain::line(text, limits::ASKS_CHARS).into())
}
