//! Whoever reaches a hub from another machine without what they need gets nothing: every refused thing, against a hub that
//! listens with TLS or behind a proxy. The same on loopback, for every route, is in `door.rs` and `admission.rs`.

use hub::access::{Key, Role};
use hub::command::audit;
use hub::limits;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::lab::{SOON, close_code};
use crate::yard::{NAME, Raw, Yard, with};

/// One route of each class: what it needs.
const CLASSES: [(Role, &str); 9] = [
    (Role::Watch, "GET /"),
    (Role::Watch, "GET /api/instances"),
    (Role::Watch, "GET /metrics"),
    (Role::Answer, "POST /api/instances/none/permissions/none"),
    (Role::Answer, "POST /api/instances/none/questions/none"),
    (Role::Drive, "POST /api/instances/none/sessions/none/prompt"),
    (Role::Drive, "PUT /api/settings"),
    (Role::Admin, "POST /api/tokens"),
    (Role::Admin, "GET /fragment/devices"),
];

/// What a browser shows after it came in.
pub(crate) struct Browser {
    cookie: String,
    proof: String,
}

impl Browser {
    pub(crate) fn of(entered: &Raw) -> Self {
        assert_eq!(entered.status, 200, "{entered:?}");
        let cookie = entered.header("set-cookie");
        Self {
            cookie: cookie.split(';').next().unwrap().to_owned(),
            proof: entered.json()["proof"].as_str().unwrap().to_owned(),
        }
    }

    pub(crate) fn cookie(&self) -> &str {
        &self.cookie
    }

    pub(crate) fn headers(&self) -> String {
        format!("Cookie: {}\nX-Drovers-Proof: {}", self.cookie, self.proof)
    }
}

pub(crate) fn key_of(link: &str) -> String {
    let (_, rest) = link.split_once('#').unwrap();
    rest.split('/').next().unwrap().to_owned()
}

pub(crate) async fn enter(yard: &Yard, key: &str) -> Raw {
    let body = json!({"key": key}).to_string();
    yard.ask(&with("POST /enter", "Accept: */*", &body)).await
}

async fn log_in(yard: &Yard, password: &str) -> Raw {
    let body = json!({"password": password}).to_string();
    yard.ask(&with("POST /enter", "Accept: */*", &body)).await
}

pub(crate) fn kind(answer: &Raw) -> String {
    let json: Value = serde_json::from_str(answer.body()).unwrap_or_default();
    let kind = json["type"].as_str().unwrap_or_default();
    kind.trim_start_matches("urn:drovers:problem:").to_owned()
}

#[tokio::test]
async fn a_device_comes_in_by_its_code_once_and_in_time() {
    let yard = Yard::new().await;
    let admin = yard.token("admin", &[Role::Admin]);
    let pair = async |body: Value| {
        yard.by(&admin, "POST /api/pairings", &body.to_string())
            .await
    };
    let page = "/i/one/s/two";
    let paired = pair(json!({"roles": ["watch"], "page": page})).await;
    assert_eq!(paired.status, 201, "{paired:?}");
    let paired = paired.json();
    let link = paired["link"].as_str().unwrap();
    let begin = format!("https://{NAME}:{}/enter#drovers_", yard.outside.port());
    assert!(link.starts_with(&begin) && link.ends_with(page), "{link}");
    assert_eq!(paired["expires_in"], 300);
    assert!(paired["fingerprint"].as_str().unwrap().len() > 90);
    let entered = enter(&yard, &key_of(link)).await;
    let cookie = entered.header("set-cookie");
    let port = yard.outside.port();
    assert!(
        cookie.starts_with(&format!("__Host-drovers_{port}=")),
        "{cookie}"
    );
    for word in ["HttpOnly", "SameSite=Strict", "Path=/", "Secure"] {
        assert!(cookie.split("; ").any(|part| part == word), "{cookie}");
    }
    let phone = Browser::of(&entered);
    assert_eq!(
        yard.ask(&with("GET /", &phone.headers(), "")).await.status,
        200
    );
    let refused = yard
        .ask(&with("GET /api/tokens", &phone.headers(), ""))
        .await;
    assert_eq!(
        (refused.status, kind(&refused)),
        (403, "not-allowed".into())
    );
    // The code is used, and another one is late.
    let again = enter(&yard, &key_of(link)).await;
    assert_eq!((again.status, kind(&again)), (401, "link-spent".into()));
    let late = pair(json!({"roles": ["admin"]})).await.json();
    yard.pass(limits::PAIRING_LIFE);
    let late = enter(&yard, &key_of(late["link"].as_str().unwrap())).await;
    assert_eq!((late.status, kind(&late)), (401, "link-spent".into()));
    for wrong in [
        json!({"roles": []}),
        json!({"roles": ["root"]}),
        json!({"roles": ["watch"], "page": "//evil.example"}),
        json!({"roles": ["watch"], "page": "https://evil.example"}),
        json!({"roles": ["watch"], "at": "https://evil.example"}),
        json!({"roles": ["watch"], "page": format!("/{}", "x".repeat(2000))}),
    ] {
        assert_eq!(pair(wrong.clone()).await.status, 422, "{wrong}");
    }
    assert_eq!(pair(json!({})).await.status, 422);
}

