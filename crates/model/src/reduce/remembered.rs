//! State of sessions that an earlier hub stored and no server reports.
//!
//! It is stored until its session becomes known, and adds only facts that the server cannot contradict: the beginning of an
//! open text, and that this server ran the session. Whether the session still runs is decided by the server alone.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;

use super::Fold;
use crate::event::Recalled;
use crate::ids::SessionId;
use crate::limits;
use crate::state::{Halt, Run, Session, SessionInfo};

impl Fold<'_> {
    pub(super) fn remembered(&mut self, sessions: BTreeMap<SessionId, Recalled>) {
        for (id, remembered) in sessions {
            let room = self.instance.snoozes.len() < limits::SNOOZES;
            if let Some(until) = remembered.snoozed.filter(|until| room && *until > self.at) {
                self.instance.snoozes.insert(id.clone(), until);
                self.changed = true;
            }
            let known = self.instance.recalled.entry(id.clone()).or_default();
            known.running |= remembered.running;
            known.open.extend(remembered.open);
            known.ended = remembered.ended.or(known.ended.take());
            if remembered.halt != Halt::Inherited {
                known.halt = remembered.halt;
            }
            if matches!(known.halt, Halt::Stopped { .. }) {
                self.instance.stops.insert(id);
                self.changed = true;
            }
        }
    }

    /// A session that becomes known, with what is remembered of it.
    pub(super) fn recalled(&mut self, info: SessionInfo) -> Session {
        let mut session = Session::new(info);
        if let Some(known) = self.instance.recalled.get_mut(&session.info.id) {
            session.open = mem::take(&mut known.open);
            session.ran_here = known.running;
            session.halt = mem::take(&mut known.halt);
            if let Some(ended) = known.ended.take() {
                // What it did since may have ended otherwise: that there was an end is all that is known then.
                session.failure = ended
                    .failure
                    .filter(|_| ended.updated == session.info.updated);
                session.unreviewed = ended.unreviewed;
                session.ended_at = ended.unreviewed;
            }
        }
        session
    }

    /// A server lists a session, and says of these folders what runs there: a run that it does not name has ended, and
    /// nobody saw how.
    pub(super) fn recall_run(&mut self, id: &SessionId, asked: &[Arc<str>]) {
        let Some(session) = self.instance.sessions.get_mut(id) else {
            return;
        };
        if !asked.contains(&session.info.directory) {
            return;
        }
        let known = self.instance.recalled.remove(id);
        if known.is_some_and(|known| known.running) && session.run == Run::Unknown {
            session.end_unseen = true;
            self.owners.ran_before.push(id.clone());
        }
    }
}
