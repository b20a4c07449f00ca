//! Images and PDFs attached to messages or returned by tools.
//!
//! Only raster images, with the media type of their own first bytes, and PDFs, which a browser stores and does not open here; no other file
//! of a server is served.

use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use model::ids::{InstanceId, MessageId, PartId, SessionId};
use model::state::Body;
use opencode::wire::{FileInfo, PartInfo, PartKind, ToolState};

use super::app::App;
use super::problem::Problem;
use crate::{limits, picture};

/// The content of a part never changes under its revision, which is part of the URL.
const FOR_AN_HOUR: &str = "private, max-age=3600";

/// An image or a PDF in a part of a message, by its index among the part's files.
#[utoipa::path(
    get, path = "/api/instances/{id}/sessions/{sid}/messages/{mid}/parts/{pid}/files/{nth}", tag = "sessions",
    params(
        ("id" = String, Path), ("sid" = String, Path), ("mid" = String, Path), ("pid" = String, Path), ("nth" = usize, Path)
    ),
    responses(
        (status = 200, description = "A PNG, JPEG, GIF or WebP; a PDF as an attachment", content_type = "image/*"),
        (status = 404, description = "No such file, or none that is shown", body = Problem)
    )
)]
pub(super) async fn read(
    State(app): State<App>,
    Path((id, session, message, part, nth)): Path<(
        InstanceId,
        SessionId,
        MessageId,
        PartId,
        usize,
    )>,
) -> Result<Response, Problem> {
    let raw = app.hub().engine().read(|state| {
        let Body::Loaded(loaded) = &state.session(&id, &session)?.body else {
            return None;
        };
        let part = loaded.messages.get(&message)?.parts.get(&part)?;
        Some(part.raw.clone())
    });
    let raw = raw.ok_or_else(Problem::no_fragment)?;
    let read = move || {
        let file = file(raw.get(), nth)?;
        let image = picture::of(&file).map(|(media_type, _)| (media_type, "inline"));
        let document = || Some((picture::document(&file)?, "attachment"));
        let (media_type, place) = image.or_else(document)?;
        let most = usize::try_from(limits::PICTURE_BYTES).unwrap_or(usize::MAX);
        Some((media_type, place, file.content(most)?))
    };
    let (media_type, place, content) = tokio::task::spawn_blocking(read)
        .await
        .ok()
        .flatten()
        .ok_or_else(Problem::no_fragment)?;
    let headers = [
        (CONTENT_TYPE, media_type),
        (CONTENT_DISPOSITION, place),
        (CACHE_CONTROL, FOR_AN_HOUR),
    ];
    Ok((headers, content).into_response())
}

/// The file with this index in a part.
fn file(part: &str, nth: usize) -> Option<FileInfo> {
    let part = PartInfo::parse(part).ok()?;
    let files = match part.kind {
        PartKind::File(file) => vec![file],
        PartKind::Tool {
            state: ToolState::Completed { files, .. },
            ..
        } => files,
        _ => Vec::new(),
    };
    files.into_iter().nth(nth)
}
