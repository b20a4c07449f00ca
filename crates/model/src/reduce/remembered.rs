//! What a hub before this one knew and no server tells.
//!
//! It is kept until its session becomes known, and only ever adds what the server cannot contradict: the beginning of an
//! open text, and that this server ran the session. Whether it still does is the server's to say.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;

use super::Fold;
use crate::event::Remembered;
use crate::ids::SessionId;
use crate::state::{Halt, Run, Session, SessionInfo};

impl Fold<'_> {
    pub(super) fn remembered(&mut self, sessions: BTreeMap<SessionId, Remembered>) {
        for (id, told) in sessions {
            let known = self.instance.remembered.entry(id.clone()).or_default();
            known.running |= told.running;
            known.open.extend(told.open);
            known.ended = told.ended.or(known.ended.take());
            if told.halt != Halt::Inherited {
                known.halt = told.halt;
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
        if let Some(known) = self.instance.remembered.get_mut(&session.info.id) {
            session.open = mem::take(&mut known.open);
            session.ran_here = known.running;
            session.halt = mem::take(&mut known.halt);
            if let Some(ended) = known.ended.take() {
                // What it did since may have ended otherwise: that there was an end is all that is known then.
                session.failure = ended
                    .failure
                    .filter(|_| ended.updated == session.info.updated);
                session.unreviewed = ended.unreviewed;
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
        let known = self.instance.remembered.remove(id);
        if known.is_some_and(|known| known.running) && session.run == Run::Unknown {
            session.end_unseen = true;
            self.ran_before.push(id.clone());
        }
    }
}
