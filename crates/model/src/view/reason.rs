//! A failure as a sentence, whatever shape its server gave it: a page of HTML, JSON within JSON, a name alone, or nothing.

use std::sync::Arc;

use serde_json::Value;

use super::mark::FailureRow;
use crate::state::{EMPTY, FILTER, Failure, LENGTH, UNKNOWN_FINISH};

/// Characters of a sentence. What is told beyond it is folded.
const SENTENCE: usize = 240;

/// Steps into JSON within JSON.
const DEPTH: usize = 8;

const AGAIN: &str = "Send it again, or choose another model.";
const LOGIN: &str = "Log in at the provider with `opencode auth login`, then send it again.";
const MODEL: &str = "Choose another model, then send it again.";
const WAIT: &str = "Wait a little, then send it again, or choose another model.";
const ACCOUNT: &str = "Look at the account at the provider, or choose another model.";
const ROOM: &str = "Choose a model with more room, or begin a new session.";
const GO_ON: &str = "Send “Go on” to have the rest.";

/// What a failure means and what to do about it.
pub fn failure(failure: &Failure) -> FailureRow {
    let told = failure.message.trim();
    let (said, next) = match named(failure, told) {
        Some(known) => known,
        None => (sentence(told, &failure.name), next(told)),
    };
    let more = told.trim_end_matches('.') != said.trim_end_matches('.')
        && told != &*failure.name
        && !told.is_empty();
    FailureRow {
        said: whole(said),
        next,
        raw: more.then(|| Arc::from(told)),
    }
}

/// A sentence with its full stop.
fn whole(mut said: String) -> String {
    if !said.ends_with(['.', '?', '!', '…']) {
        said.push('.');
    }
    said
}

/// The first words of a text, on one line.
pub(super) fn short(text: &str) -> String {
    sentence(text, "")
}

fn named(failure: &Failure, told: &str) -> Option<(String, &'static str)> {
    let (said, next) = match &*failure.name {
        EMPTY => ("The model answered nothing", AGAIN),
        LENGTH => (
            "The answer reached the most that the model may write, and was cut off",
            GO_ON,
        ),
        FILTER => (
            "The provider's filter held the answer back",
            "Word the prompt differently, or choose another model.",
        ),
        UNKNOWN_FINISH => {
            let said = format!(
                "The model stopped for a reason that is not known (“{}”)",
                sentence(told, "")
            );
            return Some((
                said,
                "Read it: it may not be whole. Send “Go on” if it is not.",
            ));
        }
        "ContextOverflowError" => ("The conversation is longer than the model can read", ROOM),
        "StructuredOutputError" => (
            "The model did not answer in the form that was asked for",
            AGAIN,
        ),
        "ProviderAuthError" if said_nothing(told, &failure.name) => {
            ("The provider refuses the login", LOGIN)
        }
        "ProviderModelNotFoundError" if said_nothing(told, &failure.name) => {
            ("There is no such model at its provider", MODEL)
        }
        _ => return None,
    };
    Some((said.to_owned(), next))
}

fn said_nothing(told: &str, name: &str) -> bool {
    told.is_empty() || told == name
}

/// What a text says, on one line, without a full stop.
fn sentence(told: &str, name: &str) -> String {
    let said = dig(told, DEPTH).unwrap_or_default();
    let line = said.lines().map(str::trim).find(|line| !line.is_empty());
    let line = without_class(line.unwrap_or_default()).trim_end_matches('.');
    if line.is_empty() {
        return match name {
            "" => "The server gave no reason".to_owned(),
            name => format!("The server gave no reason but a name: {}", cut(name)),
        };
    }
    cut(line)
}

/// A line without the name of the error's class that a runtime writes before its words.
fn without_class(line: &str) -> &str {
    let is_class = |name: &str| {
        let plain = name
            .chars()
            .all(|one| one.is_ascii_alphanumeric() || matches!(one, '_' | '.'));
        plain && (name.ends_with("Error") || name.ends_with("Exception"))
    };
    match line.split_once(": ") {
        Some((name, words)) if is_class(name) && !words.trim().is_empty() => words.trim(),
        _ => line,
    }
}

fn cut(line: &str) -> String {
    match line.char_indices().nth(SENTENCE) {
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
        None => line.to_owned(),
    }
}

/// The words within a text that may be JSON, HTML, or begin as a sentence and go on as one of those.
fn dig(text: &str, depth: usize) -> Option<String> {
    let text = text.trim();
    if text.is_empty() || depth == 0 {
        return None;
    }
    if let Some(page) = page(text) {
        return Some(page);
    }
    if let Ok(value @ (Value::Object(_) | Value::Array(_) | Value::String(_))) =
        serde_json::from_str(text)
    {
        return words(&value, depth);
    }
    let rest = text.find(['{', '<']).filter(|at| *at > 0);
    if let Some((before, Some(words))) = rest.map(|at| (&text[..at], dig_exact(&text[at..], depth)))
    {
        let before = before.trim().trim_end_matches([':', '-', '–']).trim_end();
        return Some(format!("{before}: {words}"));
    }
    Some(text.to_owned())
}

/// The same, only for what is HTML or JSON as a whole.
fn dig_exact(text: &str, depth: usize) -> Option<String> {
    page(text).or_else(|| {
        let value: Value = serde_json::from_str(text).ok()?;
        words(&value, depth)
    })
}

