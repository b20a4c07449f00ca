//! Who makes a request, and what that one may do.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

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

impl Power {
    /// The role that a token needs to have it.
    pub const fn role(self) -> Role {
        match self {
            Self::Watch => Role::Watch,
            Self::Answer => Role::Answer,
            Self::Drive => Role::Drive,
            Self::Admin => Role::Admin,
        }
    }
}

/// A set of powers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Powers(u8);

impl Powers {
    /// Every power.
    pub const ALL: Self = Self(0b1111);

    /// No power.
    pub const NONE: Self = Self(0);

    /// These powers and one more.
    #[must_use]
    pub const fn with(self, power: Power) -> Self {
        Self(self.0 | 1 << power as u8)
    }

    /// These powers and those.
    #[must_use]
    pub const fn and(self, those: Self) -> Self {
        Self(self.0 | those.0)
    }

    /// True if the set has it.
    pub const fn has(self, power: Power) -> bool {
        self.0 & (1 << power as u8) != 0
    }
}

/// What a token is made for: a named set of powers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads.
    Watch,
    /// Reads, and answers permission requests and questions.
    Answer,
    /// Reads, sends prompts, and makes, stops and deletes sessions. Does not answer.
    Drive,
    /// Everything.
    Admin,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Watch, Self::Answer, Self::Drive, Self::Admin];

    /// What it may do.
    pub const fn powers(self) -> Powers {
        let watch = Powers::NONE.with(Power::Watch);
        match self {
            Self::Watch => watch,
            Self::Answer => watch.with(Power::Answer),
            Self::Drive => watch.with(Power::Drive),
            Self::Admin => Powers::ALL,
        }
    }

    /// Its name, as people write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Watch => "watch",
            Self::Answer => "answer",
            Self::Drive => "drive",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// It is no role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a role is `watch`, `answer`, `drive` or `admin`")]
pub struct NoRole;

impl FromStr for Role {
    type Err = NoRole;

    fn from_str(text: &str) -> Result<Self, NoRole> {
        let named = Self::ALL.into_iter().find(|role| role.name() == text);
        named.ok_or(NoRole)
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

    /// The user's own command line, by the token in the data directory. It does not answer: an agent that runs as the same
    /// user can read that file.
    pub fn command_line() -> Self {
        let powers = Powers::NONE
            .with(Power::Watch)
            .with(Power::Drive)
            .with(Power::Admin);
        Self {
            name: "command line".into(),
            powers,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_admin_has_more_than_its_own_power() {
        let powers = [Power::Watch, Power::Answer, Power::Drive, Power::Admin];
        for role in Role::ALL {
            for power in powers {
                let has = role == Role::Admin || power == Power::Watch || power.role() == role;
                assert_eq!(role.powers().has(power), has, "{role} {power:?}");
            }
            assert_eq!(role.name().parse(), Ok(role));
        }
        assert_eq!("root".parse::<Role>(), Err(NoRole));
        assert!(!Caller::command_line().powers.has(Power::Answer));
    }
}
