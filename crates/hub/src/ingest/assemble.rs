//! Assembles a server's state from the replies for its folders. Does no IO: the caller, a real or simulated server,
//! passes the data.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use model::event::Snapshot;
use model::time::Timestamp;
use opencode::client::Tolerant;
use opencode::wire::{PermissionRequest, QuestionRequest, SessionInfo, SessionStatus};

use super::dialect;
use super::upstream::{OlderSessions, UpstreamError};
use crate::limits;

/// The replies for one folder.
#[derive(Clone, Debug)]
pub struct FolderAnswers {
    /// Sessions, newest first, [`limits::SESSIONS`] at most.
    pub sessions: Tolerant<Vec<SessionInfo>>,
    /// Root sessions, newest first, [`limits::SESSIONS`] at most; requested where the list of all sessions was
    /// truncated.
    pub roots: Option<Tolerant<Vec<SessionInfo>>>,
    /// Status by session id.
    pub statuses: BTreeMap<String, SessionStatus>,
    /// Pending permissions; `None` where the server fails to list them.
    pub permissions: Option<Vec<PermissionRequest>>,
    /// Pending questions; `None` where the server fails to list them.
    pub questions: Option<Vec<QuestionRequest>>,
}

impl FolderAnswers {
    /// The snapshot of the folder, read at `now`. A list that may be truncated, or of which an item could not be
    /// parsed, does not imply deletions.
    pub fn snapshot(self, directory: Arc<str>, now: Timestamp) -> Snapshot {
        let listed = self.sessions.value.len();
        let full = self.sessions.malformed + listed >= limits::SESSIONS;
        let complete = self.sessions.malformed == 0 && !full;
        let unlisted = self.permissions.is_none() || self.questions.is_none();
        let (permissions, questions) = (
            self.permissions.unwrap_or_default(),
            self.questions.unwrap_or_default(),
        );
        let read = self.sessions.malformed + listed + permissions.len() + questions.len();
        let older = full.then(|| cut_at(&self.sessions.value)).flatten();
        let sessions = dialect::sessions(self.sessions.value);
        let permissions = dialect::permissions(permissions, now);
        let questions = dialect::questions(questions, now);
        let left_out = read - sessions.len() - permissions.len() - questions.len();
        if left_out > 0 {
            tracing::warn!(%directory, left_out, "not everything of a folder's state could be taken");
        }
        let known: BTreeSet<_> = sessions.iter().map(|info| info.id.clone()).collect();
        let roots = dialect::sessions(self.roots.map_or_else(Vec::new, |roots| roots.value));
        let roots = roots.into_iter().filter(|root| !known.contains(&root.id));
        let sessions = sessions.into_iter().chain(roots).collect();
        Snapshot {
            older: older
                .map(|before| (directory.clone(), before))
                .into_iter()
                .collect(),
            listed: (complete && left_out == 0)
                .then(|| directory.clone())
                .into_iter()
                .collect(),
            unlisted: unlisted.then(|| directory.clone()).into_iter().collect(),
            asked: vec![directory],
            sessions,
            statuses: dialect::statuses(self.statuses),
            permissions,
            questions,
            whole: false,
            left_out: u64::try_from(left_out).unwrap_or(u64::MAX),
        }
    }
}

/// A page of a folder's sessions that last changed before a time.
pub fn older(page: Tolerant<Vec<SessionInfo>>, before: Timestamp) -> OlderSessions {
    let full = page.value.len() + page.malformed >= limits::SESSIONS;
    let older = full.then(|| cut_at(&page.value)).flatten();
    OlderSessions {
        sessions: dialect::sessions(page.value),
        // A page without progress is the last one.
        older: older.filter(|at| *at < before),
    }
}

/// The time at which a list was truncated: sessions before it are not in the list. Sessions that changed in the same
/// millisecond as the last one may be missing, so that millisecond is read again.
fn cut_at(listed: &[SessionInfo]) -> Option<Timestamp> {
    let last = listed.iter().map(|info| info.time.updated.0).min()?;
    Some(Timestamp(last.saturating_add(1)))
}

/// The state of a server's own folder and of the known folders, [`limits::READS_AT_ONCE`] read concurrently. A known
/// folder that cannot be read stays unknown.
///
/// # Errors The server's own folder cannot be read.
pub async fn server_state<R>(
    own: Arc<str>,
    seen: Vec<Arc<str>>,
    read: impl Fn(Arc<str>) -> R,
) -> Result<Snapshot, UpstreamError>
where
    R: Future<Output = Result<Snapshot, UpstreamError>>,
{
    let mut directories: BTreeSet<_> = seen.into_iter().take(limits::DIRECTORIES - 1).collect();
    directories.insert(own.clone());
    let reads = directories.into_iter().map(|directory| {
        let read = read(directory.clone());
        async move { (directory, read.await) }
    });
    let mut whole = Snapshot::default();
    let reads: Vec<_> = stream::iter(reads)
        .buffered(limits::READS_AT_ONCE)
        .collect()
        .await;
    for (directory, part) in reads {
        let part = match part {
            Err(error) if directory != own => {
                tracing::warn!(%error, %directory, "a folder's state could not be read; it stays unknown");
                continue;
            }
            part => part?,
        };
        whole.sessions.extend(part.sessions);
        whole.listed.extend(part.listed);
        whole.older.extend(part.older);
        whole.asked.extend(part.asked);
        whole.unlisted.extend(part.unlisted);
        whole.statuses.extend(part.statuses);
        whole.permissions.extend(part.permissions);
        whole.questions.extend(part.questions);
        whole.left_out += part.left_out;
    }
    Ok(whole)
}
