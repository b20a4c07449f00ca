//! What servers report in pieces: a change of a session's row, and the places of messages and parts.

use std::sync::Arc;

use super::described;
use super::info::{MessageInfo, ModelRef, SessionInfo, Tokens};
use crate::ids::MessageId;
use crate::time::Timestamp;

/// The place of a message in its conversation.
pub type OrderKey = (Timestamp, u32, MessageId);

impl MessageInfo {
    /// Its place in its conversation.
    pub fn order_key(&self) -> OrderKey {
        (self.created, self.tie, self.id.clone())
    }
}

/// The place of a part among those of its message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// By its id, as the server makes ids that rise.
    #[default]
    ById,
    /// After so many others.
    At(u32),
    /// Where it is known to be; otherwise behind all that are known.
    Last,
}

/// What can change in a session's row.
#[derive(Clone, Debug, PartialEq)]
pub enum SessionChange {
    /// Nothing but the time of its last change.
    Touched,
    /// The title.
    Title(Arc<str>),
    /// The agent.
    Agent(Arc<str>),
    /// The model.
    Model(ModelRef),
    /// The folder.
    Directory(Arc<str>),
    /// Whether it is archived, from the time of the change on.
    Archived(bool),
    /// From which message on messages are taken back.
    RevertedFrom(Option<MessageId>),
    /// Its totals.
    Used {
        /// US dollars.
        cost: f64,
        /// Tokens of all its runs.
        tokens: Tokens,
    },
}

impl SessionInfo {
    /// The row after a change. Its JSON is made of what is known of it.
    #[must_use]
    pub fn changed(mut self, change: SessionChange, at: Option<Timestamp>) -> Self {
        self.updated = at.map_or(self.updated, |at| self.updated.max(at));
        match change {
            SessionChange::Touched => {}
            SessionChange::Title(title) => self.title = title,
            SessionChange::Agent(agent) => self.agent = Some(agent),
            SessionChange::Model(model) => self.model = Some(model),
            SessionChange::Directory(directory) => self.directory = directory,
            SessionChange::Archived(archived) => {
                self.archived = archived.then(|| at.unwrap_or(self.updated));
            }
            SessionChange::RevertedFrom(message) => self.reverted_from = message,
            SessionChange::Used { cost, tokens } => (self.cost, self.tokens) = (cost, tokens),
        }
        self.raw = described::session(&self);
        self
    }
}
