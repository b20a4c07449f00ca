//! Limits for viewed conversations: the newest messages, unless a viewer requested older ones.

use model::ids::{InstanceId, MessageId, SessionId};
use model::state::Session;

use super::{Engine, SupervisorCommand};
use crate::limits;

/// How far back a viewer has loaded a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HistoryDepth {
    /// The newest messages only.
    Newest,
    /// Older messages as well.
    Older,
}

impl HistoryDepth {
    /// The depth of a viewer that requested messages from this one on, if any before the newest.
    pub fn of(from: Option<&MessageId>) -> Self {
        from.map_or(Self::Newest, |_| Self::Older)
    }
}

/// The number of viewers of a session, by depth.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Watchers {
    newest: usize,
    older: usize,
}

impl Watchers {
    pub(super) fn of(&mut self, reach: HistoryDepth) -> &mut usize {
        match reach {
            HistoryDepth::Newest => &mut self.newest,
            HistoryDepth::Older => &mut self.older,
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
    /// Requests the trim position of conversations beyond their bound. A request without a reply is repeated the next
    /// time.
    pub(super) fn trim_watched(&self) {
        for (instance, session) in self.overgrown() {
            self.ask(&instance, SupervisorCommand::Trim(session));
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

/// Number of messages that can be trimmed: none while the conversation is being read, or while reverted messages are
/// retained for the ones after them.
fn kept_messages(session: &Session) -> usize {
    let whole = session.info.reverted_from.is_none();
    let loaded = session.loaded().filter(|_| whole);
    let settled = loaded.filter(|loaded| loaded.rereading.is_none());
    settled.map_or(0, |loaded| loaded.messages.len())
}