#[tokio::test]
async fn a_device_gets_no_more_than_whoever_paired_it_and_ends_with_them() {
    let yard = Yard::new().await;
    let watch = yard.token("watcher", &[Role::Watch]);
    let pair = async |key: &Key, roles: &[&str]| {
        let body = json!({"roles": roles}).to_string();
        yard.by(key, "POST /api/pairings", &body).await
    };
    for more in [&["admin"][..], &["answer"], &["drive"], &["watch", "drive"]] {
        let refused = pair(&watch, more).await;
        assert_eq!(
            (refused.status, kind(&refused)),
            (403, "not-allowed".into())
        );
    }
    let [first, second] = [
        pair(&watch, &["watch"]).await,
        pair(&watch, &["watch"]).await,
    ];
    let link = |paired: &Raw| key_of(paired.json()["link"].as_str().unwrap());
    let phone = Browser::of(&enter(&yard, &link(&first)).await);
    let get = with("GET /api/instances", &phone.headers(), "");
    assert_eq!(yard.ask(&get).await.status, 200);
    // The cookie alone lets nobody else in.
    let alone = format!("Cookie: {}", phone.cookie);
    let body = r#"{"roles":["watch"]}"#;
    let unproven = yard.ask(&with("POST /api/pairings", &alone, body)).await;
    assert_eq!(
        (unproven.status, kind(&unproven)),
        (403, "not-proven".into())
    );
    let third = yard
        .ask(&with("POST /api/pairings", &phone.headers(), body))
        .await;
    let tablet = Browser::of(&enter(&yard, &link(&third)).await);
    yard.keyring.revoke_token("watcher").unwrap();
    assert_eq!(yard.ask(&get).await.status, 401);
    let tablet = yard.ask(&with("GET /", &tablet.headers(), "")).await;
    assert_eq!(tablet.status, 401);
    assert_eq!(enter(&yard, &link(&second)).await.status, 401);
}

#[tokio::test]
async fn no_class_of_routes_is_open_to_a_smaller_role() {
    let yard = Yard::new().await;
    for role in Role::ALL {
        let key = yard.token(role.name(), &[role]);
        for (needs, line) in CLASSES {
            let answer = yard.by(&key, line, "").await;
            let may = role == needs || role == Role::Admin || needs == Role::Watch;
            assert_eq!(answer.status == 403, !may, "{role}: {line} {answer:?}");
            assert_ne!(answer.status, 401, "{role}: {line}");
        }
    }
    for (_, line) in CLASSES {
        let answer = yard.ask(&with(line, "Accept: */*", "")).await;
        assert_eq!(answer.status, 401, "{line} {answer:?}");
        let wrong = yard.by(&Key::random(), line, "").await;
        assert!([401, 429].contains(&wrong.status), "{line} {wrong:?}");
    }
}

