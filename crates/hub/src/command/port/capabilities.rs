//! What a server can do.

use std::fmt;

use serde::{Serialize, Serializer};

/// Something that one server can do and another cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// Copies sessions.
    Fork,
    /// Replaces a session's context by a summary.
    Compact,
    /// Lets a person choose the model that writes the summary.
    CompactModel,
    /// Takes messages back, and brings them back.
    Revert,
    /// Lets a person choose when a prompt is delivered, and take back what is not delivered yet.
    Inbox,
    /// Lists what a session has to do.
    Todo,
    /// Runs a shell command of a person.
    Shell,
    /// Begins a turn with a command.
    Command,
    /// Deletes a message.
    DeleteMessage,
    /// Works in further folders, such as new work trees.
    Worktree,
    /// Lists the files that a session changed.
    Changes,
    /// Lists the files that one prompt changed.
    PromptChanges,
}

impl Capability {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Fork,
        Self::Compact,
        Self::CompactModel,
        Self::Revert,
        Self::Inbox,
        Self::Todo,
        Self::Shell,
        Self::Command,
        Self::DeleteMessage,
        Self::Worktree,
        Self::Changes,
        Self::PromptChanges,
    ];

    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// What a server can do, as a set. Of a server that takes no commands it is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities(u16);

impl Capabilities {
    /// Nothing: the server only sends events.
    pub const NONE: Self = Self(0);

    /// OpenCode 1.
    pub const V1: Self = Self::all_but(&[Capability::Inbox]);

    /// OpenCode 2.
    pub const V2: Self = Self::all_but(&[
        Capability::CompactModel,
        Capability::Todo,
        Capability::DeleteMessage,
        Capability::PromptChanges,
    ]);

    const fn all_but(missing: &[Capability]) -> Self {
        let mut bits = (1 << Capability::ALL.len()) - 1;
        let mut at = 0;
        while at < missing.len() {
            bits &= !missing[at].bit();
            at += 1;
        }
        Self(bits)
    }

    /// True if the server can do this.
    #[must_use]
    pub const fn has(self, one: Capability) -> bool {
        self.0 & one.bit() != 0
    }

    /// True if the server takes no commands.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each thing that the server can do.
    pub fn iter(self) -> impl Iterator<Item = Capability> {
        Capability::ALL
            .into_iter()
            .filter(move |one| self.has(*one))
    }
}

impl Serialize for Capabilities {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

/// A server cannot do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Incapable {
    /// What the server is, such as `OpenCode 2`.
    pub server: &'static str,
    /// What it cannot do.
    pub what: Capability,
}

impl std::error::Error for Incapable {}

impl fmt::Display for Incapable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let server = self.server;
        match self.what {
            Capability::Fork => write!(f, "{server} cannot fork a session"),
            Capability::Compact => write!(f, "{server} cannot compact a session"),
            Capability::CompactModel => write!(
                f,
                "{server} cannot compact with another model than the session's own"
            ),
            Capability::Revert => write!(f, "{server} cannot revert a session"),
            Capability::Inbox => write!(f, "{server} cannot choose when a prompt is delivered"),
            Capability::Todo => write!(f, "{server} has no list of what a session has to do"),
            Capability::Shell => write!(f, "{server} cannot run a shell command in a session"),
            Capability::Command => write!(f, "{server} has no commands"),
            Capability::DeleteMessage => write!(f, "{server} cannot delete a message"),
            Capability::Worktree => write!(f, "{server} cannot work in another folder"),
            Capability::Changes => write!(f, "{server} does not list what a session changed"),
            Capability::PromptChanges => {
                write!(f, "{server} does not list what one prompt changed")
            }
        }
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_capability_is_in_the_list_once_and_has_a_sentence_of_its_own() {
        for (at, one) in Capability::ALL.into_iter().enumerate() {
            assert_eq!(one as usize, at);
        }
        let sentence = |what| {
            Incapable {
                server: "OpenCode 2",
                what,
            }
            .to_string()
        };
        let mut all = Capability::ALL.map(sentence);
        all.sort();
        assert!(all.windows(2).all(|pair| pair[0] != pair[1]));
        assert!(all.iter().all(|text| text.starts_with("OpenCode 2 ")));
    }

    #[test]
    fn versions_differ_in_what_they_can_do() {
        assert!(Capabilities::NONE.is_empty());
        assert!(!Capabilities::V1.has(Capability::Inbox));
        assert!(Capabilities::V1.has(Capability::DeleteMessage));
        assert!(Capabilities::V2.has(Capability::Inbox));
        assert!(!Capabilities::V2.has(Capability::DeleteMessage));
        assert_eq!(Capabilities::V1.iter().count(), Capability::ALL.len() - 1);
    }
}
