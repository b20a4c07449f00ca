//! The event inspector: the panel that its script fills, and a session as it was at a moment.
//!
//! Types, ids and everything else of a frame are anybody's: all of them are escaped, and what hides is shown.

use maud::{Markup, PreEscaped, html};
use model::plain;
use model::time::Timestamp;
use model::view::{LogState, NeedKind, ViewDelta};

use crate::assets::chunk_path;
use crate::language::{sentence, t};
use crate::limits;
use crate::render::Renderer;
use crate::words::{bytes, title};

/// A step near the shown moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearStep {
    /// The number of steps after which this one has happened.
    pub steps: usize,
    /// The frame; `None` for a gap.
    pub frame: Option<NearFrame>,
}

/// A frame near the shown moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearFrame {
    /// The cursor after it.
    pub cursor: String,
    /// Time of arrival.
    pub at: Timestamp,
    /// Its type.
    pub name: String,
    /// Bytes of its JSON.
    pub bytes: usize,
}

/// A moment of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastMoment {
    /// The number of steps after which it was so.
    pub steps: usize,
    /// The number of all steps.
    pub of: usize,
    /// True if older frames of the session are not part of these steps.
    pub cut: bool,
    /// True if the session existed before its first frame.
    pub begins_late: bool,
    /// True if entries before this moment are missing.
    pub after_gap: bool,
    /// The steps around it.
    pub near: Vec<NearStep>,
}

/// The panel, which is empty until frames arrive.
pub fn inspect_panel() -> String {
    html! {
        section #inspector data-frames=(chunk_path("frames")) data-travel=(chunk_path("travel")) aria-label=(t("Event inspector")) {
            header.row {
                h2 { (t("Event inspector")) }
                select name="hop" aria-label=(t("Hop")) {
                    option value="" { (t("Both hops")) }
                    option value="in" { (t("Server → hub")) }
                    option value="out" { (t("Hub → this page")) }
                }
                select name="instance" aria-label=(t("Instance")) { option value="" { (t("All instances")) } }
                (filter("session", t("Session")))
                (filter("type", t("Type")))
                (filter("text", t("Text in the frame")))
                span.grow {}
                button type="button" data-act="pause" aria-pressed="false" title=(t("Pause (p)")) { (t("Pause")) }
                button type="button" data-act="travel" title=(t("Session as it was (t)")) { (t("Session as it was")) }
                button type="button" data-act="export" title=(t("Export the shown range, with all texts left out")) { (t("Export")) }
                button type="button" data-act="open" title=(t("Open an exported bundle")) { (t("Open a bundle")) }
                input type="file" name="bundle" accept=".ndjson,.json,application/x-ndjson" hidden;
                button.icon type="button" data-act="close" aria-label=(t("Close")) title=(t("Close (i)")) { "×" }
            }
            p.state role="status" {}
            div.charts aria-label=(t("Traffic by instance, the last minute")) {}
            div.panes {
                div.frames tabindex="0" role="listbox" aria-label=(t("Frames")) {
                    div.head aria-hidden="true" {
                        span { (t("Time")) } span { (t("Hop")) } span { (t("Instance")) } span { (t("Type")) } span { (t("Session")) }
                        span { (t("Size")) } span { (t("Seq / rev")) } span { (t("Lag")) }
                    }
                    div.room {}
                    p.quiet { (t("No frame yet. Frames appear as they arrive.")) }
                }
                div.detail hidden aria-label=(t("Frame")) {}
                div.travel hidden aria-label=(t("Session as it was")) {
                    div.row {
                        input type="range" min="0" max="0" value="0" step="1" aria-label=(t("Moment"));
                        button type="button" data-act="step-back" aria-label=(t("One frame back")) { "‹" }
                        button type="button" data-act="step-on" aria-label=(t("One frame on")) { "›" }
                        button type="button" data-act="travel-again" { (t("Read again")) }
                        button.icon type="button" data-act="travel-close" aria-label=(t("Close")) { "×" }
                    }
                    p.problem role="alert" hidden {}
                    div.was {}
                }
            }
        }
    }
    .into_string()
}

fn filter(name: &str, label: &str) -> Markup {
    html! { input type="text" name=(name) aria-label=(label) placeholder=(label) autocomplete="off" spellcheck="false" maxlength="256"; }
}

impl Renderer {
    /// A session as it was, in an element of its own: nothing in it has an effect. `seen` is everything of it then.
    pub fn past(&self, seen: &ViewDelta, moment: &PastMoment) -> String {
        let messages = self.conversation(seen);
        let loaded = seen.log.as_ref().map(|log| &log.state);
        let at = moment.near.iter().rev().find_map(|near| {
            let before = near.steps <= moment.steps;
            near.frame.as_ref().filter(|_| before).map(|frame| frame.at)
        });
        html! {
            div.past data-steps=(moment.steps) data-of=(moment.of) data-at=[at.map(|at| at.0)] {
                (facts(seen, moment))
                (near(moment))
                section #log aria-label=(t("Conversation")) {
                    div.turns {
                        @match loaded {
                            Some(LogState::Loaded) => { div { (PreEscaped(messages)) } },
                            _ => { p.empty { (t("The session did not exist at this moment, as far as the log says.")) } },
                        }
                        (requests(seen))
                    }
                }
            }
        }
        .into_string()
    }
}

/// What is known of the moment, and what is not.
fn facts(seen: &ViewDelta, moment: &PastMoment) -> Markup {
    let head = seen.head.as_ref();
    html! {
        p.facts {
            @if let Some(name) = head.and_then(|head| head.title.as_ref()) { strong { (title(&plain::line(name, limits::TITLE_CHARS))) } " · " }
            @if let Some(mark) = head.and_then(|head| head.mark.as_ref()) { (t(mark.word)) " · " }
            (t!("after {n} of {of} frames", n = moment.steps, of = moment.of))
        }
        @if moment.begins_late { p.notice { (t("The session is older than its first frame here. What it was before is not in the log.")) } }
        @if moment.cut { p.notice { (t("Older frames exist that are not part of this slider.")) } }
        @if moment.after_gap { p.notice { (t("Frames before this moment are missing: what they changed is not shown.")) } }
    }
}

fn near(moment: &PastMoment) -> Markup {
    html! {
        ol.near aria-label=(t("Frames around this moment")) {
            @for step in &moment.near {
                li data-steps=(step.steps) aria-current=[(step.steps == moment.steps).then_some("step")] {
                    @match &step.frame {
                        None => { span.bad { (t("Gap: frames are missing here")) } },
                        Some(frame) => {
                            button type="button" data-steps=(step.steps) data-cursor=(frame.cursor) {
                                time data-at=(frame.at.0) {} " " (plain::line(&frame.name, limits::TITLE_CHARS)) " "
                                span.quiet { (bytes(frame.bytes as u64)) }
                            }
                        },
                    }
                }
            }
        }
    }
}

/// The requests that waited then.
fn requests(seen: &ViewDelta) -> Markup {
    let session = seen.viewport.session.as_ref();
    let waiting = seen.needs.iter().flat_map(|rows| rows.iter());
    let waiting = waiting.filter(|row| Some(&row.session) == session);
    html! {
        @for row in waiting {
            p.need {
                @match &row.kind {
                    NeedKind::Permission(asked) => { (t!("waited for permission: {tool}", tool = plain::line(&asked.permission, limits::TITLE_CHARS))) },
                    NeedKind::Question(_) => { (t("waited for an answer")) },
                }
            }
        }
        @if let Some(failed) = seen.log.as_ref().and_then(|log| log.failed.as_ref()) { p.bad { (sentence(&failed.sentence)) } }
    }
}
