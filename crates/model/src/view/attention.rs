//! Sessions and links that need a person although they ask nothing: failures, endless retries, interruptions, models that are silent, runs that go in
//! circles or pass a limit, finished turns that nobody has looked at, and servers that cannot be reached.

use std::sync::Arc;

use super::folders::FolderNames;
use super::lineage::{BelowInterrupted, Roots, TreeRoots};
use super::mark::FailureRow;
use super::reason;
use super::rows::{LinkRow, link_row};
use crate::ids::{InstanceId, SessionId};
use crate::limits;
use crate::state::{Changes, Circle, Instance, LinkStatus, Origin, OverLimit, Run, Session, State};
use crate::time::Timestamp;

/// A session or link that needs a person.
#[derive(Clone, Debug, PartialEq)]
pub struct AttentionRow {
    /// Its instance.
    pub instance: InstanceId,
    /// The instance's name.
    pub instance_name: Arc<str>,
    /// False while its server is not connected.
    pub live: bool,
    /// The session; absent where the link itself needs somebody.
    pub session: Option<SessionId>,
    /// Title of the session, else name of the instance.
    pub title: Arc<str>,
    /// Title of the root, for a subagent.
    pub root: Option<Arc<str>>,
    /// Since when it is so, by our clock.
    pub at: Timestamp,
    /// Its kind, with the evidence.
    pub kind: Attention,
}

/// The reason why a session or link needs a person.
#[derive(Clone, Debug, PartialEq)]
pub enum Attention {
    /// The last turn failed, and nobody has looked at it since.
    Failed {
        /// The failure, and the next step.
        failure: FailureRow,
        /// True if it can be resumed.
        resumable: bool,
    },
    /// The provider was asked [`limits::RETRIES`] times or more.
    Retrying {
        /// Number of attempts.
        attempt: u32,
        /// Reply of the provider, as a sentence.
        message: String,
        /// Time of the next attempt.
        next: Timestamp,
        /// True if it rejects the login.
        login: bool,
    },
    /// The server ended before the turn did.
    Interrupted,
    /// The model has sent nothing for [`limits::SILENT_MS`], and no tool runs.
    Silent,
    /// The run repeats a call, or its calls fail one after the other.
    Circling(Circle),
    /// The session passed a limit of cost or time.
    OverLimit(OverLimit),
    /// A turn ended, and nobody has looked at it since.
    ToReview {
        /// Lines and files that the session changed.
        changes: Option<Changes>,
    },
    /// The server cannot be reached.
    Link {
        /// Folder or address of the server.
        origin: Origin,
        /// Its link.
        link: LinkRow,
    },
}

/// Urgency of what needs a person and asks nothing, most urgent first. Requests come before all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// It stands still until a person acts.
    Stopped,
    /// It runs, and something is wrong with the run.
    Troubled,
    /// It finished, and holds nothing up.
    Finished,
}

impl Attention {
    /// How urgent it is.
    pub fn urgency(&self) -> Urgency {
        match self {
            Self::Failed { .. } | Self::Interrupted | Self::Link { .. } => Urgency::Stopped,
            Self::OverLimit(over) if over.stopped => Urgency::Stopped,
            Self::Retrying { .. } | Self::Silent | Self::Circling(_) | Self::OverLimit(_) => {
                Urgency::Troubled
            }
            Self::ToReview { .. } => Urgency::Finished,
        }
    }

    /// True for a finished turn, which holds nothing up.
    pub fn is_review(&self) -> bool {
        self.urgency() == Urgency::Finished
    }
}

/// The sessions and links that need a person: the most urgent first, then the oldest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AttentionRows {
    /// At most [`limits::ATTENTION_ROWS`]; the least urgent are left out.
    pub rows: Vec<AttentionRow>,
    /// Number of omitted rows.
    pub left_out: usize,
    /// How many of all are finished turns.
    pub reviews: usize,
}

impl AttentionRows {
    /// How many hold an agent up.
    pub fn urgent(&self) -> usize {
        (self.rows.len() + self.left_out).saturating_sub(self.reviews)
    }
}

/// Everything that needs a person and asks nothing, of all instances.
pub fn attention(state: &State) -> AttentionRows {
    let mut rows: Vec<_> = state
        .instances
        .values()
        .flat_map(|instance| rows_of(state, instance))
        .collect();
    rows.sort_by(|a, b| {
        let key = |row: &AttentionRow| (row.kind.urgency(), row.at);
        (key(a), &a.instance, &a.session).cmp(&(key(b), &b.instance, &b.session))
    });
    let reviews = rows.iter().filter(|row| row.kind.is_review()).count();
    let left_out = rows.len().saturating_sub(limits::ATTENTION_ROWS);
    rows.truncate(limits::ATTENTION_ROWS);
    AttentionRows {
        rows,
        left_out,
        reviews,
    }
}