/// What a page of HTML is called.
fn page(text: &str) -> Option<String> {
    let head = text
        .get(..text.floor_char_boundary(200))?
        .to_ascii_lowercase();
    let html = head.starts_with("<!doctype html")
        || head.starts_with("<html")
        || head.starts_with("<head");
    html.then(|| {
        let lower = text.to_ascii_lowercase();
        let title = lower.find("<title>").map(|at| at + "<title>".len());
        let title = title.and_then(|at| Some(text[at..at + lower[at..].find('<')?].trim()));
        match title.filter(|title| !title.is_empty()) {
            Some(title) => format!(
                "A web page came instead of an answer: “{}”",
                title.replace('\n', " ")
            ),
            None => "A web page came instead of an answer".to_owned(),
        }
    })
}

/// The words in a value, by the names that servers give them.
fn words(value: &Value, depth: usize) -> Option<String> {
    let depth = depth.checked_sub(1)?;
    match value {
        Value::String(text) => dig(text, depth),
        Value::Array(all) => all.iter().find_map(|one| words(one, depth)),
        Value::Object(fields) => {
            let names = [
                "message",
                "error",
                "detail",
                "details",
                "error_description",
                "title",
                "reason",
                "msg",
                "data",
                "errors",
                "cause",
            ];
            let named = names.iter().filter_map(|name| fields.get(*name));
            named.into_iter().find_map(|field| words(field, depth))
        }
        _ => None,
    }
}

/// What helps, as far as the words tell.
fn next(told: &str) -> &'static str {
    let told = told.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| told.contains(word));
    if says(&[
        "model not found",
        "no such model",
        "does not exist",
        "unknown model",
        "modelnotfound",
    ]) {
        MODEL
    } else if says(&["credit", "billing", "quota", "payment", "insufficient"]) {
        ACCOUNT
    } else if says(&[
        "rate limit",
        "rate_limit",
        "too many requests",
        "429",
        "overloaded",
        "529",
        "503",
        "unavailable",
    ]) {
        WAIT
    } else if says(&[
        "api key",
        "api-key",
        "api_key",
        "unauthorized",
        "401",
        "authentication",
        "credentials",
    ]) {
        LOGIN
    } else if says(&[
        "context length",
        "context window",
        "too long",
        "maximum context",
        "token limit",
    ]) {
        ROOM
    } else {
        AGAIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::ErrorKind;

    fn told(name: &str, message: &str) -> FailureRow {
        failure(&Failure {
            kind: ErrorKind::Failed,
            name: name.into(),
            message: message.into(),
        })
    }

    #[test]
    fn an_error_in_any_shape_is_a_sentence_first() {
        let page = "<!DOCTYPE html>\n<html><head><TITLE>502 Bad Gateway</TITLE></head><body>nginx</body></html>";
        let json = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
        let nested = r#"400 Bad Request: {"error":{"message":"{\"detail\":\"no key\"}"}}"#;
        let cases = [
            (
                "APIError",
                page,
                "A web page came instead of an answer: “502 Bad Gateway”",
                AGAIN,
            ),
            ("APIError", json, "Overloaded", WAIT),
            ("APIError", nested, "400 Bad Request: no key", AGAIN),
            ("", r#"{"code":17}"#, "The server gave no reason", AGAIN),
            ("", "", "The server gave no reason", AGAIN),
            (
                "Odd",
                "",
                "The server gave no reason but a name: Odd",
                AGAIN,
            ),
            (
                "UnknownError",
                "ProviderModelNotFoundError: Model not found: fake/none.\n    at stack (1:2)",
                "Model not found: fake/none",
                MODEL,
            ),
            (
                "UnknownError",
                "Model not found: fake/none.",
                "Model not found: fake/none",
                MODEL,
            ),
            (
                "ProviderAuthError",
                "",
                "The provider refuses the login",
                LOGIN,
            ),
            ("EmptyAnswer", "", "The model answered nothing", AGAIN),
            (
                "UnknownFinish",
                "other",
                "The model stopped for a reason that is not known (“other”)",
                "Read it: it may not be whole. Send “Go on” if it is not.",
            ),
            (
                "MessageOutputLengthError",
                "MessageOutputLengthError",
                "The answer reached the most that the model may write, and was cut off",
                GO_ON,
            ),
            ("APIError", "Plain words.\nAnd more", "Plain words", AGAIN),
        ];
        for (name, message, said, next) in cases {
            let told = told(name, message);
            assert_eq!(
                (told.said, told.next),
                (whole(said.to_owned()), next),
                "{name} {message}"
            );
        }
    }

    #[test]
    fn what_is_more_than_the_sentence_is_kept_beside_it() {
        assert_eq!(told("APIError", "Plain words.").raw, None);
        assert_eq!(told("Odd", "Odd").raw, None);
        let page = "<html>nothing";
        assert_eq!(told("APIError", page).raw.as_deref(), Some(page));
        let long = "word ".repeat(200);
        let told = told("APIError", &long);
        assert!(told.said.chars().count() <= SENTENCE + 1 && told.raw.is_some());
    }

    #[test]
    fn nesting_without_end_ends() {
        let nested = format!("{}1{}", r#"{"error":"#.repeat(100), "}".repeat(100));
        assert_eq!(told("", &nested).said, "The server gave no reason.");
        let text = (0..9).fold("deep".to_owned(), |text, _| Value::String(text).to_string());
        assert!(!told("", &text).said.is_empty());
    }
}
