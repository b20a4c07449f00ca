//! How much is kept of the conversations that are looked at: the newest messages, unless a viewer asked for older ones.

use model::ids::{InstanceId, MessageId, SessionId};
use model::state::Session;

use super::{Ask, Engine};
use crate::limits;

/// How far back a viewer looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// At the newest messages.
    Newest,
    /// At older ones as well.
    Older,
}

impl Reach {
    /// Of one that asked for messages from this one on, if it asked for any before the newest.
    pub fn of(from: Option<&MessageId>) -> Self {
        from.map_or(Self::Newest, |_| Self::Older)
    }
}

/// How many viewers look at a session.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Watchers {
    newest: usize,
    older: usize,
}

impl Watchers {
    pub(super) fn of(&mut self, reach: Reach) -> &mut usize {
        match reach {
            Reach::Newest => &mut self.newest,
            Reach::Older => &mut self.older,
        }
    }

    pub(super) fn are_none(self) -> bool {
        self.newest + self.older == 0
    }

    fn most_messages(self) -> usize {
        if self.older == 0 {
            limits::WATCHED_MESSAGES
        } else {
            limits::WATCHED_OLDER_MESSAGES
        }
    }
}

impl Engine {
    /// Asks where to cut what grew beyond its bound. A question without an answer is asked again the next time.
    pub(super) fn trim_watched(&self) {
        for (instance, session) in self.overgrown() {
            self.ask(&instance, Ask::Trim(session));
        }
    }

    fn overgrown(&self) -> Vec<(InstanceId, SessionId)> {
        let state = self.shared.read();
        let mut overgrown = Vec::new();
        for (instance, sessions) in &self.watched {
            for (id, watchers) in sessions {
                let session = state.session(instance, id);
                let kept = session.map_or(0, kept_messages);
                if kept > watchers.most_messages() {
                    overgrown.push((instance.clone(), id.clone()));
                }
            }
        }
        overgrown
    }
}

/// Messages of a conversation that can be cut: it is not just being read anew, and no message was taken back, which is kept
/// for what follows it.
fn kept_messages(session: &Session) -> usize {
    let whole = session.info.reverted_from.is_none();
    let loaded = session.loaded().filter(|_| whole);
    let settled = loaded.filter(|loaded| loaded.rereading.is_none());
    settled.map_or(0, |loaded| loaded.messages.len())
}
