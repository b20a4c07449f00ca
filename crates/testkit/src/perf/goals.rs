//! What the page must keep to. Every goal is here and nowhere else.

use super::Screen;

/// Which side of a bound is good.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// At most this much.
    Most(f64),
    /// At least this much.
    Least(f64),
}

impl Bound {
    /// Whether a value keeps to it.
    #[must_use]
    pub fn holds(self, value: f64) -> bool {
        match self {
            Self::Most(most) => value <= most,
            Self::Least(least) => value >= least,
        }
    }
}

/// Bytes of the page without a conversation: document, script, style and icon, by brotli.
pub const SHELL_BYTES: f64 = 40_000.0;
/// Bytes of the page with a hundred messages, by brotli.
pub const HUNDRED_MESSAGES_BYTES: f64 = 120_000.0;
/// Elements and texts of the document of a long session.
pub const NODES: f64 = 10_000.0;
/// Requests of a first load: document, script, style, icon, socket.
pub const REQUESTS: f64 = 6.0;
/// Bytes of the script heap after a long session has been opened.
pub const HEAP_BYTES: f64 = 4e6;

/// Figure, goal on a desktop, goal on a phone.
const GOALS: [(&str, Option<Bound>, Option<Bound>); 12] = {
    use Bound::{Least, Most};
    [
        ("open.first_content", Some(Most(300.0)), Some(Most(1000.0))),
        (
            "open.bytes",
            Some(Most(HUNDRED_MESSAGES_BYTES)),
            Some(Most(HUNDRED_MESSAGES_BYTES)),
        ),
        ("open.nodes", Some(Most(NODES)), Some(Most(NODES))),
        ("open.requests", Some(Most(REQUESTS)), Some(Most(REQUESTS))),
        (
            "open.heap",
            Some(Most(HEAP_BYTES / 1e6)),
            Some(Most(HEAP_BYTES / 1e6)),
        ),
        ("shell.bytes", Some(Most(SHELL_BYTES)), None),
        ("hundred.bytes", Some(Most(HUNDRED_MESSAGES_BYTES)), None),
        ("*.longest_block", Some(Most(50.0)), Some(Most(100.0))),
        ("*.busy", Some(Most(100.0)), Some(Most(300.0))),
        ("*.frames", None, Some(Least(55.0))),
        ("*.caught_up", Some(Most(100.0)), Some(Most(250.0))),
        ("heap.growth", Some(Most(1.5)), Some(Most(1.5))),
    ]
};

/// The goal of a figure, if it has one. A `*` stands for each kind of reply.
#[must_use]
pub fn goal(figure: &str, screen: Screen) -> Option<Bound> {
    let of_reply = figure
        .split_once('.')
        .filter(|(kind, _)| *kind != "open")
        .map(|(_, what)| what);
    let (_, desktop, phone) = GOALS.iter().find(|(name, ..)| {
        *name == figure
            || name
                .strip_prefix("*.")
                .is_some_and(|what| Some(what) == of_reply)
    })?;
    match screen {
        Screen::Desktop => *desktop,
        Screen::Phone => *phone,
    }
}
