//! One frame with what it changed, and a session as it was, for programs.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use model::ids::{InstanceId, SessionId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::app::App;
use super::super::problem::Problem;
use super::{entry, timeline};
use crate::inspect::{Age, Describer, FrameRow, frame_json};
use crate::limits;
use crate::record::log::Cursor;
use crate::replay::entries::EntryFold;
use crate::replay::timeline::{StateChange, Timeline, session_value};

/// Selects a frame.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct OneQuery {
    /// Its cursor.
    cursor: String,
    /// The opened bundle that has it, if it is not in the log.
    bundle: Option<u64>,
}

/// A frame.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(in crate::http) struct FrameAnswer {
    /// The frame, described.
    frame: FrameRow,
    /// Its JSON as it is stored: credentials are hidden. Empty if it was removed.
    json: String,
    /// True if the JSON was cut.
    cut: bool,
    /// The events that the hub makes of it, in the hub's own words.
    events: Vec<String>,
    /// The changes to its session; absent for a frame without a session, and where the log does not have the session's
    /// history.
    changes: Option<Vec<StateChange>>,
}

/// A frame of the log with its JSON, and what it changed in the state of its session.
#[utoipa::path(
    get, path = "/api/inspect/frame", tag = "feeds", params(OneQuery),
    responses((status = 200, body = FrameAnswer), (status = 400, body = Problem), (status = 404, body = Problem))
)]
pub(in crate::http) async fn frame(
    State(app): State<App>,
    Query(query): Query<OneQuery>,
) -> Result<Json<FrameAnswer>, Problem> {
    let cursor: Cursor = query.cursor.parse()?;
    let entry = entry(&app, query.bundle, &cursor).await?;
    let mut describer = Describer::default();
    app.hub().engine().read(|state| {
        let instance = state.instances.get(&entry.instance);
        let ahead = instance.map(|instance| (instance.id.clone(), instance.clock_ahead));
        describer.clocks.extend(ahead);
    });
    let mut alone = EntryFold::new(entry.instance.clone(), "".into());
    let events = alone.events(&entry).into_iter();
    let events =
        events.map(|event| model::plain::line(&format!("{event:?}"), limits::FRAME_EVENT_CHARS));
    let changes = match &entry.session {
        None => None,
        Some(session) => {
            let session = SessionId::new(&**session);
            let found = timeline(
                &app,
                query.bundle,
                &entry.instance,
                &session,
                Age::Has(&cursor),
            );
            match found.await {
                Err(_) => None,
                Ok(timeline) => {
                    let step = timeline.place(&cursor);
                    let changes = tokio::task::spawn_blocking(move || {
                        step.map(|step| timeline.changes(step))
                    });
                    changes.await.ok().flatten()
                }
            }
        }
    };
    let json = frame_json(&entry);
    let end = json.floor_char_boundary(limits::FRAME_JSON_BYTES.min(json.len()));
    Ok(Json(FrameAnswer {
        frame: describer.row(&entry),
        cut: end < json.len(),
        json: json[..end].to_owned(),
        events: events.collect(),
        changes,
    }))
}

/// Selects a moment of a session.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct PastQuery {
    /// The instance.
    #[param(value_type = String)]
    pub(super) instance: InstanceId,
    /// The session.
    #[param(value_type = String)]
    pub(super) session: SessionId,
    /// The number of steps after which the session is shown; all by default.
    pub(super) steps: Option<usize>,
    /// The frame after which the session is shown, by its cursor, instead of a number of steps.
    pub(super) cursor: Option<String>,
    /// The opened bundle, instead of the log.
    pub(super) bundle: Option<u64>,
}

/// A session at a moment.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(in crate::http) struct PastAnswer {
    /// The number of steps after which it was so.
    steps: usize,
    /// The number of all steps.
    of: usize,
    /// True if older frames of the session are not part of these steps.
    cut: bool,
    /// True if the session existed before the first frame: what it was until then is not in the log.
    begins_late: bool,
    /// The session: its row, status, to-do list and messages with the text received so far. Absent if it did not exist.
    #[schema(value_type = Option<Object>)]
    session: Option<Value>,
}

/// A session as it was after one of its frames, folded from the log alone.
#[utoipa::path(
    get, path = "/api/inspect/session", tag = "feeds", params(PastQuery),
    responses((status = 200, body = PastAnswer), (status = 400, body = Problem), (status = 404, body = Problem))
)]
pub(in crate::http) async fn read(
    State(app): State<App>,
    Query(query): Query<PastQuery>,
) -> Result<Json<PastAnswer>, Problem> {
    let (timeline, steps) = query.find(&app).await?;
    let answer = tokio::task::spawn_blocking(move || {
        let fold = timeline.at(steps);
        let session = fold.state().session(&query.instance, &query.session);
        PastAnswer {
            steps,
            of: timeline.steps().len(),
            cut: timeline.is_cut(),
            begins_late: timeline.begins_late(),
            session: session.map(session_value),
        }
    });
    let answer = answer.await;
    answer
        .map(Json)
        .map_err(|_| Problem::internal("The session could not be folded"))
}

impl PastQuery {
    /// The timeline, and the number of steps.
    pub(super) async fn find(&self, app: &App) -> Result<(Arc<Timeline>, usize), Problem> {
        let cursor = self.cursor.as_deref().map(str::parse::<Cursor>);
        let cursor = cursor.transpose()?;
        let (instance, session) = (&self.instance, &self.session);
        let age = match (&cursor, self.steps) {
            (Some(cursor), _) => Age::Has(cursor),
            (None, Some(_)) => Age::Any,
            (None, None) => Age::New,
        };
        let timeline = timeline(app, self.bundle, instance, session, age).await?;
        let of = timeline.steps().len();
        let steps = match cursor {
            Some(cursor) => timeline.place(&cursor).map(|step| step + 1),
            None => self.steps.map(|steps| steps.min(of)),
        };
        Ok((timeline, steps.unwrap_or(of)))
    }
}
