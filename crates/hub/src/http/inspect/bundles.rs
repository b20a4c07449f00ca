//! Bundles: a range of the log as a file for others, and such a file opened again.

use std::collections::BTreeSet;
use std::convert::Infallible;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Extension, Query, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use futures_util::stream::unfold;
use model::ids::{InstanceId, SessionId};
use serde::{Deserialize, Serialize};

use super::super::app::{App, VERSION};
use super::super::ending::Ending;
use super::super::problem::Problem;
use super::super::shield::Revocation;
use crate::engine::Handle;
use crate::inspect::{Describer, FrameFilter};
use crate::limits;
use crate::record::log::{Cursor, LogRead};
use crate::replay::bundle::{self, Bundle};

/// Selects a range of the log.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct ExportQuery {
    /// Entries after this cursor; from the oldest by default.
    after: Option<String>,
    /// Up to this cursor, if it is reached; to the newest by default.
    until: Option<String>,
    /// Of this instance only.
    #[param(value_type = Option<String>)]
    instance: Option<InstanceId>,
    /// Of sessions whose id begins so only.
    #[param(value_type = Option<String>)]
    session: Option<SessionId>,
    /// Only types that contain this, in any case.
    #[serde(rename = "type")]
    name: Option<String>,
    /// Only frames whose JSON contains this, in any case of ASCII letters.
    text: Option<String>,
}

/// Exports a range of the log without what anyone wrote: one JSON object a line. `drovers replay` and the event inspector
/// open it.
#[utoipa::path(
    get, path = "/api/inspect/export", tag = "feeds", params(ExportQuery),
    responses((status = 200, content_type = "application/x-ndjson", body = String), (status = 400, body = Problem))
)]
pub(in crate::http) async fn export(
    State(app): State<App>,
    Extension(ended): Extension<Revocation>,
    Query(query): Query<ExportQuery>,
) -> Result<Response, Problem> {
    let engine = app.hub().engine().clone();
    let cursor = query.after.as_deref().map(str::parse).transpose()?;
    let until = query.until.as_deref().map(str::parse).transpose()?;
    let range = Range {
        cursor: cursor.unwrap_or_else(|| engine.log().begin()),
        end: engine.log().end(),
        until,
        filter: FrameFilter {
            instance: query.instance,
            session: None,
            name: query.name,
            text: query.text,
        },
        session: query.session,
        describer: Describer::default(),
        engine,
        ending: Ending::of(&app, ended),
        begun: false,
        done: false,
    };
    let pieces = unfold(range, async |mut range| {
        let piece = range.piece().await?;
        Some((Ok::<_, Infallible>(piece), range))
    });
    let headers = [
        (CONTENT_TYPE, "application/x-ndjson"),
        (
            CONTENT_DISPOSITION,
            "attachment; filename=\"drovers-events.ndjson\"",
        ),
    ];
    Ok((headers, Body::from_stream(pieces.fuse())).into_response())
}

struct Range {
    engine: Handle,
    cursor: Cursor,
    /// The end of the log at the beginning of the export, beyond which it does not follow.
    end: Cursor,
    until: Option<Cursor>,
    filter: FrameFilter,
    session: Option<SessionId>,
    describer: Describer,
    ending: Ending,
    begun: bool,
    done: bool,
}

impl Range {
    async fn piece(&mut self) -> Option<Bytes> {
        if self.done || self.ending.is_there().is_some() {
            return None;
        }
        if !std::mem::replace(&mut self.begun, true) {
            return Some(lines([bundle::header(VERSION, true)]));
        }
        match self
            .engine
            .journal()
            .read(&self.cursor, limits::LOG_PAGE)
            .await
        {
            LogRead::Gap { resume } => {
                let line = bundle::gap(&resume);
                self.cursor = resume;
                Some(lines([line]))
            }
            LogRead::Entries(entries) => {
                self.cursor = entries.last()?.cursor();
                let mut wanted = Vec::new();
                for entry in entries {
                    if self.has(&entry) {
                        wanted.push(bundle::line(&entry));
                    }
                    let cursor = entry.cursor();
                    if self.until.as_ref() == Some(&cursor) || cursor == self.end {
                        self.done = true;
                        break;
                    }
                }
                Some(lines(wanted))
            }
        }
    }

    fn has(&mut self, entry: &crate::record::log::Entry) -> bool {
        let of_session = |wanted: &SessionId| {
            let session = entry.session.as_deref();
            // Events of the link concern every session.
            session.is_none_or(|session| session.starts_with(wanted.as_str()))
        };
        if !self.session.as_ref().is_none_or(of_session) {
            return false;
        }
        let row = self.describer.row(entry);
        self.filter.has(entry, &row)
    }
}

fn lines(values: impl IntoIterator<Item = serde_json::Value>) -> Bytes {
    let lines = values.into_iter().map(|value| format!("{value}\n"));
    Bytes::from(lines.collect::<String>())
}

/// An opened bundle.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(in crate::http) struct OpenedBundle {
    /// Its number, by which the inspector asks for it.
    bundle: u64,
    /// The number of its frames.
    frames: usize,
    /// True if its texts were redacted.
    redacted: bool,
    /// Its sessions.
    sessions: Vec<BundleSession>,
}

/// A session in a bundle.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, utoipa::ToSchema)]
struct BundleSession {
    #[schema(value_type = String)]
    instance: InstanceId,
    session: String,
}

/// Opens a bundle in the inspector: the body is the file. It is kept in memory for a while, and nothing in it reaches the
/// hub's state.
#[utoipa::path(
    post, path = "/api/inspect/bundles", tag = "feeds", request_body(content = String, content_type = "application/x-ndjson"),
    responses((status = 200, body = OpenedBundle), (status = 422, body = Problem))
)]
pub(in crate::http) async fn open(
    State(app): State<App>,
    body: Bytes,
) -> Result<Json<OpenedBundle>, Problem> {
    let parsed = tokio::task::spawn_blocking(move || {
        let text = std::str::from_utf8(&body).map_err(|_| bundle::BundleError::NoBundle)?;
        Bundle::parse(text)
    });
    let parsed = parsed.await;
    let parsed = parsed.map_err(|_| Problem::internal("The bundle could not be read"))?;
    let bundle = parsed.map_err(Problem::invalid)?;
    let sessions: BTreeSet<BundleSession> = bundle
        .entries()
        .filter_map(|entry| {
            Some(BundleSession {
                instance: entry.instance.clone(),
                session: entry.session.as_ref()?.to_string(),
            })
        })
        .collect();
    let (frames, redacted) = (bundle.entries().count(), bundle.redacted);
    Ok(Json(OpenedBundle {
        bundle: app.inspections().open(bundle),
        frames,
        redacted,
        sessions: sessions.into_iter().take(limits::BUNDLE_SESSIONS).collect(),
    }))
}