#[tokio::test]
// Longer than 70 lines: a table of attacks.
async fn strange_names_sites_and_proxies_are_refused_with_a_right_key() {
    let yard = Yard::new().await;
    let key = yard.token("admin", &[Role::Admin]);
    let key = format!("Authorization: Bearer {}", key.reveal());
    let port = yard.outside.port();
    let own = format!("https://{NAME}:{port}");
    let get = |more: &str| format!("GET /api/instances HTTP/1.1\nHost: HOST\n{key}{more}");
    let at = |host: &str| format!("GET /api/instances HTTP/1.1\nHost: {host}\n{key}");
    for (request, wanted) in [
        (get(""), 200),
        (get(&format!("\nOrigin: {own}")), 200),
        (at(&format!("127.0.0.1:{port}")), 200),
        (at(NAME), 200),
        // Names that are not the hub's, as after DNS rebinding.
        (at("evil.example"), 403),
        (at(&format!("{NAME}.evil.example")), 403),
        (at("192.168.0.1"), 403),
        (at("[::1]"), 403),
        (at(&format!("user@{NAME}")), 403),
        (format!("GET /api/instances HTTP/1.1\n{key}"), 403),
        (get("\nHost: evil.example"), 403),
        (
            format!("GET https://evil.example/api/instances HTTP/1.1\nHost: HOST\n{key}"),
            403,
        ),
        // Pages of other sites.
        (get("\nOrigin: https://evil.example"), 403),
        (get("\nOrigin: null"), 403),
        (get(&format!("\nOrigin: http://{NAME}:{port}")), 403),
        (get(&format!("\nOrigin: https://{NAME}")), 403),
        (get(&format!("\nOrigin: {own}\nOrigin: {own}")), 403),
        (
            get("\nSec-Fetch-Site: cross-site\nSec-Fetch-Mode: no-cors"),
            403,
        ),
        (
            get("\nSec-Fetch-Site: same-site\nSec-Fetch-Mode: cors"),
            403,
        ),
        // Proxies that nobody named.
        (get("\nX-Forwarded-For: 127.0.0.1"), 403),
        (get("\nX-Forwarded-Host: hub.example.org"), 403),
        (get("\nX-Forwarded-Proto: https"), 403),
        (get("\nForwarded: for=127.0.0.1"), 403),
        (get("\nX-Real-IP: 127.0.0.1"), 403),
    ] {
        let answer = yard.ask(&request).await;
        assert_eq!(answer.status, wanted, "{request}\n{answer:?}");
        if wanted == 403 {
            assert_eq!(kind(&answer), "not-admitted", "{request}");
        }
    }
    // A form of another site: with and without what browsers say of it, and what a form can send at most.
    let form = |more: &str, line: &str, kind: &str| {
        let body = r#"{"key":"x"}"#;
        format!(
            "{line} HTTP/1.1\nHost: HOST\nContent-Type: {kind}\nContent-Length: {}{more}\n\n{body}",
            body.len()
        )
    };
    for line in ["POST /enter", "POST /api/tokens", "POST /api/stop"] {
        for kind in ["application/x-www-form-urlencoded", "text/plain"] {
            for more in [
                "\nOrigin: https://evil.example",
                "\nOrigin: null",
                "\nSec-Fetch-Site: cross-site\nSec-Fetch-Mode: navigate\nSec-Fetch-Dest: document",
            ] {
                let answer = yard.ask(&form(more, line, kind)).await;
                assert_eq!(answer.status, 403, "{line} {kind} {more}");
            }
            let answer = yard.ask(&form("", line, kind)).await;
            assert!([401, 415].contains(&answer.status), "{line} {answer:?}");
        }
    }
}

#[tokio::test]
async fn paths_and_bodies_lead_nowhere_else() {
    let yard = Yard::new().await;
    let key = yard.token("admin", &[Role::Admin]);
    yard.keyring
        .password()
        .set("three words, two rivers")
        .unwrap();
    for path in [
        "/../access.json",
        "/assets/../../access.json",
        "/assets/%2e%2e/%2e%2e/access.json",
        "/assets/..%2f..%2faccess.json",
        "/%2e%2e%2f%2e%2e%2fetc/passwd",
        "//etc/passwd",
        "/assets/..\\..\\access.json",
        "/assets/%00",
        "/token",
        "/password",
        "/tls.json",
        "/access.json",
    ] {
        for answer in [
            yard.by(&key, &format!("GET {path}"), "").await,
            yard.ask(&with(&format!("GET {path}"), "Accept: */*", ""))
                .await,
        ] {
            assert!(
                [400, 401, 403, 404].contains(&answer.status),
                "{path} {answer:?}"
            );
            for secret in ["digest", "argon2", "PRIVATE KEY", "root:"] {
                assert!(!answer.text.contains(secret), "{path}");
            }
        }
    }
    // More than a route takes: by what it says, and by what it sends.
    let huge = "x".repeat(limits::PROMPT_BYTES + 1);
    let said = with(
        "POST /enter",
        "Accept: */*",
        &format!("{{\"key\":\"{huge}\"}}"),
    );
    let answer = yard.ask(&said).await;
    assert!([413, 0].contains(&answer.status), "{}", answer.status);
    let head = format!("X-Long: {}", "x".repeat(1 << 20));
    let answer = yard.ask(&with("GET /", &head, "")).await;
    assert!([431, 0].contains(&answer.status), "{}", answer.status);
    // The hub goes on.
    assert_eq!(yard.by(&key, "GET /api/instances", "").await.status, 200);
}

