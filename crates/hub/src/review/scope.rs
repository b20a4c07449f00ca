//! What a review compares: one list for the page, the API and the command line.

use serde::Deserialize;

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// What the session changed, as its server recorded it.
    Session,
    /// What the last prompt changed, as the server recorded it.
    Turn,
    /// The last commit with the work tree.
    Uncommitted,
    /// The index with the work tree.
    Unstaged,
    /// The last commit with the index.
    Staged,
    /// Where this branch left another one, with the work tree.
    Branch,
}

impl Scope {
    /// All of them, in the order in which they are offered.
    pub const ALL: [Self; 6] = [
        Self::Session,
        Self::Turn,
        Self::Uncommitted,
        Self::Unstaged,
        Self::Staged,
        Self::Branch,
    ];

    /// Its name in the API and on the command line.
    pub fn word(self) -> &'static str {
        self.texts().0
    }

    /// Its label on the page.
    pub fn label(self) -> &'static str {
        self.texts().1
    }

    /// What it compares, in words.
    pub fn about(self) -> &'static str {
        self.texts().2
    }

    /// True if a server recorded it of a session.
    pub fn is_of_session(self) -> bool {
        matches!(self, Self::Session | Self::Turn)
    }

    fn texts(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Session => ("session", "This session", "What the session changed"),
            Self::Turn => ("turn", "Last turn", "What the last prompt changed"),
            Self::Uncommitted => (
                "uncommitted",
                "Uncommitted",
                "The last commit with the work tree",
            ),
            Self::Unstaged => (
                "unstaged",
                "Not staged",
                "What is staged with the work tree",
            ),
            Self::Staged => ("staged", "Staged", "The last commit with what is staged"),
            Self::Branch => (
                "branch",
                "Branch",
                "Where the branch left another one, with the work tree",
            ),
        }
    }
}
