//! Labels, colours and URLs, each defined in one place.

use std::borrow::Cow;
use std::fmt::Write as _;

use model::ids::{InstanceId, SessionId};
use model::plain;
use model::state::{LinkStatus, UNTITLED, Usage};
use model::view::{Mark, Viewport};

use crate::language::{number, sentence, t};
use crate::links::{Span, stretches};

/// True for a version of OpenCode 2 or later.
pub(crate) fn is_second(version: &str) -> bool {
    let major = version.split('.').next().unwrap_or_default();
    major.parse::<u64>().is_ok_and(|major| major >= 2)
}

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

/// Urgency of a state: the order in which a person has to look at sessions, most urgent highest; 0 for what is quiet.
pub(crate) fn urgency(mark: Mark) -> u8 {
    match mark {
        Mark::NeedsYou => 7,
        Mark::Failed => 6,
        Mark::Interrupted => 5,
        Mark::Retrying => 4,
        Mark::ToReview => 3,
        Mark::Stale => 2,
        Mark::Working => 1,
        Mark::Idle | Mark::Recorded => 0,
    }
}

/// Machine-readable name of a link's state.
pub(crate) fn link(status: &LinkStatus) -> &'static str {
    match status {
        LinkStatus::Connecting { .. } => "connecting",
        LinkStatus::Connected => "connected",
        LinkStatus::Stale => "stale",
        LinkStatus::Error { .. } => "error",
        LinkStatus::Disconnected { .. } => "disconnected",
    }
}

/// URL of a viewport, without its message window.
pub(crate) fn path(look: &Viewport) -> String {
    match (&look.instance, &look.session) {
        (Some(instance), Some(session)) => session_path(instance.as_str(), session.as_str()),
        (Some(instance), None) => instance_path(instance.as_str()),
        (None, _) => "/".to_owned(),
    }
}

/// The address of an instance's page.
pub fn instance_path(instance: &str) -> String {
    format!("/i/{}", encode(instance))
}

/// The address of a session's page.
pub fn session_path(instance: &str, session: &str) -> String {
    format!("/i/{}/s/{}", encode(instance), encode(session))
}

/// The address of the review page of a session, or of an instance.
pub fn review_path(instance: &str, session: Option<&str>) -> String {
    let page = match session {
        Some(session) => session_path(instance, session),
        None => instance_path(instance),
    };
    format!("{page}/review")
}

/// The address of the page that compares a parallel run.
pub(crate) fn parallel_path(instance: &str, parallel: &str) -> String {
    format!("/i/{}/parallel/{}", encode(instance), encode(parallel))
}

/// URL of the command that continues an interrupted session.
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

/// A text that a machine wrote, with what commands a terminal or hides in it made visible.
pub(crate) fn shown(text: &str) -> Cow<'_, str> {
    let plain = |c: char| plain::is_shown(c) || matches!(c, '\n' | '\t');
    match text.chars().all(plain) {
        true => Cow::Borrowed(text),
        false => Cow::Owned(plain::block(text)),
    }
}

/// Makes visible, each as a mark, what commands a terminal or hides in a text that is HTML already.
pub(crate) fn marks(html: &str) -> Cow<'_, str> {
    let is_plain = |c: char| plain::is_shown(c) || matches!(c, '\n' | '\t');
    if html.chars().all(is_plain) {
        return Cow::Borrowed(html);
    }
    let mut out = String::with_capacity(html.len() + 256);
    let mut mark = [0; 4];
    for c in html.chars() {
        // Joiners and returns are part of the writing or not, by what is beside them.
        if is_plain(c) || matches!(c, '\r' | '\u{200c}' | '\u{200d}' | '\u{fe0e}' | '\u{fe0f}') {
            out.push(c);
        } else {
            let shown = plain::block(c.encode_utf8(&mut mark));
            out.extend(["<span class=\"odd\">", &shown, "</span>"]);
        }
    }
    Cow::Owned(plain::block(&out))
}

/// Escapes a text, with what commands a terminal or hides in it as visible marks.
pub(crate) fn visible(text: &str) -> String {
    marks(&escape(text)).into_owned()
}

/// Escapes a text as [`escape`] does; the addresses in it are links.
pub(crate) fn linked(text: &str) -> String {
    if !text.contains("://") {
        return escape(text);
    }
    let mut out = String::with_capacity(text.len() + text.len() / 16);
    for stretch in stretches(text) {
        match stretch {
            Span::Text(text) => out.push_str(&escape(text)),
            Span::Link(url) => {
                let url = escape(url);
                let rel = "target=\"_blank\" rel=\"noopener noreferrer\"";
                out.extend(["<a href=\"", &url, "\" ", rel, ">", &url, "</a>"]);
            }
        }
    }
    out
}

/// A duration in words: `0.4 s`, `4 s`, `2 min`, `1 h 5 min`.
pub(crate) fn duration(ms: u64) -> String {
    match ms {
        0..1_000 => {
            let tenths = format!("{}.{}", ms / 1_000, ms % 1_000 / 100);
            t!("{s} s", s = number(tenths))
        }
        1_000..60_000 => t!("{s} s", s = ms / 1_000),
        60_000..3_600_000 => t!(
            "{min} min {s} s",
            min = ms / 60_000,
            s = ms % 60_000 / 1_000
        ),
        _ => t!(
            "{h} h {min} min",
            h = ms / 3_600_000,
            min = ms % 3_600_000 / 60_000
        ),
    }
}

/// What was used today in words: `$1.20 · 340.1k tokens today`; none where nothing was.
pub(crate) fn used(today: Usage) -> Option<String> {
    let tokens = match today.tokens {
        0 => return None,
        tokens => count(tokens),
    };
    Some(if today.cost < 0.005 {
        t!("{count} tokens today", count = tokens)
    } else {
        t!(
            "{cost} · {count} tokens today",
            cost = money(today.cost),
            count = tokens
        )
    })
}

/// A size in words: `950 B`, `34 KB`, `1.2 MB`.
pub(crate) fn bytes(n: u64) -> String {
    match n {
        0..1_000 => format!("{n} B"),
        1_000..1_000_000 => format!("{} KB", n.div_ceil(1_000)),
        _ => number(format!("{}.{} MB", n / 1_000_000, n % 1_000_000 / 100_000)),
    }
}

/// A count in at most four figures: `950`, `12.3k`, `1.2M`.
pub(crate) fn count(n: u64) -> String {
    match n {
        0..1_000 => n.to_string(),
        1_000..1_000_000 => number(format!("{}.{}k", n / 1_000, n % 1_000 / 100)),
        _ => number(format!("{}.{}M", n / 1_000_000, n % 1_000_000 / 100_000)),
    }
}

/// An amount of US dollars: `$1.20`.
pub(crate) fn money(dollars: f64) -> String {
    t!("${amount}", amount = number(format!("{dollars:.2}")))
}

/// The title of a session, or that it has none.
pub(crate) fn title(title: &str) -> &str {
    match title {
        UNTITLED => t("Untitled"),
        title => title,
    }
}

/// Verb of a permission request, by the kind of the permission.
pub(crate) fn verb(kind: &str) -> Cow<'_, str> {
    sentence(model::view::verb(kind))
}