#[tokio::test]
async fn only_tls_is_spoken_on_the_port_for_other_machines() {
    let yard = Yard::new().await;
    let key = yard.token("admin", &[Role::Admin]);
    let plain = format!(
        "GET /api/instances HTTP/1.1\nHost: {NAME}:{}\nAuthorization: Bearer {}",
        yard.outside.port(),
        key.reveal()
    );
    let answer = yard.ask_plain(yard.outside, &plain).await;
    assert_eq!(answer.status, 400);
    assert!(answer.body().contains("speaks HTTPS") && answer.header("set-cookie").is_empty());
    // What is neither TLS nor HTTP is closed.
    for bytes in [
        &b"\x16\x03\x01\x00\x05hello"[..],
        b"\x00\x00\x00\x00",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(yard.outside).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut said = Vec::new();
        let _closed = timeout(SOON, stream.read_to_end(&mut said)).await.unwrap();
        assert!(!String::from_utf8_lossy(&said).contains("200"), "{bytes:?}");
    }
    // The certificate is for the hub's names alone, and its authority may sign for no other site.
    let stream = yard.connect("localhost").await;
    drop(stream);
    assert_eq!(
        yard.ask(&with("GET /enter", "Accept: */*", ""))
            .await
            .status,
        200
    );
    // The listener of this machine is as it was: no TLS, loopback names alone.
    let inside = |host: &str| format!("GET /api/health/live HTTP/1.1\nHost: {host}");
    assert_eq!(
        yard.ask_plain(yard.inside, &inside("localhost"))
            .await
            .status,
        200
    );
    assert_eq!(yard.ask_plain(yard.inside, &inside(NAME)).await.status, 403);
}

#[tokio::test]
async fn behind_a_proxy_only_the_proxy_is_believed() {
    let key = |yard: &Yard| {
        let key = yard.token("admin", &[Role::Admin]);
        format!("Authorization: Bearer {}", key.reveal())
    };
    let secure = "X-Forwarded-Proto: https";
    let stranger = Yard::behind(&["10.9.9.9"]).await;
    let request = format!(
        "GET /api/instances HTTP/1.1\nHost: {NAME}\n{}\n{secure}",
        key(&stranger)
    );
    let answer = stranger.ask_plain(stranger.outside, &request).await;
    // The answer may be lost, as the connection is closed before anything is read.
    assert!(
        answer.text.is_empty() || answer.body().contains("known proxies only"),
        "{answer:?}"
    );
    let yard = Yard::behind(&["127.0.0.1"]).await;
    let key = key(&yard);
    for (host, more, wanted) in [
        (NAME, secure.to_owned(), 200),
        (
            "127.0.0.1",
            format!("{secure}\nX-Forwarded-Host: {NAME}"),
            200,
        ),
        (NAME, format!("{secure}\nOrigin: https://{NAME}"), 200),
        (NAME, String::from("Accept: */*"), 403),
        (NAME, "X-Forwarded-Proto: http".to_owned(), 403),
        (NAME, format!("{secure}\n{secure}"), 403),
        (
            NAME,
            format!("{secure}\nX-Forwarded-Host: evil.example"),
            403,
        ),
        ("evil.example", secure.to_owned(), 403),
        ("127.0.0.1", secure.to_owned(), 403),
        ("localhost", secure.to_owned(), 403),
        (NAME, format!("{secure}\nOrigin: http://{NAME}"), 403),
        (NAME, format!("{secure}\nOrigin: https://evil.example"), 403),
    ] {
        let request = format!("GET /api/instances HTTP/1.1\nHost: {host}\n{key}\n{more}");
        let answer = yard.ask_plain(yard.outside, &request).await;
        assert_eq!(answer.status, wanted, "{request}\n{answer:?}");
    }
    // A login is the client's, whose address the proxy says, and its cookie is for TLS alone.
    yard.keyring
        .password()
        .set("three words, two rivers")
        .unwrap();
    let body = r#"{"password":"three words, two rivers"}"#;
    let request = with(
        "POST /enter",
        &format!("{secure}\nX-Forwarded-For: 6.6.6.6, 1.2.3.4"),
        body,
    );
    let entered = yard
        .ask_plain(yard.outside, &request.replace("HOST", NAME))
        .await;
    assert_eq!(entered.status, 200, "{entered:?}");
    assert!(
        entered
            .header("set-cookie")
            .starts_with("__Host-drovers_443=")
    );
    let entries = yard.hub.audit().newest(10).await.unwrap();
    assert_eq!(entries.last().unwrap().about, "by password, from 1.2.3.4");
}

