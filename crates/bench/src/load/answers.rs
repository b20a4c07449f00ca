//! What a server answers to requests: the routes of OpenCode 1.18 that a hub uses. No request changes anything.

use super::server::Server;
use super::wording::{AGENTS, COMMANDS, PROVIDERS, VERSION};

/// Sessions listed where the request does not say how many.
const LISTED: usize = 100;

/// An answer.
pub(super) struct Answer {
    pub(super) status: &'static str,
    pub(super) body: String,
    /// Where older messages continue.
    pub(super) cursor: Option<String>,
    /// True for what is read after a gap.
    pub(super) is_state: bool,
}

/// A request's path and query.
pub(super) struct Target<'a> {
    path: &'a str,
    query: &'a str,
}

impl<'a> Target<'a> {
    pub(super) fn new(target: &'a str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self { path, query }
    }

    pub(super) fn path(&self) -> &'a str {
        self.path
    }

    fn param(&self, name: &str) -> Option<String> {
        let mut pairs = url::form_urlencoded::parse(self.query.as_bytes());
        pairs
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }

    fn number(&self, name: &str) -> Option<usize> {
        self.param(name)?.parse().ok()
    }
}

/// Answers a read.
pub(super) fn answer(server: &Server, target: &Target<'_>) -> Answer {
    let directory = &server.place.directory;
    let segments: Vec<&str> = target.path().trim_matches('/').split('/').collect();
    match segments[..] {
        ["global", "health"] => ok(format!(r#"{{"healthy":true,"version":"{VERSION}"}}"#)),
        ["path"] => ok(format!(
            r#"{{"home":"/bench","state":"/bench/state{0}","config":"/bench/config","worktree":"{0}","directory":"{0}"}}"#,
            directory
        )),
        ["agent"] => ok(AGENTS.to_owned()),
        ["config", "providers"] | ["provider"] => ok(PROVIDERS.to_owned()),
        ["config"] => ok(r#"{"model":"bench/bench-1"}"#.to_owned()),
        ["vcs"] => ok(r#"{"branch":"main"}"#.to_owned()),
        ["command"] => ok(COMMANDS.to_owned()),
        ["find", "file"] | ["mode"] | ["project"] => ok("[]".to_owned()),
        ["permission"] | ["question"] => state("[]".to_owned()),
        ["session"] => state(sessions(server, target)),
        ["session", "status"] => state(statuses(server)),
        ["session", id] => session(server, id),
        ["session", id, "message"] => messages(server, id, target),
        ["session", _, "todo" | "children" | "diff"] => ok("[]".to_owned()),
        _ => not_found(),
    }
}

/// What is answered to everything that would change something.
pub(super) fn refused() -> Answer {
    Answer {
        status: "405 Method Not Allowed",
        ..not_found()
    }
}

/// What strangers are answered.
pub(super) fn unauthorized() -> Answer {
    Answer {
        status: "401 Unauthorized\r\nwww-authenticate: Basic realm=\"Secure Area\"",
        ..not_found()
    }
}

fn ok(body: String) -> Answer {
    Answer {
        status: "200 OK",
        body,
        cursor: None,
        is_state: false,
    }
}

fn state(body: String) -> Answer {
    Answer {
        is_state: true,
        ..ok(body)
    }
}

fn not_found() -> Answer {
    Answer {
        status: "404 Not Found",
        ..ok(r#"{"name":"NotFoundError","data":{"message":"not found"}}"#.to_owned())
    }
}

fn sessions(server: &Server, target: &Target<'_>) -> String {
    if let Some(recording) = &server.recording {
        return recording.sessions();
    }
    let elsewhere = target
        .param("directory")
        .is_some_and(|wanted| wanted != server.place.directory);
    let limit = target.number("limit").unwrap_or(LISTED);
    let mut newest: Vec<_> = server.sessions.iter().filter(|_| !elsewhere).collect();
    newest.sort_by_key(|session| std::cmp::Reverse(session.updated));
    let listed = newest.iter().take(limit);
    list(listed.map(|session| session.json(&server.place)))
}

fn statuses(server: &Server) -> String {
    let busy = server.sessions.iter().filter(|session| session.is_busy());
    let entries: Vec<_> = busy
        .map(|session| format!(r#""{}":{{"type":"busy"}}"#, session.id))
        .collect();
    format!("{{{}}}", entries.join(","))
}

fn session(server: &Server, id: &str) -> Answer {
    let found = server.sessions.iter().find(|session| session.id == id);
    found.map_or_else(not_found, |session| ok(session.json(&server.place)))
}

/// A page of messages; a cursor is the number of the first message that the reader has.
fn messages(server: &Server, id: &str, target: &Target<'_>) -> Answer {
    let Some(session) = server.sessions.iter().find(|session| session.id == id) else {
        return match &server.recording {
            Some(_) => ok("[]".to_owned()),
            None => not_found(),
        };
    };
    let end = target.number("before").unwrap_or(session.messages());
    let begin = target
        .number("limit")
        .map_or(0, |limit| end.saturating_sub(limit));
    let page = (begin..end).filter_map(|at| session.message_json(&server.place, at));
    Answer {
        cursor: (begin > 0).then(|| begin.to_string()),
        ..ok(list(page))
    }
}

fn list(items: impl Iterator<Item = String>) -> String {
    let items: Vec<_> = items.collect();
    format!("[{}]", items.join(","))
}
