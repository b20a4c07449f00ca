//! Borrowed text.

use std::borrow::Cow;

use serde::Deserialize;

/// A string, borrowed if it is written without escapes. Within an `Option`, `Cow` alone would always be owned.
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

impl<'a> Text<'a> {
    pub(crate) fn get(self) -> Cow<'a, str> {
        self.0
    }
}
