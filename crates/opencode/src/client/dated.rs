//! The server's clock, from the `Date` header of its replies.

use std::time::{Instant, UNIX_EPOCH};

use reqwest::header::{DATE, HeaderMap};

/// A reply with its server's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimedReply {
    /// The server's time in seconds since 1970, truncated: up to a second before the reply was written.
    pub seconds: i64,
    /// Time at which the request was about to be sent.
    pub asked: Instant,
    /// Time at which the reply began to arrive.
    pub answered: Instant,
}

impl TimedReply {
    /// The server's time in the headers of a reply that arrives now; `None` if they have no `Date`.
    pub(super) fn read(headers: &HeaderMap, asked: Instant) -> Option<Self> {
        let answered = Instant::now();
        let date = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
        let since = date.duration_since(UNIX_EPOCH).ok()?;
        Some(Self {
            seconds: i64::try_from(since.as_secs()).ok()?,
            asked,
            answered,
        })
    }
}
