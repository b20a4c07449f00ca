//! Sessions that change the same.

use std::sync::Arc;

use serde::Serialize;

use crate::ids::{InstanceId, SessionId};
use crate::limits;
use crate::plain;

/// How two sessions get into each other's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClashKind {
    /// Both changed a file in one folder.
    Files,
    /// Both work in work trees of one repository, and merging one after the other would conflict.
    Branches,
}

/// Another session that changes the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Clash {
    /// How.
    pub kind: ClashKind,
    /// The instance of the other session.
    pub instance: InstanceId,
    /// The other session.
    pub session: SessionId,
    /// Its title.
    pub title: Arc<str>,
    /// Paths, sorted; [`limits::CLASH_PATHS`] at most.
    pub paths: Vec<Arc<str>>,
    /// How many more paths there are.
    pub more: usize,
}

impl Clash {
    /// A clash with the first of these paths, which are sorted.
    pub fn with_paths(
        kind: ClashKind,
        other: (InstanceId, SessionId, Arc<str>),
        paths: impl IntoIterator<Item = Arc<str>>,
    ) -> Self {
        let mut paths: Vec<_> = paths.into_iter().collect();
        let more = paths.len().saturating_sub(limits::CLASH_PATHS);
        paths.truncate(limits::CLASH_PATHS);
        let (instance, session, title) = other;
        Self {
            kind,
            instance,
            session,
            title,
            paths,
            more,
        }
    }

    /// The clash as a sentence.
    pub fn sentence(&self) -> String {
        let title = plain::line(&self.title, limits::CLASH_CHARS);
        let path = self.paths.first().map_or("", |path| path);
        let path = plain::line(path, limits::CLASH_CHARS);
        let more = self.paths.len().saturating_sub(1) + self.more;
        match (self.kind, more) {
            (ClashKind::Files, 0) => format!("Changes {path} as well as “{title}”."),
            (ClashKind::Files, more) => {
                format!("Changes {path} and {more} more as well as “{title}”.")
            }
            (ClashKind::Branches, 0) => format!("Would conflict with “{title}” in {path}."),
            (ClashKind::Branches, more) => {
                format!("Would conflict with “{title}” in {path} and {more} more.")
            }
        }
    }
}
