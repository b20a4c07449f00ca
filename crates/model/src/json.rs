//! JSON stored verbatim.
//!
//! The API answers in OpenCode's own shapes, including fields that Drovers does not know. So each object keeps its
//! text beside what was read from it; it is parsed again only by those who show it.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// A valid JSON text, cheap to clone. Two are equal if their texts are.
#[derive(Clone)]
pub struct Json(Arc<RawValue>);

impl Json {
    /// Checks and takes a JSON text.
    ///
    /// # Errors
    /// The parser's error when `text` is not one JSON value.
    pub fn parse(text: String) -> Result<Self, serde_json::Error> {
        RawValue::from_string(text).map(Self::from)
    }

    /// The text of a value.
    pub fn of(value: &serde_json::Value) -> Self {
        Self::parse(value.to_string()).unwrap_or_else(|_| Self::null())
    }

    /// JSON's `null`.
    pub fn null() -> Self {
        Self::from(RawValue::NULL.to_owned())
    }

    /// The text.
    pub fn get(&self) -> &str {
        self.0.get()
    }

    /// The parsed value; `null` where the text holds what serde_json cannot represent (a lone surrogate).
    pub fn value(&self) -> serde_json::Value {
        serde_json::from_str(self.get()).unwrap_or_default()
    }
}

impl From<Box<RawValue>> for Json {
    fn from(raw: Box<RawValue>) -> Self {
        Self(raw.into())
    }
}

impl From<Arc<RawValue>> for Json {
    fn from(raw: Arc<RawValue>) -> Self {
        Self(raw)
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.get())
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}
