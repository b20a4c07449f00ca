//! The caller of a request, and its powers.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// One power of a caller. No power includes another one: a role is a set of powers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Power {
    /// Read: instances, sessions, messages, both feeds.
    Watch,
    /// Answer permission requests and questions.
    Answer,
    /// Send prompts; create, change, stop and delete sessions.
    Drive,
    /// Add and remove instances; create, list and revoke tokens.
    Admin,
}

impl Power {
    /// The role that a token needs for this power.
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

    /// The union of both sets.
    #[must_use]
    pub const fn and(self, those: Self) -> Self {
        Self(self.0 | those.0)
    }

    /// True if the set has all of those powers.
    pub const fn includes(self, those: Self) -> bool {
        self.0 & those.0 == those.0
    }

    /// True if the set has the power.
    pub const fn has(self, power: Power) -> bool {
        self.0 & (1 << power as u8) != 0
    }
}

/// The role of a token: a named set of powers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Read access.
    Watch,
    /// Read access, and answers to permission requests and questions.
    Answer,
    /// Read access and prompts; creates, stops and deletes sessions. Cannot answer requests.
    Drive,
    /// Every power.
    Admin,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Watch, Self::Answer, Self::Drive, Self::Admin];

    /// The powers of the role.
    pub const fn powers(self) -> Powers {
        let watch = Powers::NONE.with(Power::Watch);
        match self {
            Self::Watch => watch,
            Self::Answer => watch.with(Power::Answer),
            Self::Drive => watch.with(Power::Drive),
            Self::Admin => Powers::ALL,
        }
    }

    /// Name of the role in the command line and API.
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

/// The text is not the name of a role.
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

/// The caller of a request. Every admitted request carries one as an extension; cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Name of the device or token in the audit log, such as `page 3f2a (Firefox)` or `token ci`.
    pub name: Arc<str>,
    /// The powers of the caller.
    pub powers: Powers,
}

impl Caller {
    /// The caller of a hub without authentication (`--no-auth`), with every power.
    pub fn anybody() -> Self {
        Self {
            name: "anybody (--no-auth)".into(),
            powers: Powers::ALL,
        }
    }

    /// The user's own command line, authenticated by the token in the data directory. It cannot answer requests: an
    /// agent that runs as the same user can read that file.
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
