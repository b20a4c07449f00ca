//! Identifiers and numbers of OpenCode 2, which cannot be wrong once they exist.
//!
//! Ids are opaque and some are made by clients: they have no order, as it would say nothing.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::json::Text;
use crate::limits::ID_BYTES;

/// A text that cannot be an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadId {
    /// There is no character.
    #[error("an identifier is empty")]
    Empty,
    /// It is longer than [`ID_BYTES`].
    #[error("an identifier is longer than {ID_BYTES} bytes")]
    TooLong,
    /// It has white space or a control character.
    #[error("an identifier has a character that cannot be seen")]
    Unseen,
    /// It is `.` or `..`, which an address does not keep as a segment of its path.
    #[error("an identifier consists of dots")]
    Dots,
}

fn checked(text: &str) -> Result<&str, BadId> {
    match text {
        "" => Err(BadId::Empty),
        "." | ".." => Err(BadId::Dots),
        _ if text.len() > ID_BYTES => Err(BadId::TooLong),
        _ if text.chars().any(|c| c.is_whitespace() || c.is_control()) => Err(BadId::Unseen),
        _ => Ok(text),
    }
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes a text as an identifier.
            ///
            /// # Errors
            /// The text cannot be one.
            pub fn parse(text: &str) -> Result<Self, BadId> {
                checked(text).map(|text| Self(Arc::from(text)))
            }

            /// The identifier as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, BadId> {
                Self::parse(text)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Text::deserialize(deserializer)?;
                Self::parse(&text.0).map_err(D::Error::custom)
            }
        }
    )+};
}

ids! {
    /// A session.
    SessionId,
    /// A message of a session.
    MessageId,
    /// An item of a session's inbox.
    InboxId,
    /// A call of a tool; unique within its message alone.
    CallId,
    /// A request for permission.
    PermissionId,
    /// A form.
    FormId,
    /// A shell command.
    ShellId,
    /// Whose numbers a durable event counts on: almost always a session.
    AggregateId,
}

impl InboxId {
    /// The message that the item becomes when it is delivered.
    #[must_use]
    pub fn message(&self) -> MessageId {
        MessageId(Arc::clone(&self.0))
    }
}

impl MessageId {
    /// The item of the inbox that became this message, if it was one.
    #[must_use]
    pub fn inbox(&self) -> InboxId {
        InboxId(Arc::clone(&self.0))
    }
}

impl AggregateId {
    /// True if the numbers are those of this session.
    #[must_use]
    pub fn is(&self, session: &SessionId) -> bool {
        self.0 == session.0
    }
}

/// The number of a durable event in its session, from 0 in the order of commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

/// The place of a text or a reasoning among those of its kind in a message, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Ordinal(pub u32);

impl Seq {
    /// The number that follows without a hole.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl<'de> Deserialize<'de> for Seq {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        whole(deserializer).map(Self)
    }
}

impl<'de> Deserialize<'de> for Ordinal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = whole(deserializer)?;
        u32::try_from(number)
            .map(Self)
            .map_err(|_| D::Error::custom("an ordinal is too large"))
    }
}

/// The largest number up to which each whole number is one of JavaScript's.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A whole number from 0, which may be written as a float. Anything else is refused: it would be another place.
fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let number = f64::deserialize(deserializer)?;
    if (0.0..=EXACT).contains(&number) && number.fract() == 0.0 {
        Ok(number as u64)
    } else {
        Err(D::Error::custom("a number is not a whole one from 0"))
    }
}

/// When a run ended, or up to which end a person has seen the session, exactly as the server wrote it: the mark that is sent back has to
/// be no less than it.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Mark(f64);

impl Mark {
    /// The mark in milliseconds.
    #[must_use]
    pub fn millis(self) -> f64 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Mark {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = f64::deserialize(deserializer)?;
        if number.is_finite() {
            Ok(Self(number))
        } else {
            Err(D::Error::custom("a time is not a number"))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_an_identifier_is_refused() {
        let long = "x".repeat(ID_BYTES + 1);
        for (text, reason) in [
            ("", BadId::Empty),
            (".", BadId::Dots),
            ("..", BadId::Dots),
            (&long, BadId::TooLong),
            ("a b", BadId::Unseen),
            ("a\u{7}", BadId::Unseen),
        ] {
            assert_eq!(SessionId::parse(text), Err(reason), "{text}");
        }
        for text in ["ses_1", "global", "a/b", "日本", "..."] {
            assert_eq!(SessionId::parse(text).unwrap().as_str(), text);
        }
        assert!(serde_json::from_str::<MessageId>("7").is_err());
        assert!(serde_json::from_str::<MessageId>("\"\"").is_err());
    }

    #[test]
    fn only_whole_numbers_are_places() {
        for text in ["7", "7.0", "7e0"] {
            assert_eq!(serde_json::from_str::<Seq>(text).unwrap(), Seq(7));
        }
        for text in ["-1", "1.5", "1e300", "\"7\"", "null"] {
            assert!(serde_json::from_str::<Seq>(text).is_err(), "{text}");
        }
        assert!(serde_json::from_str::<Ordinal>("5000000000").is_err());
    }

    #[test]
    fn a_delivered_item_is_the_message() {
        let item = InboxId::parse("msg_1").unwrap();
        assert_eq!(item.message().inbox(), item);
        let session = SessionId::parse("s").unwrap();
        assert!(AggregateId::parse("s").unwrap().is(&session));
    }
}
