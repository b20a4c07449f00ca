//! Changes that servers reported of sessions lately, so that the files of one review are asked for once.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::ids::{InstanceId, MessageId, SessionId};
use tokio::time::Instant;

use crate::command::port::ChangedFile;
use crate::limits;

/// Identifies changes that a server reported: of a session, or of the turn that a message began.
pub(super) type Reported = (InstanceId, SessionId, Option<MessageId>);

/// Reported changes, and when they were reported.
type Entry = (Reported, Instant, Arc<Vec<ChangedFile>>);

/// Changes that servers reported within [`limits::SESSION_CHANGES_KNOWN`], of [`limits::SESSION_CHANGES`] sessions and turns at
/// most: the oldest go first.
#[derive(Debug, Default)]
pub(super) struct SessionChanges(Mutex<VecDeque<Entry>>);

impl SessionChanges {
    /// Changes that are still fresh.
    pub(super) fn find(&self, of: &Reported) -> Option<Arc<Vec<ChangedFile>>> {
        let all = self.lock();
        let found = all
            .iter()
            .find(|(reported, at, _)| reported == of && is_fresh(*at));
        found.map(|(_, _, files)| files.clone())
    }

    /// Adds changes that were reported now.
    pub(super) fn add(&self, of: Reported, files: Arc<Vec<ChangedFile>>) {
        let mut all = self.lock();
        all.retain(|(reported, at, _)| *reported != of && is_fresh(*at));
        all.push_back((of, Instant::now(), files));
        while all.len() > limits::SESSION_CHANGES {
            all.pop_front();
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_fresh(at: Instant) -> bool {
    at.elapsed() < limits::SESSION_CHANGES_KNOWN
}