/// How much of an instance holds an agent up although it asks nothing.
pub(super) fn urgent(state: &State, instance: &Instance) -> usize {
    let rows = rows_of(state, instance);
    rows.iter().filter(|row| !row.kind.is_review()).count()
}

fn rows_of(state: &State, instance: &Instance) -> Vec<AttentionRow> {
    let mut rows: Vec<_> = link(instance).into_iter().collect();
    let (mut shown, mut roots) = (TreeRoots::of(state, instance), Roots::of(instance));
    let mut below = BelowInterrupted::of(instance);
    let names = FolderNames::of(instance);
    for session in instance.sessions.values() {
        let Some((at, kind)) = of_session(instance, session) else {
            continue;
        };
        let id = &session.info.id;
        let root = roots.root_of(id);
        let settled = kind == Attention::Interrupted && below.is(id);
        if settled || !shown.is(id) || instance.snoozes.contains_key(root) {
            continue;
        }
        let root = instance
            .sessions
            .get(root)
            .filter(|root| root.info.id != *id);
        rows.push(AttentionRow {
            session: Some(id.clone()),
            instance_name: names.of_instance(instance, &session.info.directory),
            title: session.info.title().into(),
            root: root.map(|root| root.info.title().into()),
            at,
            kind,
            ..row(instance)
        });
    }
    rows
}

fn row(instance: &Instance) -> AttentionRow {
    AttentionRow {
        instance: instance.id.clone(),
        instance_name: instance.name.clone(),
        live: instance.is_live(),
        session: None,
        title: instance.name.clone(),
        root: None,
        at: instance.link.since,
        kind: Attention::Interrupted,
    }
}

/// A link that was given up, that needs another login, or that failed [`limits::LINK_TRIES`] times.
fn link(instance: &Instance) -> Option<AttentionRow> {
    let dead = match &instance.link.status {
        LinkStatus::Disconnected { .. } => true,
        LinkStatus::Error { attempt, .. } => {
            *attempt >= limits::LINK_TRIES || instance.link.refused
        }
        // The card stays through every try: a person may be typing a password into it.
        LinkStatus::Connecting { attempt } => {
            *attempt >= limits::LINK_TRIES || instance.link.refused
        }
        LinkStatus::Connected | LinkStatus::Stale => false,
    };
    dead.then(|| AttentionRow {
        kind: Attention::Link {
            origin: instance.origin.clone(),
            link: link_row(instance),
        },
        ..row(instance)
    })
}

/// True if a session needs a person for another reason than a look at what it finished.
pub(super) fn is_urgent(instance: &Instance, session: &Session) -> bool {
    of_session(instance, session).is_some_and(|(_, kind)| !kind.is_review())
}

/// The reason why a session needs a person, with its time, unless a person marked it as done since.
fn of_session(instance: &Instance, session: &Session) -> Option<(Timestamp, Attention)> {
    let found = match &session.run {
        Run::Interrupted { at } => Some((*at, Attention::Interrupted)),
        run if run.is_running() && !instance.is_live() => None,
        Run::Retry {
            since,
            attempt,
            message,
            next,
        } if *attempt >= limits::RETRIES => {
            let login = reason::is_login(message);
            let (message, next) = (reason::short(message), instance.ours(*next));
            let attempt = *attempt;
            Some((
                *since,
                Attention::Retrying {
                    attempt,
                    message,
                    next,
                    login,
                },
            ))
        }
        Run::Busy { since } => running(session, *since),
        Run::Retry { .. } => None,
        Run::Idle | Run::Unknown => ended(session),
    };
    found.filter(|(since, _)| session.dismissed.is_none_or(|at| *since > at))
}

fn running(session: &Session, since: Timestamp) -> Option<(Timestamp, Attention)> {
    let activity = &session.activity;
    let circle = activity.circles.evidence();
    let circle = circle.map(|circle| (since, Attention::Circling(circle)));
    circle
        .or_else(|| over(session))
        .or_else(|| Some((activity.silent?, Attention::Silent)))
}

fn over(session: &Session) -> Option<(Timestamp, Attention)> {
    Some((session.over_at?, Attention::OverLimit(session.over?)))
}

/// How a subagent ended is for the session that asked for it.
fn ended(session: &Session) -> Option<(Timestamp, Attention)> {
    let unseen_failure = session.unreviewed.is_some() && session.failure.is_some();
    if !unseen_failure && let Some(over) = over(session) {
        return Some(over);
    }
    let at = session
        .unreviewed
        .filter(|_| session.info.parent.is_none())?;
    let kind = match &session.failure {
        Some(failure) => Attention::Failed {
            failure: reason::failure(failure),
            resumable: session.run == Run::Idle,
        },
        None => Attention::ToReview {
            changes: session.info.changes.filter(|changes| changes.files > 0),
        },
    };
    Some((at, kind))
}
