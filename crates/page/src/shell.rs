//! The document around everything.

use std::sync::Arc;

use model::time::Timestamp;
use model::view::Seen;

/// What a document needs beside what is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The hub's start.
    pub epoch: &'a str,
    /// Version of Drovers.
    pub version: &'a str,
    /// The hub's clock.
    pub now: Timestamp,
    /// Folders that were worked in lately, newest first.
    pub recent: &'a [Arc<str>],
    /// What a person should know about the hub itself.
    pub notices: &'a [Notice],
}

/// Something about the hub itself: a fact, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// In words.
    pub text: Arc<str>,
}

pub(crate) fn document(seen: &Seen, context: &Context<'_>, messages: &[String]) -> String {
    let _ = (seen, context);
    messages.concat()
}
