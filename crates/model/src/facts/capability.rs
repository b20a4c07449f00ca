//! What a server can do.

use std::fmt;

use serde::{Serialize, Serializer};

/// Something that one server can do and another cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
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
    /// Serves all folders of a person: it has none of its own, and each session names one.
    ManyFolders,
    /// Numbers what happens in a session, and tells the newest number: what was read can be proven to be the same as the server's.
    Proof,
    /// Keeps what a person has looked at, for all of its clients.
    Marks,
}

impl Capability {
    /// All of them.
    pub const ALL: [Self; 15] = [
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
        Self::ManyFolders,
        Self::Proof,
        Self::Marks,
    ];

    const fn bit(self) -> u32 {
        1 << self as u16
    }

    /// Its name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fork => "fork",
            Self::Compact => "compact",
            Self::CompactModel => "compact_model",
            Self::Revert => "revert",
            Self::Inbox => "inbox",
            Self::Todo => "todo",
            Self::Shell => "shell",
            Self::Command => "command",
            Self::DeleteMessage => "delete_message",
            Self::Worktree => "worktree",
            Self::Changes => "changes",
            Self::PromptChanges => "prompt_changes",
            Self::ManyFolders => "many_folders",
            Self::Proof => "proof",
            Self::Marks => "marks",
        }
    }
}

/// What a server can do, as a set. Of a server that takes no commands it is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities(u32);

impl Capabilities {
    /// Nothing: the server only sends events.
    pub const NONE: Self = Self(0);

    /// All but these.
    #[must_use]
    pub const fn all_but(missing: &[Capability]) -> Self {
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

    /// Each thing that the server cannot do.
    pub fn missing(self) -> impl Iterator<Item = Capability> {
        Capability::ALL
            .into_iter()
            .filter(move |one| !self.has(*one))
    }
}

impl Serialize for Capabilities {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

/// A kind of server: what it is called, and what it can do. All that differs between kinds of servers for pages, commands and
/// programs is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerKind {
    /// What it is, such as `OpenCode 1`: for sentences.
    pub product: &'static str,
    /// What it can do.
    pub can: Capabilities,
}

impl ServerKind {
    /// OpenCode 1.
    pub const V1: Self = Self {
        product: "OpenCode 1",
        can: Capabilities::all_but(&[
            Capability::Inbox,
            Capability::ManyFolders,
            Capability::Proof,
            Capability::Marks,
        ]),
    };

    /// OpenCode 2.
    pub const V2: Self = Self {
        product: "OpenCode 2",
        can: Capabilities::all_but(&[
            Capability::CompactModel,
            Capability::Todo,
            Capability::DeleteMessage,
            Capability::PromptChanges,
        ]),
    };

    /// A server that only sends events.
    pub const EVENTS_ONLY: Self = Self {
        product: "This server",
        can: Capabilities::NONE,
    };

    /// Why such a server does not do something; absent if it can.
    #[must_use]
    pub fn refuses(self, what: Capability) -> Option<Incapable> {
        let server = self.product;
        (!self.can.has(what)).then_some(Incapable { server, what })
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
            Capability::ManyFolders => write!(f, "{server} has a folder of its own"),
            Capability::Proof => write!(f, "{server} does not number what happens in a session"),
            Capability::Marks => write!(f, "{server} does not keep what a person has looked at"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_capability_is_in_the_list_once_and_has_a_name_and_a_sentence_of_its_own() {
        for (at, one) in Capability::ALL.into_iter().enumerate() {
            assert_eq!(one as usize, at);
            let written = serde_json::to_value(one).unwrap_or_default();
            assert_eq!(written, one.name());
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
        let (first, second) = (ServerKind::V1.can, ServerKind::V2.can);
        assert!(Capabilities::NONE.is_empty());
        assert!(!first.has(Capability::Inbox) && first.has(Capability::DeleteMessage));
        assert!(second.has(Capability::Inbox) && !second.has(Capability::DeleteMessage));
        assert!(second.has(Capability::ManyFolders) && !first.has(Capability::ManyFolders));
        for kind in [ServerKind::V1, ServerKind::V2, ServerKind::EVENTS_ONLY] {
            let both = kind.can.iter().count() + kind.can.missing().count();
            assert_eq!(both, Capability::ALL.len());
            for one in Capability::ALL {
                assert_eq!(kind.refuses(one).is_none(), kind.can.has(one));
            }
        }
    }
}
