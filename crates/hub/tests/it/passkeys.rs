//! Passkeys over the wire: whoever has none, or shows one in a wrong way, gets nothing; and whoever came in by one is out when it
//! is revoked. What is wrong with an answer in detail is tried in the unit tests of `access::passkey`.

use hub::access::Role;
use hub::command::audit::Step;
use hub::limits;
use serde_json::{Value, json};
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::attack::{Browser, enter, key_of, kind};
use crate::authenticator::{Signer, Soft};
use crate::lab::close_code;
use crate::yard::{NAME, Raw, Yard, with};

/// The origin of the hub's pages.
fn origin(yard: &Yard) -> String {
    format!("https://{NAME}:{}", yard.outside.port())
}

/// A browser that came in with these roles.
async fn browser(yard: &Yard, roles: &[&str]) -> Browser {
    let admin = yard.token(&format!("t{}", rand::random::<u32>()), &[Role::Admin]);
    let body = json!({"roles": roles}).to_string();
    let paired = yard.by(&admin, "POST /api/pairings", &body).await.json();
    let link = paired["link"].as_str().unwrap();
    Browser::of(&enter(yard, &key_of(link)).await)
}

async fn by(yard: &Yard, browser: &Browser, line: &str, body: &Value) -> Raw {
    let body = match body {
        Value::Null => String::new(),
        body => body.to_string(),
    };
    yard.ask(&with(line, &browser.headers(), &body)).await
}

/// Registers a passkey of this browser.
async fn register(yard: &Yard, browser: &Browser) -> (Soft, Value) {
    let name = json!({"name": "Laptop"});
    let asked = by(yard, browser, "POST /api/passkeys/challenge", &name).await;
    assert_eq!(asked.status, 200, "{asked:?}");
    let asked = asked.json();
    assert_eq!(asked["site"], NAME);
    let mut soft = Soft::new(NAME, &origin(yard), Signer::p256());
    soft.user = asked["user"].as_str().unwrap().to_owned();
    let made = soft.made(asked["challenge"].as_str().unwrap());
    let added = by(yard, browser, "POST /api/passkeys", &made).await;
    assert_eq!(added.status, 201, "{added:?}");
    (soft, added.json())
}

async fn challenge(yard: &Yard) -> String {
    let asked = yard
        .ask(&with("POST /enter/passkey", "Accept: */*", "{}"))
        .await;
    assert_eq!(asked.status, 200, "{asked:?}");
    asked.json()["challenge"].as_str().unwrap().to_owned()
}

async fn show(yard: &Yard, shown: &Value) -> Raw {
    let body = json!({"passkey": shown}).to_string();
    yard.ask(&with("POST /enter", "Accept: */*", &body)).await
}

