//! The power that each route requires, in one table. A route that is missing from the table requires every power, and
//! fails the tests.

use axum::http::Method;

use super::assets::{OFFLINE_PATH, WORKER_PATH};
use crate::access::{Power, Powers};
use Power::{Admin, Answer, Drive, Watch};

/// The requirement of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// No requirement: the response has no data of the user.
    Nothing,
    /// Any authenticated caller: the address does not exist.
    Somebody,
    /// This power.
    One(Power),
    /// Every power: the route is not in the table.
    Every,
}

impl Need {
    /// True if these powers are sufficient.
    pub(super) fn is_met_by(self, powers: Powers) -> bool {
        match self {
            Self::Nothing | Self::Somebody => true,
            Self::One(power) => powers.has(power),
            Self::Every => powers == Powers::ALL,
        }
    }
}

/// Routes without authentication: login, health probes, the service worker and the document that it shows while the hub is
/// away. The page's static files are public as well: see [`super::assets`].
pub(super) const PUBLIC: [(&str, &str); 7] = [
    ("GET", ENTER),
    ("POST", ENTER),
    ("POST", ENTER_PASSKEY),
    ("GET", "/api/health/live"),
    ("GET", "/api/health/ready"),
    ("GET", WORKER_PATH),
    ("GET", OFFLINE_PATH),
];

/// The path of login links.
pub(super) const ENTER: &str = "/enter";

/// The path where a browser asks for what a passkey has to sign.
pub(super) const ENTER_PASSKEY: &str = "/enter/passkey";

