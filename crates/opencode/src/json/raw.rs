//! An object's own JSON text.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// A JSON value in its original text: cheap to clone, and serialized as that text.
#[derive(Clone)]
pub struct Raw(Arc<RawValue>);

impl Raw {
    /// Parses `json`, replacing its lone surrogates.
    ///
    /// # Errors `json` is not exactly one JSON value.
    pub fn parse(json: &str) -> Result<Self, serde_json::Error> {
        RawValue::from_string(super::sanitize(json).into_owned()).map(|raw| Self(Arc::from(raw)))
    }

    /// Copies a value, replacing its lone surrogates.
    ///
    /// # Errors None for a parsed value: the replacement preserves valid JSON.
    pub(crate) fn of(value: &RawValue) -> Result<Self, serde_json::Error> {
        match super::sanitize(value.get()) {
            Cow::Borrowed(_) => Ok(Self(Arc::from(value.to_owned()))),
            Cow::Owned(text) => RawValue::from_string(text).map(|raw| Self(Arc::from(raw))),
        }
    }

    /// The JSON text.
    #[must_use]
    pub fn get(&self) -> &str {
        self.0.get()
    }
}

impl From<Raw> for Arc<RawValue> {
    fn from(raw: Raw) -> Self {
        raw.0
    }
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.get())
    }
}

impl PartialEq for Raw {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl Eq for Raw {}

impl Serialize for Raw {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(|raw| Self(Arc::from(raw)))
    }
}