#[tokio::test]
// Longer than 70 lines: one passkey, from its registration to its end.
async fn a_passkey_lets_a_browser_in_with_its_roles_and_ends_it() {
    let yard = Yard::new().await;
    let first = browser(&yard, &["answer"]).await;
    let locked = with("GET /", "Accept: text/html", "");
    assert!(!yard.ask(&locked).await.body().contains("id=\"passkey\""));
    let (mut soft, passkey) = register(&yard, &first).await;
    assert!(yard.ask(&locked).await.body().contains("id=\"passkey\""));
    assert_eq!(
        (&passkey["name"], &passkey["roles"]),
        (&json!("Laptop"), &json!(["answer"]))
    );
    let out = by(&yard, &first, "POST /api/logout", &Value::Null).await;
    assert_eq!(out.status, 204);

    let entered = show(&yard, &soft.signed(&challenge(&yard).await)).await;
    let cookie = entered.header("set-cookie");
    assert!(
        cookie.starts_with("__Host-drovers_") && cookie.contains("HttpOnly"),
        "{cookie}"
    );
    let back = Browser::of(&entered);
    let get = |line: &'static str| with(line, &back.headers(), "");
    assert_eq!(yard.ask(&get("GET /api/instances")).await.status, 200);
    assert_eq!(yard.ask(&get("GET /api/tokens")).await.status, 403);
    let listed = yard.ask(&get("GET /api/passkeys")).await;
    assert_eq!(listed.json()["passkeys"][0]["id"], passkey["id"]);
    for secret in ["key\"", "credential", "counter"] {
        assert!(!listed.text.contains(secret), "{listed:?}");
    }

    let mut request = format!("wss://{NAME}:{}/api/live", yard.outside.port())
        .into_client_request()
        .unwrap();
    let cookie = back.cookie().parse().unwrap();
    request.headers_mut().insert("cookie", cookie);
    let (mut socket, _) = client_async(request, yard.connect(NAME).await)
        .await
        .unwrap();
    let url = format!("/api/passkeys/{}", passkey["id"].as_str().unwrap());
    let renamed = json!({"name": "Desk"});
    let patch = format!("PATCH {url}");
    assert_eq!(by(&yard, &back, &patch, &renamed).await.status, 204);
    assert_eq!(
        by(&yard, &back, &patch, &json!({"name": "a\nb"}))
            .await
            .status,
        422
    );
    let admin = yard.token("admin", &[Role::Admin]);
    assert_eq!(
        yard.by(&admin, &format!("DELETE {url}"), "").await.status,
        204
    );
    assert_eq!(close_code(&mut socket).await, 1008);
    assert_eq!(yard.ask(&get("GET /")).await.status, 401);
    let revoked = show(&yard, &soft.signed(&challenge(&yard).await)).await;
    assert_eq!(
        (revoked.status, kind(&revoked)),
        (401, "wrong-passkey".into())
    );

    let entries = yard.hub.audit().newest(100).await.unwrap();
    let of = |request: &str| -> Vec<_> {
        let entries = entries.iter().filter(|entry| &*entry.request == request);
        entries
            .map(|entry| format!("{} {}", entry.answer, entry.about))
            .collect()
    };
    let changes = [
        "registered Laptop (answer), from 127.0.0.1",
        "renamed Laptop (answer), from 127.0.0.1",
        "revoked Desk (answer), from 127.0.0.1",
    ];
    assert_eq!(of("passkey"), changes);
    let logins = of("login");
    assert!(
        logins.contains(&"entered by passkey Laptop, from 127.0.0.1".to_owned()),
        "{logins:?}"
    );
    let refused = entries
        .iter()
        .find(|entry| entry.step == Step::Denied)
        .unwrap();
    assert_eq!(
        refused.reason.as_deref(),
        Some("the passkey is unknown or revoked")
    );
}

#[tokio::test]
async fn every_wrong_passkey_is_the_same_and_waits_like_a_password() {
    let yard = Yard::new().await;
    let (mut soft, _) = register(&yard, &browser(&yard, &["admin"]).await).await;
    let good = soft.signed(&challenge(&yard).await);
    assert_eq!(show(&yard, &good).await.status, 200);
    let mut answers = vec![show(&yard, &good).await];
    for change in [
        |soft: &mut Soft| soft.origin = "https://evil.example".to_owned(),
        |soft: &mut Soft| soft.site = "evil.example".to_owned(),
        |soft: &mut Soft| soft.flags = 1,
    ] {
        let challenge = challenge(&yard).await;
        let (origin, site, flags) = (soft.origin.clone(), soft.site.clone(), soft.flags);
        change(&mut soft);
        answers.push(show(&yard, &soft.signed(&challenge)).await);
        (soft.origin, soft.site, soft.flags) = (origin, site, flags);
    }
    for answer in &answers {
        assert_eq!((answer.status, answer.body()), (401, answers[0].body()));
        assert!(answer.header("set-cookie").is_empty());
    }
    // Many at once are not all looked at.
    let wrong: Vec<_> = (0..8).map(|_| soft.signed("AAAA")).collect();
    let many = wrong.iter().map(|shown| show(&yard, shown));
    for answer in futures_util::future::join_all(many).await {
        assert!([401, 429].contains(&answer.status), "{answer:?}");
    }
    // What is no answer at all is not looked at either.
    let mut long = good.clone();
    long["client_data"] = "A".repeat(limits::PASSKEY_BYTES * 2).into();
    let mut more = good.clone();
    more["origin"] = "x".into();
    let mut less = good;
    less.as_object_mut().unwrap().remove("signature");
    for shown in [long, more, less, json!({}), json!("x")] {
        assert_eq!(show(&yard, &shown).await.status, 422);
    }
}

