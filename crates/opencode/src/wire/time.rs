//! Times of the protocol.

use serde::{Deserialize, Deserializer, Serialize};

/// A time as Unix milliseconds. OpenCode writes whole numbers, but its schema allows floats.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Millis(pub i64);

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // f64 is exact up to 2^53 ms (the year 287396); `as` saturates beyond.
        f64::deserialize(deserializer).map(|millis| Self(millis.round() as i64))
    }
}

/// The `time` object of parts and messages, whose keys differ by type.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(crate) struct TimeWire {
    pub(crate) created: Option<Millis>,
    pub(crate) completed: Option<Millis>,
    pub(crate) start: Option<Millis>,
    pub(crate) end: Option<Millis>,
}
