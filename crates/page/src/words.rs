//! Words and marks for states, and addresses of things, each in one place.

use std::fmt::Write as _;

use model::ids::{InstanceId, SessionId};
use model::state::LinkStatus;
use model::view::{Look, Mark};

/// The name of a state's colour.
pub(crate) fn colour(mark: Mark) -> &'static str {
    match mark {
        Mark::NeedsYou => "need",
        Mark::Working | Mark::Retrying => "work",
        Mark::ToReview => "done",
        Mark::Failed | Mark::Interrupted => "bad",
        Mark::Stale | Mark::Idle | Mark::Recorded => "quiet",
    }
}

/// A link's state in a word, for programs that look at the page.
pub(crate) fn link(status: &LinkStatus) -> &'static str {
    match status {
        LinkStatus::Connecting { .. } => "connecting",
        LinkStatus::Connected => "connected",
        LinkStatus::Stale => "stale",
        LinkStatus::Error { .. } => "error",
        LinkStatus::Disconnected { .. } => "disconnected",
    }
}

/// The address of what is looked at, without its window.
pub(crate) fn path(look: &Look) -> String {
    match (&look.instance, &look.session) {
        (Some(instance), Some(session)) => session_path(instance.as_str(), session.as_str()),
        (Some(instance), None) => instance_path(instance.as_str()),
        (None, _) => "/".to_owned(),
    }
}

/// The address of an instance's page.
pub(crate) fn instance_path(instance: &str) -> String {
    format!("/i/{}", encode(instance))
}

/// The address of a session's page.
pub(crate) fn session_path(instance: &str, session: &str) -> String {
    format!("/i/{}/s/{}", encode(instance), encode(session))
}

/// Where a session is told to go on that was interrupted.
pub(crate) fn continue_url(instance: &InstanceId, session: &SessionId) -> String {
    let (instance, session) = (encode(instance.as_str()), encode(session.as_str()));
    format!("/api/instances/{instance}/sessions/{session}/continue")
}

/// Percent-encodes all but unreserved characters of RFC 3986, and `:`, which paths and queries allow.
pub(crate) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' => {
                out.push(char::from(byte))
            }
            // Writing to a string cannot fail.
            _ => drop(write!(out, "%{byte:02X}")),
        }
    }
    out
}

/// Escapes text exactly as browsers do when they write an element's content back.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\u{a0}' => out.push_str("&nbsp;"),
            c => out.push(c),
        }
    }
    out
}

/// A duration in words: `0.4 s`, `4 s`, `2 min`, `1 h 5 min`.
pub(crate) fn duration(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        1_000..60_000 => format!("{} s", ms / 1_000),
        60_000..3_600_000 => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1_000),
        _ => format!("{} h {} min", ms / 3_600_000, ms % 3_600_000 / 60_000),
    }
}

/// A count in at most four figures: `950`, `12.3k`, `1.2M`.
pub(crate) fn count(n: u64) -> String {
    match n {
        0..1_000 => n.to_string(),
        1_000..1_000_000 => format!("{}.{}k", n / 1_000, n % 1_000 / 100),
        _ => format!("{}.{}M", n / 1_000_000, n % 1_000_000 / 100_000),
    }
}