#[tokio::test]
async fn revocation_ends_what_is_open_over_tls() {
    let yard = Yard::new().await;
    let key = yard.token("phone", &[Role::Watch]);
    let url = format!("wss://{NAME}:{}/api/live", yard.outside.port());
    let mut request = url.into_client_request().unwrap();
    let bearer = format!("Bearer {}", key.reveal());
    request
        .headers_mut()
        .insert("authorization", bearer.parse().unwrap());
    let stream = yard.connect(NAME).await;
    let (mut socket, _) = client_async(request, stream).await.unwrap();
    let mut log = yard.connect(NAME).await;
    let head = format!(
        "GET /api/log HTTP/1.1\r\nHost: {NAME}:{}\r\nAuthorization: {bearer}\r\n\r\n",
        yard.outside.port()
    );
    log.write_all(head.as_bytes()).await.unwrap();
    let mut byte = [0];
    timeout(SOON, log.read_exact(&mut byte))
        .await
        .unwrap()
        .unwrap();
    yard.keyring.revoke_token("phone").unwrap();
    assert_eq!(close_code(&mut socket).await, 1008);
    // The stream ends; its connection may go on for another request.
    let mut rest = Vec::new();
    let end = async {
        while !rest.ends_with(b"0\r\n\r\n") {
            let mut slice = [0; 4096];
            match log.read(&mut slice).await {
                Ok(count @ 1..) => rest.extend_from_slice(&slice[..count]),
                _ => return,
            }
        }
    };
    timeout(SOON, end).await.unwrap();
    assert_eq!(yard.by(&key, "GET /", "").await.status, 401);
}

#[tokio::test]
async fn a_password_is_guessed_slowly_and_every_failure_is_the_same() {
    let yard = Yard::new().await;
    const PASSWORD: &str = "three words, two rivers";
    let none = log_in(&yard, PASSWORD).await;
    assert_eq!((none.status, kind(&none)), (401, "wrong-password".into()));
    let locked = with("GET /", "Accept: text/html", "");
    assert!(!yard.ask(&locked).await.body().contains("<form"));
    yard.keyring.password().set(PASSWORD).unwrap();
    assert!(yard.ask(&locked).await.body().contains("current-password"));
    for wrong in ["", "three words", &"x".repeat(limits::PASSWORD_MOST + 1)] {
        let answer = log_in(&yard, wrong).await;
        assert_eq!((answer.status, answer.body()), (401, none.body()));
        assert!(answer.header("set-cookie").is_empty());
    }
    let browser = Browser::of(&log_in(&yard, PASSWORD).await);
    let tokens = yard
        .ask(&with("GET /api/tokens", &browser.headers(), ""))
        .await;
    assert_eq!(tokens.status, 200);
    assert!(!tokens.text.contains("argon2"));
    // Many at once are not all looked at; how many is shown beside the rate limit itself.
    let many = (0..8).map(|_| log_in(&yard, "wrong"));
    for answer in futures_util::future::join_all(many).await {
        assert!([401, 429].contains(&answer.status), "{answer:?}");
    }
    let entries = yard.hub.audit().newest(100).await.unwrap();
    let logins = entries.iter().filter(|entry| &*entry.request == "login");
    let (good, bad): (Vec<_>, Vec<_>) = logins.partition(|entry| &*entry.answer == "entered");
    assert_eq!(good.len(), 1, "{good:?}");
    assert!(good[0].by.starts_with("page ") && good[0].step == audit::Step::Taken);
    assert!(bad.len() >= 4 && bad.iter().all(|entry| entry.about.contains("127.0.0.1")));
    let log = std::fs::read_to_string(yard.data.file("audit-refused.log")).unwrap();
    assert!(!log.contains("three words"));
    // All browsers are logged out at once.
    yard.keyring.revoke_pages().unwrap();
    let out = yard.ask(&with("GET /", &browser.headers(), "")).await;
    assert_eq!(out.status, 401);
}
