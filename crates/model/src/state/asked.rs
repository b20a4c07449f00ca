//! What was asked of a server since its stream began, folder by folder.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::RunStatus;
use crate::event::Event;
use crate::ids::SessionId;
use crate::limits;

/// Folders that were asked, and what was told of sessions that are not known yet. It begins anew with every stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Asked {
    /// Folders whose sessions, statuses and requests were read.
    pub folders: BTreeSet<Arc<str>>,
    /// Folders in which the server could not list what waits for a person, the last time that it was asked.
    pub unlisted: BTreeSet<Arc<str>>,
    /// Folders that are being read beside the stream, and what the stream told meanwhile.
    pub reading: BTreeMap<Arc<str>, Meanwhile>,
    /// Sessions that are known, or whose requests wait, and that a read lacked: they are gone once a list lacks them as well.
    pub missing: BTreeSet<SessionId>,
    /// Statuses of sessions whose rows are still to be read.
    pub early: BTreeMap<SessionId, Early>,
}

/// A status that was told of a session whose row is still to be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Early {
    /// The status.
    pub status: RunStatus,
    /// Folders that were let go of since: where the session is in one of them, its run has ended.
    pub disposed: BTreeSet<Arc<str>>,
}

/// What a stream told while a folder was read: there its word is newer than the read, or as new.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Meanwhile {
    /// Sessions whose row was told.
    pub rows: BTreeSet<SessionId>,
    /// Sessions whose status was told.
    pub statuses: BTreeSet<SessionId>,
    /// Requests that were asked or answered.
    pub requests: BTreeSet<Arc<str>>,
    /// True if the read is of no use: more was told than is kept, or the folder was let go of.
    pub overtaken: bool,
}

impl Asked {
    /// Remembers a status until its session is known.
    pub(crate) fn remember(&mut self, session: &SessionId, status: RunStatus) {
        if self.early.len() < limits::EARLY_STATUSES || self.early.contains_key(session) {
            let disposed = BTreeSet::new();
            self.early
                .insert(session.clone(), Early { status, disposed });
        }
    }

    /// Notes that a folder was let go of. A session of which too many were is as one of which no status was told.
    pub(crate) fn dispose(&mut self, folder: &Arc<str>) {
        self.early.retain(|_, early| {
            early.disposed.insert(folder.clone());
            early.disposed.len() <= limits::EARLY_DISPOSED
        });
    }

    /// Notes what an event tells for every folder that is being read.
    pub(crate) fn note(&mut self, event: &Event) {
        for (folder, meanwhile) in &mut self.reading {
            meanwhile.note(folder, event);
        }
    }
}

impl Meanwhile {
    fn note(&mut self, folder: &Arc<str>, event: &Event) {
        match event {
            Event::SessionCreated(info) | Event::Session(info) => {
                self.rows.insert(info.id.clone());
            }
            Event::SessionDeleted(session) | Event::SessionNotFound(session) => {
                self.rows.insert(session.clone());
                self.statuses.insert(session.clone());
            }
            Event::Status { session, .. } => {
                self.statuses.insert(session.clone());
            }
            Event::PermissionAsked(permission) => {
                self.requests.insert(permission.id.as_str().into());
            }
            Event::PermissionReplied(id, _) => {
                self.requests.insert(id.as_str().into());
            }
            Event::QuestionAsked(question) => {
                self.requests.insert(question.id.as_str().into());
            }
            Event::QuestionClosed(id, _) => {
                self.requests.insert(id.as_str().into());
            }
            Event::DirectoryDisposed(disposed) if disposed == folder => self.overtaken = true,
            _ => {}
        }
        let noted = self.rows.len() + self.statuses.len() + self.requests.len();
        self.overtaken |= noted > limits::HELD_EVENTS;
    }
}
