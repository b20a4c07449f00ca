//! The server's own clock, as far as its replies tell: HTTP's `Date`.

use std::time::{Instant, UNIX_EPOCH};

use reqwest::header::{DATE, HeaderMap};

/// A reply that told its server's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dated {
    /// What it told, in whole seconds of the Unix epoch: up to a second before the moment at which it was written.
    pub seconds: i64,
    /// When the request was about to be sent.
    pub asked: Instant,
    /// When the reply had begun to arrive.
    pub answered: Instant,
}

impl Dated {
    /// What the headers of a reply that arrives now tell; none where they tell no time.
    pub(super) fn read(headers: &HeaderMap, asked: Instant) -> Option<Self> {
        let answered = Instant::now();
        let told = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
        let since = told.duration_since(UNIX_EPOCH).ok()?;
        Some(Self {
            seconds: i64::try_from(since.as_secs()).ok()?,
            asked,
            answered,
        })
    }
}