/// Every other route: its method, its path in the router, and the required power.
#[rustfmt::skip]
const TABLE: &[(&str, &str, Power)] = &[
    // Documents.
    ("GET", "/", Watch),
    ("GET", "/i/{instance}", Watch),
    ("GET", "/i/{instance}/s/{session}", Watch),
    ("GET", "/i/{instance}/parallel/{parallel}", Watch),
    ("GET", "/i/{instance}/review", Watch),
    ("GET", "/i/{instance}/s/{session}/review", Watch),
    ("GET", "/inspect", Watch),
    ("GET", "/fragment/", Watch),
    ("GET", "/fragment/inspect", Watch),
    ("GET", "/fragment/inspect/past", Watch),
    ("GET", "/fragment/settings", Watch),
    ("GET", "/fragment/parallel/{instance}", Watch),
    ("GET", "/fragment/archived/{instance}", Watch),
    ("GET", "/fragment/i/{instance}", Watch),
    ("GET", "/fragment/i/{instance}/s/{session}", Watch),
    ("GET", "/fragment/i/{instance}/s/{session}/older", Watch),
    ("GET", "/fragment/since", Watch),
    ("GET", "/fragment/search", Watch),
    ("GET", "/fragment/worktrees/{instance}", Watch),
    ("GET", "/fragment/worktrees/{instance}/new", Watch),
    ("GET", "/fragment/process/{instance}", Watch),
    ("GET", "/fragment/i/{instance}/s/{session}/verify", Watch),
    ("GET", "/fragment/i/{instance}/s/{session}/why", Watch),
    // Feeds.
    ("GET", "/api/live", Watch),
    ("GET", "/api/log", Watch),
    // The event inspector reads what the log has. A bundle takes memory of the hub.
    ("GET", "/api/inspect/frames", Watch),
    ("GET", "/api/inspect/frame", Watch),
    ("GET", "/api/inspect/session", Watch),
    ("GET", "/api/inspect/export", Watch),
    ("POST", "/api/inspect/bundles", Drive),
    ("POST", "/api/page-errors", Watch),
    // The hub.
    ("GET", "/api/health", Watch),
    ("GET", "/metrics", Watch),
    ("GET", "/api/openapi.json", Watch),
    ("GET", "/api/discover", Watch),
    ("POST", "/api/restart", Admin),
    ("GET", "/api/settings", Watch),
    ("PUT", "/api/settings", Drive),
    ("GET", "/api/index", Watch),
    ("GET", "/api/since", Watch),
    ("GET", "/api/search", Watch),
    ("GET", "/api/usage", Watch),
    // Instances.
    ("GET", "/api/instances", Watch),
    ("POST", "/api/instances", Admin),
    ("GET", "/api/folders", Admin),
    ("POST", "/api/folders", Admin),
    ("GET", "/api/instances/{id}", Watch),
    ("PATCH", "/api/instances/{id}", Admin),
    ("DELETE", "/api/instances/{id}", Admin),
    ("POST", "/api/instances/{id}/reconnect", Drive),
    ("POST", "/api/instances/{id}/restart", Drive),
    // Sessions.
    ("GET", "/api/instances/{id}/sessions", Watch),
    ("POST", "/api/instances/{id}/sessions", Drive),
    ("POST", "/api/instances/{id}/older-sessions", Drive),
    ("GET", "/api/instances/{id}/sessions/{sid}", Watch),
    ("PATCH", "/api/instances/{id}/sessions/{sid}", Drive),
    ("DELETE", "/api/instances/{id}/sessions/{sid}", Drive),
    ("POST", "/api/instances/{id}/sessions/{sid}/abort", Drive),
    ("POST", "/api/instances/{id}/sessions/{sid}/reviewed", Drive),
    ("DELETE", "/api/instances/{id}/sessions/{sid}/reviewed", Drive),
    ("POST", "/api/instances/{id}/sessions/{sid}/snooze", Drive),
    ("DELETE", "/api/instances/{id}/sessions/{sid}/snooze", Drive),
    ("POST", "/api/instances/{id}/sessions/{sid}/verify", Drive),
    ("POST", "/api/instances/{id}/sessions/{sid}/reread", Drive),
    ("POST", "/api/instances/{id}/sessions/{sid}/continue", Drive),
    ("POST", "/api/instances/{id}/sessions/{sid}/fork", Drive),
    ("POST", "/api/instances/{id}/sessions/{sid}/revert", Drive),
    ("POST", "/api/instances/{id}/sessions/{sid}/unrevert", Drive),
    ("POST", "/api/instances/{id}/sessions/{sid}/compact", Drive),
    ("GET", "/api/instances/{id}/sessions/{sid}/export", Watch),
    ("POST", "/api/continue", Drive),
    ("POST", "/api/stop", Drive),
    ("GET", "/api/instances/{id}/sessions/{sid}/messages", Watch),
    ("GET", "/api/instances/{id}/sessions/{sid}/messages/{mid}/parts/{pid}/files/{nth}", Watch),
    ("DELETE", "/api/instances/{id}/sessions/{sid}/messages/{mid}", Drive),
    ("POST", "/api/instances/{id}/sessions/{sid}/messages/{mid}/steer", Drive),
    ("POST", "/api/instances/{id}/sessions/{sid}/prompt", Drive),
    ("GET", "/api/instances/{id}/sessions/{sid}/queue", Watch),
    ("POST", "/api/instances/{id}/sessions/{sid}/queue", Drive),
    ("PATCH", "/api/instances/{id}/sessions/{sid}/queue", Drive),
    ("PATCH", "/api/instances/{id}/sessions/{sid}/queue/{qid}", Drive),
    ("DELETE", "/api/instances/{id}/sessions/{sid}/queue/{qid}", Drive),
    ("POST", "/api/instances/{id}/sessions/{sid}/queue/{qid}/send", Drive),
    ("GET", "/api/instances/{id}/parallel", Watch),
    ("POST", "/api/instances/{id}/parallel", Drive),
    ("GET", "/api/instances/{id}/parallel/{rid}", Watch),
    ("POST", "/api/instances/{id}/parallel/{rid}/keep", Drive),
    ("DELETE", "/api/instances/{id}/parallel/{rid}/keep", Drive),
    ("GET", "/api/instances/{id}/completions", Watch),
    ("GET", "/api/instances/{id}/choices", Watch),
    ("GET", "/api/instances/{id}/sessions/{sid}/draft", Watch),
    ("PUT", "/api/instances/{id}/sessions/{sid}/draft", Drive),
    // Reviews. What the comments bring to an agent, and what git does, is work.
    ("GET", "/fragment/review/{instance}", Watch),
    ("GET", "/fragment/review/{instance}/file", Watch),
    ("GET", "/fragment/review/{instance}/lines", Watch),
    ("GET", "/api/review/next", Watch),
    ("GET", "/api/instances/{id}/review", Watch),
    ("GET", "/api/instances/{id}/review/patch", Watch),
    ("GET", "/api/instances/{id}/review/image", Watch),
    ("GET", "/api/instances/{id}/review/marks", Watch),
    ("PUT", "/api/instances/{id}/review/viewed", Drive),
    ("POST", "/api/instances/{id}/review/comments", Drive),
    ("PUT", "/api/instances/{id}/review/comments/{cid}", Drive),
    ("DELETE", "/api/instances/{id}/review/comments/{cid}", Drive),
    ("POST", "/api/instances/{id}/review/send", Drive),
    ("POST", "/api/instances/{id}/review/git", Drive),
    // Work trees. A set-up command that nobody allowed yet, and a folder that nobody trusts, need `Admin`: the handler asks for it.
    ("GET", "/api/instances/{id}/process", Watch),
    ("GET", "/api/instances/{id}/worktrees", Watch),
    ("POST", "/api/instances/{id}/worktrees", Drive),
    ("GET", "/api/instances/{id}/worktrees/plan", Watch),
    ("GET", "/api/instances/{id}/worktrees/making/{job}", Watch),
    ("POST", "/api/instances/{id}/worktrees/act", Drive),
    // Requests of agents.
    ("GET", "/api/instances/{id}/permissions", Watch),
    ("POST", "/api/instances/{id}/permissions/{pid}", Answer),
    ("GET", "/api/instances/{id}/questions", Watch),
    ("POST", "/api/instances/{id}/questions/{qid}", Answer),
    // Notifications. Who is notified of requests is whoever may answer them.
    ("GET", "/api/push", Watch),
    ("POST", "/api/push/devices", Answer),
    ("DELETE", "/api/push/devices/{did}", Answer),
    ("GET", "/api/push/targets", Admin),
    ("POST", "/api/push/targets", Admin),
    ("DELETE", "/api/push/targets/{tid}", Admin),
    ("POST", "/api/push/test", Admin),
    // Access.
    ("GET", "/api/tokens", Admin),
    ("POST", "/api/tokens", Admin),
    ("DELETE", "/api/tokens/{name}", Admin),
    ("DELETE", "/api/pages/{id}", Admin),
    ("DELETE", "/api/pages", Admin),
    ("POST", "/api/links", Admin),
    ("GET", "/fragment/devices", Admin),
    ("GET", "/fragment/pair", Watch),
    ("GET", "/api/access", Watch),
    // A device gets roles that the caller has, and ends with it: the handler looks.
    ("POST", "/api/pairings", Watch),
    ("POST", "/api/logout", Watch),
    // A passkey gets the roles of the page that registers it. The handlers look whose one is changed.
    ("GET", "/fragment/passkeys", Watch),
    ("GET", "/api/passkeys", Watch),
    ("POST", "/api/passkeys/challenge", Watch),
    ("POST", "/api/passkeys", Watch),
    ("PATCH", "/api/passkeys/{id}", Watch),
    ("DELETE", "/api/passkeys/{id}", Watch),
];

