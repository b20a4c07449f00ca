//! Who makes a request, and what that one may do.

use std::sync::Arc;

/// One thing that a caller may be allowed to do. None includes another one: a role is a set of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Power {
    /// Read: instances, sessions, messages, both feeds.
    Watch,
    /// Answer permission requests and questions.
    Answer,
    /// Send prompts; make, change, stop and delete sessions.
    Drive,
    /// Add and remove instances; make, list and revoke tokens.
    Admin,
}

/// A set of powers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Powers(u8);

impl Powers {
    /// Every power.
    pub const ALL: Self = Self(0b1111);

    /// These powers and one more.
    #[must_use]
    pub const fn with(self, power: Power) -> Self {
        Self(self.0 | 1 << power as u8)
    }

    /// True if the set has it.
    pub const fn has(self, power: Power) -> bool {
        self.0 & (1 << power as u8) != 0
    }
}

/// Who makes a request. Every admitted request carries one, as an extension; cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The device or token, as the audit log names it, such as `page 3f2a (Firefox)` or `token ci`.
    pub name: Arc<str>,
    /// What it may do.
    pub powers: Powers,
}

impl Caller {
    /// The caller of a hub that asks nobody who they are (`--no-auth`): everybody, with every power.
    pub fn anybody() -> Self {
        Self {
            name: "anybody (--no-auth)".into(),
            powers: Powers::ALL,
        }
    }
}
