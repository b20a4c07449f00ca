//! Search in all conversations.

use axum::Json;
use axum::extract::{Query, State};
use axum::response::Html;
use page::{FoundHit, FoundKind, Lacking, speak};
use search::Stretch;
use search::doc::Kind;
use serde::{Deserialize, Serialize};

use super::app::App;
use super::problem::Problem;
use super::spoken::Spoken;
use crate::command::find::{Finding, Findings, Progress, SearchError};
use crate::limits;

/// A query.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SearchQuery {
    /// Words, phrases in quotes, and filters: `in:folder from:me tool:edit file:src/*.rs after:2026-11-01 before:2026-11-30 model:opus`.
    q: String,
    /// Number of hits, 50 by default, 200 at most.
    limit: Option<usize>,
}

/// The answer to a query.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct SearchAnswer {
    /// The hits, newest first.
    hits: Vec<SearchHit>,
    /// True if there may be more.
    more: bool,
    /// How much is indexed.
    progress: Progress,
}

/// A prompt, an answer or a tool call that has every word of the query.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct SearchHit {
    /// Its instance.
    instance: String,
    /// The instance's name.
    instance_name: String,
    /// Its session.
    session: String,
    /// The session's title; empty while its server is not connected.
    title: String,
    /// Its message.
    message: String,
    /// The path of its page.
    path: String,
    /// When the message began, in milliseconds since 1970.
    at: i64,
    /// `prompt`, `answer` or `tool`.
    #[schema(value_type = String)]
    kind: Kind,
    /// The tool; empty if it is none.
    tool: String,
    /// The model; empty if there is none.
    model: String,
    /// The text around the first match: `text`, and whether it is a `hit`.
    #[schema(value_type = Vec<Object>)]
    snippet: Vec<Stretch>,
}

impl From<Finding> for SearchHit {
    fn from(found: Finding) -> Self {
        Self {
            path: path_of(&found),
            instance: found.hit.instance.to_string(),
            instance_name: found.instance.to_string(),
            session: found.hit.session.to_string(),
            title: found.title,
            message: found.hit.message,
            at: found.hit.at.0,
            kind: found.hit.kind,
            tool: found.hit.tool,
            model: found.hit.model,
            snippet: found.hit.snippet,
        }
    }
}

/// Searches the prompts, answers and tool calls of all sessions, the newest first.
#[utoipa::path(
    get, path = "/api/search", tag = "sessions", params(SearchQuery),
    responses((status = 200, body = SearchAnswer), (status = 422, body = Problem), (status = 503, body = Problem))
)]
pub(super) async fn read(
    State(app): State<App>,
    Query(query): Query<SearchQuery>,
) -> Result<Json<SearchAnswer>, Problem> {
    let most = query.limit.unwrap_or(limits::SEARCH_HITS);
    let found = find(&app, &query.q, most).await?;
    Ok(Json(SearchAnswer {
        hits: found.hits.into_iter().map(SearchHit::from).collect(),
        more: found.more,
        progress: found.progress,
    }))
}

/// A query of the page; none for the dialog itself.
#[derive(Debug, Deserialize)]
pub(super) struct PanelQuery {
    q: Option<String>,
}

/// The dialog, or the hits of a query.
pub(super) async fn panel(
    State(app): State<App>,
    Spoken(language): Spoken,
    Query(query): Query<PanelQuery>,
) -> Result<Html<String>, Problem> {
    let Some(text) = query.q else {
        return Ok(Html(speak(language, page::search_dialog)));
    };
    let found = match find(&app, &text, limits::SEARCH_HITS).await {
        Ok(found) => found,
        Err(SearchError::Query(error)) => {
            let refused = speak(language, || page::search_refused(&error.to_string()));
            return Ok(Html(refused));
        }
        Err(error) => return Err(error.into()),
    };
    let hits: Vec<FoundHit> = found.hits.into_iter().map(shown).collect();
    let lacking = lacking(found.progress);
    let drawn = speak(language, || page::search_hits(&hits, found.more, &lacking));
    Ok(Html(drawn))
}

async fn find(app: &App, text: &str, most: usize) -> Result<Findings, SearchError> {
    app.commands().find(app.hub().search(), text, most).await
}

fn path_of(found: &Finding) -> String {
    let path = page::session_path(found.hit.instance.as_str(), found.hit.session.as_str());
    format!("{path}#{}", found.hit.message)
}

fn shown(found: Finding) -> FoundHit {
    FoundHit {
        path: path_of(&found),
        instance: found.instance,
        title: found.title,
        at: found.hit.at,
        kind: match found.hit.kind {
            Kind::Prompt => FoundKind::Prompt,
            Kind::Answer => FoundKind::Answer,
            Kind::Tool => FoundKind::Tool(found.hit.tool),
        },
        text: found
            .hit
            .snippet
            .into_iter()
            .map(|one| (one.text, one.hit))
            .collect(),
    }
}

/// What the hits may lack.
fn lacking(progress: Progress) -> Lacking {
    Lacking {
        all: progress.waiting + progress.changed + progress.indexed,
        waiting: progress.waiting,
        changed: progress.changed,
        away: progress.away,
        left_out: progress.left_out,
        cut: progress.cut,
        problem: progress.problem,
    }
}
