//! A failure as a sentence, whatever shape its server gave it: a page of HTML, JSON within JSON, a name alone, or nothing.

use std::sync::Arc;

use serde_json::Value;

use super::mark::FailureRow;
use crate::state::{EMPTY, FILTER, Failure, LENGTH, UNKNOWN_FINISH};

/// Maximum characters of a sentence. The rest is folded.
const SENTENCE: usize = 240;

/// Steps into JSON within JSON.
const DEPTH: usize = 8;

const AGAIN: &str = "Send it again, or choose another model.";
const LOGIN: &str = "Log in to the provider with `opencode auth login`, then send it again.";
const MODEL: &str = "Choose another model, then send it again.";
const WAIT: &str = "Wait a moment and send it again, or choose another model.";
const ACCOUNT: &str = "Check your account with the provider, or choose another model.";
const ROOM: &str = "Choose a model with a larger context window, or start a new session.";
const GO_ON: &str = "Send “Continue” to get the rest.";

/// Converts a failure into a sentence and a next step.
pub fn failure(failure: &Failure) -> FailureRow {
    let message = failure.message.trim();
    let (text, next) = match named(failure, message) {
        Some(known) => known,
        None if &*failure.name == "ProviderAuthError" => (sentence(message, &failure.name), LOGIN),
        None => (sentence(message, &failure.name), next(message)),
    };
    let more = message.trim_end_matches('.') != text.trim_end_matches('.')
        && message != &*failure.name
        && !message.is_empty();
    FailureRow {
        sentence: whole(text),
        next,
        login: next == LOGIN,
        raw: more.then(|| Arc::from(message)),
    }
}

/// A sentence with its full stop.
fn whole(mut text: String) -> String {
    if !text.ends_with(['.', '?', '!', '…']) {
        text.push('.');
    }
    text
}

/// True if a provider's message says that it rejects the login.
pub(super) fn is_login(message: &str) -> bool {
    next(message) == LOGIN
}

/// The first words of a text, on one line.
pub(super) fn short(text: &str) -> String {
    sentence(text, "")
}

fn named(failure: &Failure, message: &str) -> Option<(String, &'static str)> {
    let (text, next) = match &*failure.name {
        EMPTY => ("The model returned an empty answer", AGAIN),
        LENGTH => ("The answer was cut off at the model's output limit", GO_ON),
        FILTER => (
            "The provider's content filter blocked the answer",
            "Rephrase the prompt, or choose another model.",
        ),
        UNKNOWN_FINISH => {
            let cause = sentence(message, "");
            let text = format!("The model stopped for an unknown reason (“{cause}”)");
            return Some((
                text,
                "The answer may be incomplete. If it is, send “Continue”.",
            ));
        }
        "ContextOverflowError" => ("The conversation exceeds the model's context window", ROOM),
        "StructuredOutputError" => ("The model did not answer in the requested format", AGAIN),
        "ProviderAuthError" if is_empty_reason(message, &failure.name) => {
            ("The provider rejected the login", LOGIN)
        }
        "ProviderModelNotFoundError" if is_empty_reason(message, &failure.name) => {
            ("The provider does not have this model", MODEL)
        }
        _ => return None,
    };
    Some((text.to_owned(), next))
}

fn is_empty_reason(message: &str, name: &str) -> bool {
    message.is_empty() || message == name
}

/// Extracts the first sentence of a text, on one line, without a full stop.
fn sentence(message: &str, name: &str) -> String {
    let text = dig(message, DEPTH).unwrap_or_default();
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    let line = without_class(line.unwrap_or_default()).trim_end_matches('.');
    if line.is_empty() {
        return match name {
            "" => "The server gave no reason".to_owned(),
            name => {
                let name = cut(name);
                format!("The server gave no reason, only the error name {name}")
            }
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

/// Extracts the message of a text that is HTML or JSON as a whole.
fn dig_exact(text: &str, depth: usize) -> Option<String> {
    page(text).or_else(|| {
        let value: Value = serde_json::from_str(text).ok()?;
        words(&value, depth)
    })
}

/// Title of an HTML page.
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
            Some(title) => {
                let page = title.replace('\n', " ");
                format!("The server returned a web page instead of an answer: “{page}”")
            }
            None => "The server returned a web page instead of an answer".to_owned(),
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

/// Next step, chosen by key phrases in the message.
fn next(message: &str) -> &'static str {
    let message = message.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
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
        "apikey",
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

    fn row(name: &str, message: &str) -> FailureRow {
        failure(&Failure::failed(name, message))
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
                "The server returned a web page instead of an answer: “502 Bad Gateway”",
                AGAIN,
            ),
            ("APIError", json, "Overloaded", WAIT),
            ("APIError", nested, "400 Bad Request: no key", AGAIN),
            ("", r#"{"code":17}"#, "The server gave no reason", AGAIN),
            ("", "", "The server gave no reason", AGAIN),
            (
                "Odd",
                "",
                "The server gave no reason, only the error name Odd",
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
                "The provider rejected the login",
                LOGIN,
            ),
            (
                "EmptyAnswer",
                "",
                "The model returned an empty answer",
                AGAIN,
            ),
            (
                "UnknownFinish",
                "other",
                "The model stopped for an unknown reason (“other”)",
                "The answer may be incomplete. If it is, send “Continue”.",
            ),
            (
                "MessageOutputLengthError",
                "MessageOutputLengthError",
                "The answer was cut off at the model's output limit",
                GO_ON,
            ),
            ("APIError", "Plain words.\nAnd more", "Plain words", AGAIN),
        ];
        for (name, message, sentence, next) in cases {
            let row = row(name, message);
            assert_eq!(
                (row.sentence, row.next),
                (whole(sentence.to_owned()), next),
                "{name} {message}"
            );
        }
    }

    #[test]
    fn what_is_more_than_the_sentence_is_kept_beside_it() {
        assert_eq!(row("APIError", "Plain words.").raw, None);
        assert_eq!(row("Odd", "Odd").raw, None);
        let page = "<html>nothing";
        assert_eq!(row("APIError", page).raw.as_deref(), Some(page));
        let long = "word ".repeat(200);
        let row = row("APIError", &long);
        assert!(row.sentence.chars().count() <= SENTENCE + 1 && row.raw.is_some());
    }

    #[test]
    fn nesting_without_end_ends() {
        let nested = format!("{}1{}", r#"{"error":"#.repeat(100), "}".repeat(100));
        assert_eq!(row("", &nested).sentence, "The server gave no reason.");
        let text = (0..9).fold("deep".to_owned(), |text, _| Value::String(text).to_string());
        assert!(!row("", &text).sentence.is_empty());
    }
}