/// Routes for callers that watch, and that a page's cookie alone does not open: they let others in, or the page out, or show who
/// may come in.
const PROVEN: [(&str, &str); 8] = [
    ("POST", "/api/pairings"),
    ("POST", "/api/logout"),
    ("GET", "/fragment/passkeys"),
    ("GET", "/api/passkeys"),
    ("POST", "/api/passkeys/challenge"),
    ("POST", "/api/passkeys"),
    ("PATCH", "/api/passkeys/{id}"),
    ("DELETE", "/api/passkeys/{id}"),
];

/// True if a page needs its proof for a route whatever power that requires.
pub(super) fn wants_proof(method: &Method, path: Option<&str>) -> bool {
    let path = path.unwrap_or_default();
    PROVEN.contains(&(method.as_str(), path))
}

/// The requirement of a request, by its method and the path of its route; `None` for an unknown path.
pub(super) fn of(method: &Method, path: Option<&str>) -> Need {
    let Some(path) = path else {
        return Need::Somebody;
    };
    if page::assets().iter().any(|asset| asset.path == path) {
        return Need::Nothing;
    }
    let method = match method.as_str() {
        "HEAD" => "GET",
        method => method,
    };
    if PUBLIC.contains(&(method, path)) {
        return Need::Nothing;
    }
    let known = TABLE
        .iter()
        .find(|(verb, route, _)| (*verb, *route) == (method, path));
    known.map_or(Need::Every, |(_, _, power)| Need::One(*power))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Every route of the API, by its own description, and every document.
    fn routes() -> BTreeSet<(String, String)> {
        let spec = serde_json::to_value(super::super::api().1).unwrap_or_default();
        let paths = spec["paths"].as_object().cloned().unwrap_or_default();
        let api = paths.into_iter().flat_map(|(path, methods)| {
            let methods = methods.as_object().cloned().unwrap_or_default();
            let methods: Vec<_> = methods.into_iter().map(|(method, _)| method).collect();
            let route = move |method: String| (method.to_uppercase(), path.clone());
            methods.into_iter().map(route)
        });
        let documents = super::super::PAGES.map(|path| ("GET".to_owned(), path.to_owned()));
        api.chain(documents).collect()
    }

    #[test]
    fn every_route_is_in_the_table_and_the_table_has_no_other() {
        let open = PUBLIC.iter().filter(|(_, path)| path.starts_with("/api/"));
        let named = TABLE.iter().map(|(method, path, _)| (method, path));
        let table = named.chain(open.clone().map(|(method, path)| (method, path)));
        let table: BTreeSet<_> = table
            .map(|(method, path)| ((*method).to_owned(), (*path).to_owned()))
            .collect();
        assert_eq!(
            table.len(),
            TABLE.len() + open.count(),
            "twice in the table"
        );
        assert_eq!(routes(), table);
    }

    #[test]
    fn what_is_not_known_is_for_nobody_but_who_may_do_everything() {
        let need = of(&Method::PUT, Some("/api/instances"));
        assert_eq!(need, Need::Every);
        assert!(!need.is_met_by(Powers::NONE.with(Watch).with(Answer).with(Drive)));
        assert!(need.is_met_by(Powers::ALL));
        assert_eq!(of(&Method::HEAD, Some("/")), Need::One(Watch));
    }
}
