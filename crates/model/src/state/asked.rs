//! Reads of a server's folders since its stream began.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::RunStatus;
use crate::event::Event;
use crate::ids::SessionId;
use crate::limits;

/// Folders that were read, and events about still unknown sessions. Starts empty with every stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FoldersAsked {
    /// Folders whose sessions, statuses and requests were read.
    pub folders: BTreeSet<Arc<str>>,
    /// Folders in which the server could not list what waits for a person, the last time that it was asked.
    pub unlisted: BTreeSet<Arc<str>>,
    /// Folders whose read is in progress, with the events of the stream since the read began.
    pub reading: BTreeMap<Arc<str>, DuringRead>,
    /// Sessions that are known, or whose requests wait, and that a read lacked: they are gone once a list lacks them as well.
    pub missing: BTreeSet<SessionId>,
    /// Statuses of sessions whose rows are still to be read.
    pub early: BTreeMap<SessionId, EarlyStatus>,
}

/// Run status of a session whose row is still to be read.
#[derive(Clone, Debug, PartialEq)]
pub struct EarlyStatus {
    /// The status.
    pub status: RunStatus,
    /// Folders disposed since: if the session belongs to one of them, its run has ended.
    pub disposed: BTreeSet<Arc<str>>,
}

/// Objects with an event in the stream while their folder was read: the event is as new as the read, or newer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DuringRead {
    /// Sessions whose row arrived on the stream.
    pub rows: BTreeSet<SessionId>,
    /// Sessions whose status arrived on the stream.
    pub statuses: BTreeSet<SessionId>,
    /// Requests that were asked or answered.
    pub requests: BTreeSet<Arc<str>>,
    /// True if the read is invalid: more events arrived than fit, or the folder was disposed.
    pub overtaken: bool,
}

impl FoldersAsked {
    /// Remembers a status until its session is known.
    pub(crate) fn remember(&mut self, session: &SessionId, status: RunStatus) {
        if self.early.len() < limits::EARLY_STATUSES || self.early.contains_key(session) {
            let disposed = BTreeSet::new();
            self.early
                .insert(session.clone(), EarlyStatus { status, disposed });
        }
    }

    /// Notes that a folder was disposed. Beyond the bound of notes a session counts as one without a reported status.
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

impl DuringRead {
    fn note(&mut self, folder: &Arc<str>, event: &Event) {
        match event {
            Event::SessionCreated(info) | Event::Session(info) => {
                self.rows.insert(info.id.clone());
            }
            Event::SessionChanged { session, .. } => {
                self.rows.insert(session.clone());
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
            Event::DirectoryDisposed(disposed) | Event::RequestsVoid(disposed)
                if disposed == folder =>
            {
                self.overtaken = true
            }
            _ => {}
        }
        let noted = self.rows.len() + self.statuses.len() + self.requests.len();
        self.overtaken |= noted > limits::HELD_EVENTS;
    }
}
