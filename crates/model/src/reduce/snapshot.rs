//! The state as REST reports it: of the whole server after a connection, or of one folder beside the stream.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::sync::Arc;

use super::Fold;
use crate::event::Snapshot;
use crate::ids::{PermissionId, SessionId};
use crate::limits;
use crate::state::{DuringRead, ExpiredRequest, Permission, Question, Run, RunStatus, SessionInfo};
use crate::time::Timestamp;

/// Scope of a snapshot.
pub(super) enum Scope {
    /// The whole server: what was not asked is not known.
    Server,
    /// The folders that were read, apart from objects with newer events of the stream. All others stay as they are.
    Folders(DuringRead),
}

impl Scope {
    fn has_newer_row(&self, id: &SessionId) -> bool {
        matches!(self, Self::Folders(meanwhile) if meanwhile.rows.contains(id))
    }

    fn has_newer_status(&self, id: &SessionId) -> bool {
        matches!(self, Self::Folders(meanwhile) if meanwhile.statuses.contains(id))
    }

    fn has_newer_request(&self, id: &str) -> bool {
        matches!(self, Self::Folders(meanwhile) if meanwhile.requests.contains(id))
    }
}

impl Fold<'_> {
    pub(super) fn snapshot(&mut self, snapshot: Snapshot) {
        self.doubt_stops();
        let snapshot = self.everywhere(snapshot);
        self.take_snapshot(snapshot, &Scope::Server);
    }

    /// A snapshot that is whole is one of every folder that is known, whether it names it or not.
    fn everywhere(&self, mut snapshot: Snapshot) -> Snapshot {
        if !snapshot.whole {
            return snapshot;
        }
        let sessions = self.instance.sessions.values();
        let known: BTreeSet<_> = sessions.map(|known| known.info.directory.clone()).collect();
        for directory in known {
            // Of a session whose folder is not known, no folder can be read again before it is gone.
            if !directory.is_empty() && !snapshot.listed.contains(&directory) {
                snapshot.listed.push(directory.clone());
            }
            if !snapshot.asked.contains(&directory) {
                snapshot.asked.push(directory);
            }
        }
        snapshot
    }

    pub(super) fn take_snapshot(&mut self, snapshot: Snapshot, scope: &Scope) {
        let Snapshot {
            sessions,
            listed,
            older,
            asked,
            unlisted,
            statuses,
            permissions,
            questions,
            whole: _,
            left_out,
        } = snapshot;
        self.instance.counters.left_out(left_out);
        let present: BTreeSet<_> = sessions.iter().map(|info| info.id.clone()).collect();
        let gone: Vec<_> = self
            .instance
            .sessions
            .values()
            .filter(|s| listed.contains(&s.info.directory) && !present.contains(&s.info.id))
            .filter(|s| !scope.has_newer_row(&s.info.id))
            .map(|s| s.info.id.clone())
            .collect();
        for id in &present {
            self.instance.asked.missing.remove(id);
        }
        for id in gone {
            self.session_missing(id);
        }
        for info in sessions {
            let id = info.id.clone();
            if self.instance.tombstones.is_doubted(&id) {
                if scope.has_newer_row(&id) {
                    // Which of the two reads is the later one is not known.
                    self.ask_directory(info.directory.clone());
                } else {
                    self.revive(&id);
                }
            }
            if !scope.has_newer_row(&id) {
                self.owners.listed.push(id.clone());
                self.session_changed(info);
            }
            self.recall_run(&id, &asked);
        }
        self.note_older(&asked, older);
        if !mem::replace(&mut self.instance.listed, true) {
            self.touch_tree();
        }
        self.statuses(&asked, statuses, scope);
        let listing: Vec<_> = asked
            .iter()
            .filter(|one| !unlisted.contains(one))
            .cloned()
            .collect();
        self.requests(&listing, permissions, questions, scope);
        self.note_unlisted(&listing, unlisted);
        self.instance.asked.folders.extend(asked);
        self.prove_stops();
    }

    /// Notes in which folders the server could not list what waits.
    fn note_unlisted(&mut self, listing: &[Arc<str>], unlisted: Vec<Arc<str>>) {
        let known = &mut self.instance.asked.unlisted;
        let before = known.clone();
        known.retain(|folder| !listing.contains(folder));
        known.extend(unlisted);
        if *known != before {
            self.notices = true;
            self.changed = true;
        }
    }

    /// Something in this server ended that it may have been unable to list: it is asked again.
    pub(super) fn list_again(&mut self) {
        for folder in self.instance.asked.unlisted.clone() {
            self.ask_directory(folder);
        }
    }

    /// Notes where the lists of folders were cut. What was read beyond that meanwhile is not unread by it.
    fn note_older(&mut self, asked: &[Arc<str>], cut: BTreeMap<Arc<str>, Timestamp>) {
        let mut older = self.instance.older.clone();
        older.retain(|directory, _| !asked.contains(directory) || cut.contains_key(directory));
        for (directory, before) in cut {
            let known = older.entry(directory).or_insert(before);
            *known = before.min(*known);
        }
        self.set_older(older);
    }

    pub(super) fn older_sessions(
        &mut self,
        directory: Arc<str>,
        sessions: Vec<SessionInfo>,
        older: Option<Timestamp>,
    ) {
        let mut cut = self.instance.older.clone();
        // The list stays incomplete until it was read whole, or sessions were dropped.
        let none = Timestamp(i64::MIN);
        cut.insert(directory, older.unwrap_or(none));
        self.set_older(cut);
        for info in sessions {
            // What is here is as new as this, or newer.
            if !self.instance.sessions.contains_key(&info.id) {
                self.owners.listed.push(info.id.clone());
                self.session_changed(info);
            }
        }
    }

    pub(super) fn set_older(&mut self, older: BTreeMap<Arc<str>, Timestamp>) {
        if self.instance.older != older && older.len() <= limits::OLDER {
            self.instance.older = older;
            self.touch_tree();
        }
    }

    /// What a server does not name in an asked directory, it does not run; the rest is not known.
    fn statuses(
        &mut self,
        asked: &[Arc<str>],
        mut statuses: BTreeMap<SessionId, RunStatus>,
        scope: &Scope,
    ) {
        let ids: Vec<_> = self.instance.sessions.keys().cloned().collect();
        for id in ids {
            let reported = statuses.remove(&id);
            if scope.has_newer_status(&id) {
                continue;
            }
            match reported {
                Some(status) => self.status_read(&id, status),
                None => self.not_named(asked, &id, scope),
            }
        }
        // What runs and is not listed, as one of very many sessions may not be, is read by its id.
        for (id, status) in statuses {
            if !scope.has_newer_status(&id) {
                self.status_read(&id, status);
            }
        }
    }

    /// A status of a run whose begin was not seen, or may not have been: parts of its answer may be missing.
    pub(super) fn status_read(&mut self, id: &SessionId, status: RunStatus) {
        let runs = |fold: &Self| {
            let session = fold.instance.sessions.get(id);
            session.is_some_and(|session| session.run.is_running())
        };
        let ran = runs(self);
        self.status(id, status);
        if !ran
            && runs(self)
            && let Some(session) = self.instance.sessions.get_mut(id)
        {
            session.answer.miss();
        }
    }

    /// A session that the answer does not name.
    fn not_named(&mut self, asked: &[Arc<str>], id: &SessionId, scope: &Scope) {
        let Some(session) = self.instance.sessions.get_mut(id) else {
            return;
        };
        let run = match &session.run {
            run if !asked.contains(&session.info.directory) => match scope {
                Scope::Server => {
                    session.reported_running |=
                        run.is_running() || matches!(run, Run::Interrupted { .. });
                    Run::Unknown
                }
                Scope::Folders(_) => return,
            },
            run if run.is_running() || session.reported_running => return self.end_unseen(id),
            // The read that was to judge it did not come through.
            _ if session.end_unseen => return self.ask_messages(id),
            Run::Interrupted { .. } => return,
            _ => Run::Idle,
        };
        let rev = self.rev;
        if let Some(session) = self.instance.sessions.get_mut(id)
            && session.set_run(rev, run)
        {
            self.touch_row(id);
        }
    }

    /// Requests that are gone were answered elsewhere; those that stay keep the time of their arrival.
    /// Where nobody was asked, nothing is known to be answered.
    fn requests(
        &mut self,
        asked: &[Arc<str>],
        permissions: Vec<Permission>,
        questions: Vec<Question>,
        scope: &Scope,
    ) {
        self.requests_of_missing_end(&permissions, &questions);
        let had = (
            self.instance
                .permissions
                .keys()
                .cloned()
                .collect::<Vec<_>>(),
            self.instance.questions.keys().cloned().collect::<Vec<_>>(),
        );
        let new = self.permissions_read(asked, permissions, scope);
        self.questions_read(asked, questions, scope);
        self.idle_requests_end();
        self.keep_requests_within_bounds();
        for id in new {
            if let Some(permission) = self.instance.permissions.remove(&id) {
                self.wait_for(permission);
            }
        }
        let same = had.0.iter().eq(self.instance.permissions.keys())
            && had.1.iter().eq(self.instance.questions.keys());
        if !same {
            self.touch_requests();
            self.touch_all_rows();
        }
    }

    /// Takes the permissions that were read. Gives the ids of those that were not known.
    fn permissions_read(
        &mut self,
        asked: &[Arc<str>],
        read: Vec<Permission>,
        scope: &Scope,
    ) -> Vec<PermissionId> {
        let mut old = mem::take(&mut self.instance.permissions);
        let mut new = Vec::new();
        for permission in read {
            let known = old.remove(&permission.id);
            if known.is_none()
                && (scope.has_newer_request(permission.id.as_str())
                    || self.is_of_an_ended_run(ExpiredRequest::from(&permission)))
            {
                continue;
            }
            if known.is_none() {
                new.push(permission.id.clone());
            }
            let known = known.unwrap_or(permission);
            self.instance.permissions.insert(known.id.clone(), known);
        }
        old.retain(|id, kept| self.stays(asked, scope, &kept.session, id.as_str()));
        self.instance.permissions.append(&mut old);
        new
    }

    fn questions_read(&mut self, asked: &[Arc<str>], read: Vec<Question>, scope: &Scope) {
        let mut old = mem::take(&mut self.instance.questions);
        for question in read {
            let known = old.remove(&question.id);
            if known.is_none()
                && (scope.has_newer_request(question.id.as_str())
                    || self.is_of_an_ended_run(ExpiredRequest::from(&question)))
            {
                continue;
            }
            let known = known.unwrap_or(question);
            self.instance.questions.insert(known.id.clone(), known);
        }
        old.retain(|id, kept| self.stays(asked, scope, &kept.session, id.as_str()));
        self.instance.questions.append(&mut old);
    }

    /// True for a request that was not read and waits all the same: its folder was not asked, or the stream reported it since.
    fn stays(&self, asked: &[Arc<str>], scope: &Scope, session: &SessionId, request: &str) -> bool {
        let unasked = match (self.instance.sessions.get(session), scope) {
            (Some(session), _) => !asked.contains(&session.info.directory),
            (None, Scope::Server) => false,
            (None, Scope::Folders(_)) => true,
        };
        unasked || scope.has_newer_request(request)
    }

    /// Which sessions wait is part of their rows.
    fn touch_all_rows(&mut self) {
        let rev = self.rev;
        for session in self.instance.sessions.values_mut() {
            session.rev = rev;
        }
        self.touch_tree();
    }
}
