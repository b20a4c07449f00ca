//! What a server can do, and the ids that it takes.

pub use model::state::{Capabilities, Capability, Incapable, ServerKind};

/// The form of the ids that a server takes from its clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdForm {
    /// OpenCode 1: ids of messages and parts that sort by time. Sessions get theirs from the server.
    Sorted,
    /// OpenCode 2: ids without an order, of sessions too. Parts have none, and neither do commands.
    Opaque,
}

impl IdForm {
    /// True if a new session takes an id, by which it is made once.
    #[must_use]
    pub fn names_sessions(self) -> bool {
        self == Self::Opaque
    }

    /// True if commands take an id, by which they are sent once.
    #[must_use]
    pub fn names_commands(self) -> bool {
        self == Self::Sorted
    }
}
