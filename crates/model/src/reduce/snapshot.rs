//! The state as REST tells it, after a connection.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Fold;
use crate::event::Snapshot;
use crate::ids::SessionId;
use crate::state::{Permission, Question, Run, RunStatus};

impl Fold<'_> {
    pub(super) fn snapshot(&mut self, snapshot: Snapshot) {
        let Snapshot {
            sessions,
            listed,
            asked,
            statuses,
            permissions,
            questions,
        } = snapshot;
        let present: BTreeSet<_> = sessions.iter().map(|info| info.id.clone()).collect();
        let gone: Vec<_> = self
            .instance
            .sessions
            .values()
            .filter(|s| listed.contains(&s.info.directory) && !present.contains(&s.info.id))
            .map(|s| s.info.id.clone())
            .collect();
        for id in gone {
            self.session_deleted(id);
        }
        for info in sessions {
            let id = info.id.clone();
            self.listed.push(id.clone());
            self.session_changed(info);
            self.recall_run(&id, &asked);
        }
        if !std::mem::replace(&mut self.instance.listed, true) {
            self.touch_tree();
        }
        self.statuses(&asked, &statuses);
        self.requests(&asked, permissions, questions);
    }

    /// What a server does not name in an asked directory, it does not run; the rest is not known.
    fn statuses(&mut self, asked: &[Arc<str>], statuses: &BTreeMap<SessionId, RunStatus>) {
        let ids: Vec<_> = self.instance.sessions.keys().cloned().collect();
        for id in ids {
            let Some(session) = self.instance.sessions.get(&id) else {
                continue;
            };
            let was_running = session.run.is_running();
            let interrupted = matches!(session.run, Run::Interrupted { .. });
            let run = match statuses.get(&id) {
                Some(status) => {
                    self.status(&id, status.clone());
                    continue;
                }
                None if !asked.contains(&session.info.directory) => Run::Unknown,
                None if was_running => {
                    self.end_unseen(&id);
                    continue;
                }
                None if session.end_unseen => {
                    // The read that was to judge it did not come through.
                    self.ask_messages(&id);
                    continue;
                }
                None if interrupted => continue,
                None => Run::Idle,
            };
            let rev = self.rev;
            if let Some(session) = self.instance.sessions.get_mut(&id)
                && session.set_run(rev, run)
            {
                self.touch_row(&id);
            }
        }
    }

    /// Requests that are gone were answered elsewhere; those that stay keep the time at which we learned of them.
    /// Where nobody was asked, nothing is known to be answered.
    fn requests(
        &mut self,
        asked: &[Arc<str>],
        permissions: Vec<Permission>,
        questions: Vec<Question>,
    ) {
        let sessions = &self.instance.sessions;
        let unasked = |session: &SessionId| {
            let session = sessions.get(session);
            session.is_some_and(|session| !asked.contains(&session.info.directory))
        };
        let mut old = std::mem::take(&mut self.instance.permissions);
        let had = (
            old.keys().cloned().collect::<Vec<_>>(),
            self.instance.questions.keys().cloned().collect::<Vec<_>>(),
        );
        for permission in permissions {
            let known = old.remove(&permission.id).unwrap_or(permission);
            self.instance.permissions.insert(known.id.clone(), known);
        }
        old.retain(|_, permission| unasked(&permission.session));
        self.instance.permissions.append(&mut old);
        let mut old = std::mem::take(&mut self.instance.questions);
        for question in questions {
            let known = old.remove(&question.id).unwrap_or(question);
            self.instance.questions.insert(known.id.clone(), known);
        }
        old.retain(|_, question| unasked(&question.session));
        self.instance.questions.append(&mut old);
        let same = had.0.iter().eq(self.instance.permissions.keys())
            && had.1.iter().eq(self.instance.questions.keys());
        if !same {
            self.touch_requests();
            self.touch_all_rows();
        }
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
