//! Notification items of all instances: waiting requests, and sessions that ended and were not reviewed.

use std::sync::Arc;

use serde::Serialize;

use super::need::{NeedKind, needs};
use super::reason;
use super::tree::marks;
use super::{Mark, NeedRow};
use crate::ids::{InstanceId, SessionId};
use crate::limits;
use crate::state::{Session, State};
use crate::time::Timestamp;

/// Kind of a notification item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NewsKind {
    /// A request waits.
    Needs,
    /// A session failed, or was interrupted.
    Failed,
    /// A session finished.
    Finished,
}

/// Notification item. It stays in the list until it is answered or reviewed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewsRow {
    /// Key: id of the request, or id of the session with the time of its end.
    pub key: String,
    /// Kind.
    pub kind: NewsKind,
    /// Its instance.
    pub instance: InstanceId,
    /// The session that shows it.
    pub session: SessionId,
    /// The title of the root session.
    pub title: Arc<str>,
    /// Request, or outcome of the session.
    pub text: String,
    /// Time of the request or of the end, by the hub's clock.
    pub at: Timestamp,
}

/// Newest [`limits::NEWS`] items of all instances, oldest first.
pub fn news(state: &State) -> Vec<NewsRow> {
    let mut all: Vec<NewsRow> = needs(state).into_iter().map(asked).collect();
    for instance in state.instances.values() {
        let ended = marks(state, instance).filter_map(|(mark, session)| {
            let at = session
                .unreviewed
                .filter(|_| session.info.parent.is_none())?;
            let (kind, text) = end(mark, session)?;
            Some(NewsRow {
                key: format!("{}@{}", session.info.id, at.0),
                kind,
                instance: instance.id.clone(),
                session: session.info.id.clone(),
                title: session.info.title().into(),
                text: from(&text, &instance.name),
                at,
            })
        });
        all.extend(ended);
    }
    all.sort_by(|a, b| (a.at, &a.key).cmp(&(b.at, &b.key)));
    all.drain(..all.len().saturating_sub(limits::NEWS));
    all
}

/// What came of a session, and where.
fn from(reason: &str, instance: &str) -> String {
    format!("{reason} · {instance}")
}

fn asked(row: NeedRow) -> NewsRow {
    let (key, what) = match &row.kind {
        NeedKind::Permission(one) => {
            let what = one.patterns.first().unwrap_or(&one.permission);
            (one.id.to_string(), format!("{}: {what}", one.permission))
        }
        NeedKind::Question(one) => {
            let question = one.items.first().map(|item| item.question.to_string());
            (one.id.to_string(), question.unwrap_or_default())
        }
    };
    NewsRow {
        key,
        kind: NewsKind::Needs,
        text: format!("{what} · {}", row.instance_name),
        instance: row.instance,
        session: row.session,
        title: row.title,
        at: row.asked,
    }
}

fn end(mark: Mark, session: &Session) -> Option<(NewsKind, String)> {
    match mark {
        Mark::ToReview => Some((NewsKind::Finished, "To review".to_owned())),
        Mark::Interrupted => Some((NewsKind::Failed, "Interrupted: its server ended".to_owned())),
        Mark::Failed => {
            let sentence = session
                .failure
                .as_ref()
                .map(|failure| reason::failure(failure).sentence);
            Some((
                NewsKind::Failed,
                sentence.unwrap_or_else(|| "Failed".to_owned()),
            ))
        }
        _ => None,
    }
}
