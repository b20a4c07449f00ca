//! The panel of the event inspector, and a session as it was, as HTML.

use axum::extract::{Query, State};
use axum::response::Html;
use page::{NearFrame, NearStep, PastMoment, speak};

use super::super::app::App;
use super::super::problem::Problem;
use super::super::spoken::Spoken;
use super::session::PastQuery;
use crate::inspect::{Describer, frame_json};
use crate::limits;
use crate::record::past::Step;
use crate::replay::timeline::Timeline;

/// The empty panel.
pub(in crate::http) async fn panel(Spoken(language): Spoken) -> Html<String> {
    Html(speak(language, page::inspect_panel))
}

/// A session as it was, with the frames around that moment.
pub(in crate::http) async fn past(
    State(app): State<App>,
    Spoken(language): Spoken,
    Query(query): Query<PastQuery>,
) -> Result<Html<String>, Problem> {
    let (timeline, steps) = query.find(&app).await?;
    // Folding and drawing take a moment of a core.
    let drawn = tokio::task::spawn_blocking(move || {
        let seen = timeline.seen(steps);
        let moment = moment(&timeline, steps);
        speak(language, || timeline.renderer().past(&seen, &moment))
    });
    let drawn = drawn.await;
    drawn
        .map(Html)
        .map_err(|_| Problem::internal("The session could not be drawn"))
}

/// The frames around a moment.
fn moment(timeline: &Timeline, steps: usize) -> PastMoment {
    let all = timeline.steps();
    let first = steps.saturating_sub(limits::NEAR_BEFORE);
    let last = all.len().min(steps + limits::NEAR_AFTER);
    let mut describer = Describer::default();
    let near = all[first..last].iter().zip(first + 1..);
    let near = near.map(|(step, steps)| NearStep {
        steps,
        frame: match step {
            Step::Gap { .. } => None,
            Step::Frame(entry) => Some(NearFrame {
                cursor: entry.cursor().to_string(),
                at: entry.at,
                name: describer.row(entry).name,
                bytes: frame_json(entry).len(),
            }),
        },
    });
    let gap = |step: &Step| matches!(step, Step::Gap { .. });
    PastMoment {
        steps,
        of: all.len(),
        cut: timeline.is_cut(),
        begins_late: timeline.begins_late(),
        after_gap: all[..steps].iter().any(gap),
        near: near.collect(),
    }
}