#[tokio::test]
// Longer than 70 lines: a table of attacks.
async fn a_passkey_takes_a_page_its_proof_and_a_name() {
    let yard = Yard::new().await;
    let page = browser(&yard, &["admin"]).await;
    let (_, passkey) = register(&yard, &page).await;
    let one = format!("/api/passkeys/{}", passkey["id"].as_str().unwrap());
    let name = json!({"name": "x"}).to_string();
    // The cookie alone, and a script with every role.
    let alone = format!("Cookie: {}", page.cookie());
    let admin = yard.token("admin", &[Role::Admin]);
    for (line, body) in [
        ("GET /fragment/passkeys".to_owned(), ""),
        ("GET /api/passkeys".to_owned(), ""),
        ("POST /api/passkeys/challenge".to_owned(), &*name),
        ("POST /api/passkeys".to_owned(), "{}"),
        (format!("PATCH {one}"), &*name),
        (format!("DELETE {one}"), ""),
    ] {
        let refused = yard.ask(&with(&line, &alone, body)).await;
        assert_eq!(
            (refused.status, kind(&refused)),
            (403, "not-proven".into()),
            "{line}"
        );
        let nobody = yard.ask(&with(&line, "Accept: */*", body)).await;
        assert_eq!(nobody.status, 401, "{line}");
    }
    let script = yard.by(&admin, "POST /api/passkeys/challenge", &name).await;
    assert_eq!((script.status, kind(&script)), (409, "no-passkey".into()));
    // Another device of a smaller role sees and changes none of it.
    let other = browser(&yard, &["watch"]).await;
    let listed = by(&yard, &other, "GET /api/passkeys", &Value::Null).await;
    assert_eq!(listed.json(), json!({"passkeys": []}));
    for line in [format!("PATCH {one}"), format!("DELETE {one}")] {
        let refused = by(&yard, &other, &line, &json!({"name": "x"})).await;
        assert_eq!(refused.status, 404, "{line}");
    }
    // An address is no name, whatever a body says; nor is a host that is not the hub's.
    let at = |host: &str, line: &str| {
        format!(
            "{line} HTTP/1.1\nHost: {host}\nContent-Type: application/json\nContent-Length: 2\n\n{{}}"
        )
    };
    let port = yard.outside.port();
    let refused = yard
        .ask(&at(&format!("127.0.0.1:{port}"), "POST /enter/passkey"))
        .await;
    assert_eq!(
        (refused.status, kind(&refused)),
        (409, "no-passkeys-here".into())
    );
    for host in ["evil.example", "hub.example.org.evil.example"] {
        let refused = yard.ask(&at(host, "POST /enter/passkey")).await;
        assert_eq!(
            (refused.status, kind(&refused)),
            (403, "not-admitted".into())
        );
    }
    let inside = |host: &str| at(host, "POST /enter/passkey");
    let inner = yard.inside.port();
    let local = yard
        .ask_plain(yard.inside, &inside(&format!("localhost:{inner}")))
        .await;
    assert_eq!(
        (local.status, &local.json()["site"]),
        (200, &json!("localhost"))
    );
    let number = yard
        .ask_plain(yard.inside, &inside(&format!("127.0.0.1:{inner}")))
        .await;
    assert_eq!(number.status, 409);
    // A form of another site cannot ask.
    let form = "POST /enter/passkey HTTP/1.1\nHost: HOST\nOrigin: https://evil.example\nContent-Length: 0\n\n";
    assert_eq!(yard.ask(form).await.status, 403);
}
