//! A hub that asks for a key, and every route that it has, from its own description.

use futures_util::future::join_all;
use hub::access::{Key, Keyring, NewToken, PageLogin, Role};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::Value;
use tokio::time::timeout;

use crate::lab::{Lab, SOON, send};

/// A hub that asks who comes, and a key of each kind.
pub(crate) struct Gate {
    pub(crate) lab: Lab,
    pub(crate) keyring: Keyring,
    pub(crate) admin: Key,
    pub(crate) page: PageLogin,
    /// Every route that is not public: method, path, and the role whose power it needs.
    pub(crate) routes: Vec<(Method, String, Role)>,
}

impl Gate {
    pub(crate) async fn new() -> Self {
        let (lab, keyring) = Lab::guarded().await;
        let admin = token(&keyring, "admin", Role::Admin);
        let page = page(&keyring);
        let spec = send(bearer(
            lab.request(Method::GET, "/api/openapi.json"),
            &admin,
        ))
        .await;
        let mut routes = described(&spec.good());
        for path in hub::http::PAGES {
            routes.push((Method::GET, filled(path), role(&Method::GET, path)));
        }
        assert!(routes.len() > 35, "{routes:?}");
        Self {
            lab,
            keyring,
            admin,
            page,
            routes,
        }
    }

    /// Asks every route at once, in a way; gives the status of each.
    pub(crate) async fn all(
        &self,
        way: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> Vec<StatusCode> {
        self.all_but(|_| false, way).await
    }

    /// The same without some paths.
    pub(crate) async fn all_but(
        &self,
        without: impl Fn(&str) -> bool,
        way: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> Vec<StatusCode> {
        let routes = self.routes.iter().filter(|(_, path, _)| !without(path));
        let asked = routes.map(async |(method, path, _)| {
            let request = way(self.lab.request(method.clone(), path));
            // The head is enough: the log's body never ends.
            let answer = timeout(SOON, request.send()).await.expect("an answer");
            answer.unwrap().status()
        });
        join_all(asked).await
    }

    /// Every route refuses a way in this manner.
    pub(crate) async fn refused(
        &self,
        what: &str,
        with: &[u16],
        way: impl Fn(RequestBuilder) -> RequestBuilder,
    ) {
        let answers = self.all(way).await;
        for ((method, path, _), status) in self.routes.iter().zip(answers) {
            assert!(
                with.contains(&status.as_u16()),
                "{what}: {method} {path} {status}"
            );
        }
    }

    pub(crate) fn cookie(&self, key: &Key) -> String {
        format!("drovers_{}={}", self.lab.port, key.reveal())
    }
}

/// Routes of the API that say yes or no to anybody.
pub(crate) const OPEN: [&str; 2] = ["/api/health/live", "/api/health/ready"];

/// Routes for everybody who came in, that let others in or the caller out, or show who may come in.
pub(crate) const PROVEN: [&str; 6] = [
    "/api/pairings",
    "/api/logout",
    "/api/passkeys",
    "/api/passkeys/challenge",
    "/api/passkeys/none",
    "/fragment/passkeys",
];

/// The routes of an API, by its own description, apart from those.
pub(crate) fn described(spec: &Value) -> Vec<(Method, String, Role)> {
    let mut routes = Vec::new();
    for (path, methods) in spec["paths"].as_object().unwrap() {
        if OPEN.contains(&path.as_str()) {
            continue;
        }
        for name in methods.as_object().unwrap().keys() {
            let method: Method = name.to_uppercase().parse().unwrap();
            let role = role(&method, path);
            routes.push((method, filled(path), role));
        }
    }
    routes
}

/// Whose a route is, by the rule that people are told.
pub(crate) fn role(method: &Method, path: &str) -> Role {
    let keys = [
        "/api/tokens",
        "/api/pages",
        "/api/links",
        "/api/folders",
        "/api/restart",
        "/fragment/devices",
        "/api/push/targets",
        "/api/push/test",
    ];
    if keys.iter().any(|place| path.starts_with(place)) {
        return Role::Admin;
    }
    if method == Method::GET {
        return Role::Watch;
    }
    let answers = ["/permissions/", "/questions/", "/push/devices"];
    if answers.iter().any(|place| path.contains(place)) {
        return Role::Answer;
    }
    match path {
        "/api/instances" | "/api/instances/{id}" => Role::Admin,
        // A page that may only look on has errors, too; they change nothing.
        "/api/page-errors" => Role::Watch,
        // A device gets roles that the caller has, and whoever came in may go.
        path if PROVEN.contains(&filled(path).as_str()) => Role::Watch,
        _ => Role::Drive,
    }
}

/// A path with something for each of its parameters.
pub(crate) fn filled(path: &str) -> String {
    let part = |part: &str| {
        if part.starts_with('{') {
            "none".to_owned()
        } else {
            part.to_owned()
        }
    };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

pub(crate) fn token(keyring: &Keyring, name: &str, role: Role) -> Key {
    let new = NewToken {
        name: name.to_owned(),
        roles: vec![role],
        expires: None,
    };
    keyring.add(new).unwrap()
}

pub(crate) fn page(keyring: &Keyring) -> PageLogin {
    keyring.enter(keyring.link().reveal(), "Firefox").unwrap()
}

pub(crate) fn bearer(request: RequestBuilder, key: &Key) -> RequestBuilder {
    request.bearer_auth(key.reveal())
}
