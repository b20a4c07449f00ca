//! The language of an answer: that of the settings, or what the browser prefers.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT_LANGUAGE, CONTENT_LENGTH};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use page::{Language, sentence, speak};
use serde_json::Value;

use super::app::App;
use super::problem::Problem;

/// Language in which a handler draws.
pub(super) struct Spoken(pub(super) Language);

impl FromRequestParts<App> for Spoken {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        Ok(Self(language(app, &parts.headers)))
    }
}

/// The language of the answer to a request with these headers.
pub(super) fn language(app: &App, headers: &HeaderMap) -> Language {
    let accepted = headers.get(ACCEPT_LANGUAGE);
    let accepted = accepted.and_then(|header| header.to_str().ok());
    app.hub().settings().now().language.for_request(accepted)
}

/// Words the mark of a session, which the page shows on its row.
pub(super) fn word_mark(language: Language, session: &mut Value) {
    for field in ["word", "reason", "next"] {
        let text = session.get_mut("mark").and_then(|mark| mark.get_mut(field));
        if let Some(Value::String(text)) = text {
            *text = speak(language, || sentence(text).into_owned());
        }
    }
}

/// Words the problems of answers to browsers in their language. Programs, which name none, get English.
pub(super) async fn word(State(app): State<App>, request: Request, next: Next) -> Response {
    let language = language(&app, request.headers());
    worded(language, next.run(request).await)
}

/// An answer with its problem, if it is one, in a language.
pub(super) fn worded(language: Language, mut response: Response) -> Response {
    if let Some(problem) = response.extensions_mut().remove::<Problem>()
        && language != Language::English
    {
        *response.body_mut() = problem.worded(language).into();
        response.headers_mut().remove(CONTENT_LENGTH);
    }
    response
}
