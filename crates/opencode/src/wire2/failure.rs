//! Errors inside of events and messages.

use serde::Deserialize;
use serde_json::Value;

use crate::json::{Raw, one_line};

/// An error of a step, a tool, a run or a compaction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Failure {
    /// Its kind, such as `provider.rate-limit`, `permission.rejected` or `aborted`.
    pub kind: String,
    /// A sentence, or the kind if there is none.
    pub message: String,
    /// Status of the provider's reply.
    pub status: Option<u64>,
    /// Milliseconds until which the provider asked to wait.
    pub retry_after_ms: Option<u64>,
}

impl Failure {
    /// True if a person stopped it, which is not a failure.
    #[must_use]
    pub fn is_abort(&self) -> bool {
        self.kind == "aborted"
    }
}

/// Providers and plugins write errors of any form: every value decodes as one.
impl<'de> Deserialize<'de> for Failure {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Raw::deserialize(deserializer)?;
        let value: Value = serde_json::from_str(raw.get()).unwrap_or_default();
        let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let number = |name: &str| {
            let number = value.get(name).and_then(Value::as_f64)?;
            (number.is_finite() && number >= 0.0).then_some(number as u64)
        };
        let kind = text("type").unwrap_or_default();
        let message = text("message").or_else(|| value.as_str().map(str::to_owned));
        let message = message.filter(|message| !message.trim().is_empty());
        let message = message.unwrap_or_else(|| match kind.is_empty() {
            true => one_line(raw.get()),
            false => kind.clone(),
        });
        Ok(Self {
            kind,
            message,
            status: number("status"),
            retry_after_ms: number("retryAfterMs"),
        })
    }
}
