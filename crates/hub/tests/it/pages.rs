//! The page: documents, fragments, assets.

use std::fs;

use hub::datadir::Servers;
use hub::engine::HistoryDepth;
use model::State;
use model::ids::{InstanceId, SessionId};
use model::state::Session;
use reqwest::Method;
use scripted::opencode::{FakeOptions, FakeServer};
use serde_json::json;

use crate::lab::{Lab, ids, launcher, send};

#[tokio::test]
async fn a_document_holds_the_conversation() {
    let lab = Lab::new().await;
    let session = lab.session(&lab.instance().await).await;
    lab.turn(&session, "say unmistakable").await;
    let (instance, id) = ids(&session);
    let page = lab.get(&format!("/i/{instance}/s/{id}")).await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(page.text.contains("unmistakable"), "{}", page.text);

    let all = lab.hub.engine().read(|state| {
        let loaded = state.session(&instance, &id).unwrap().loaded().unwrap();
        let messages: Vec<_> = loaded
            .in_order()
            .map(|message| message.info.id.clone())
            .collect();
        messages
    });
    for message in all {
        let fragment = lab
            .get(&format!("/fragment/i/{instance}/s/{id}?key=m:{message}"))
            .await;
        assert_eq!(fragment.status, 200, "{fragment:?}");
        assert!(fragment.text.contains(message.as_str()));
    }
    lab.get(&format!("/fragment/i/{instance}/s/{id}?key=nope"))
        .await
        .problem(404, "no-such-element");
    lab.get(&format!("/fragment/i/{instance}/s/{id}"))
        .await
        .problem(400, "invalid-request");
}

/// Messages on a document, first to last, and the link to those before.
fn shown(page: &str) -> (Vec<&str>, Option<&str>) {
    let after = |text: &'static str| page.split(text).skip(1);
    let messages = after("data-k=\"m:").filter_map(|rest| rest.split('"').next());
    let older = after("class=\"older\" href=\"")
        .next()
        .and_then(|rest| rest.split('"').next());
    (messages.collect(), older)
}

#[tokio::test]
async fn a_long_conversation_is_read_backwards_page_by_page() {
    let lab = Lab::new().await;
    let at = long(&lab).await;
    let (instance, session) = &at;
    let _kept = lab.watch(&at, HistoryDepth::Newest).await;
    let page = lab.get(&format!("/i/{instance}/s/{session}")).await;
    let (newest, older) = shown(&page.text);
    assert_eq!(newest.len(), 100);
    let page = lab.get(older.unwrap()).await;
    let (further, older) = shown(&page.text);
    assert_eq!(further.len(), 200);
    assert_eq!(further[100..], newest);
    let page = lab.get(older.unwrap()).await;
    let (all, _) = shown(&page.text);
    assert_eq!(all.len(), 300);
    assert_eq!(all[100..], further);
    assert!(page.text.contains(&format!("data-from=\"{}\"", all[0])));
}

#[tokio::test]
async fn older_messages_are_kept_for_those_who_look_at_them_and_read_again_later() {
    let lab = Lab::new().await;
    let at = long(&lab).await;
    let (instance, session) = &at;
    let kept = |count| {
        let at = at.clone();
        move |state: &State| {
            let loaded = state.session(&at.0, &at.1).and_then(Session::loaded);
            loaded.is_some_and(|loaded| loaded.messages.len() == count)
        }
    };
    let engine = lab.hub.engine();
    let _newest = lab.watch(&at, HistoryDepth::Newest).await;
    let older = lab.watch(&at, HistoryDepth::Older).await;
    engine.older(instance.clone(), session.clone()).await;
    lab.until("a page of older messages is here", kept(200))
        .await;
    drop(older);
    lab.until("it is let go of", kept(100)).await;
    let page = lab.get(&format!("/i/{instance}/s/{session}")).await;
    let (newest, older) = shown(&page.text);
    assert_eq!(newest.len(), 100);
    let page = lab.get(older.unwrap()).await;
    let (further, _) = shown(&page.text);
    assert_eq!((further.len(), &further[100..]), (200, &newest[..]));
}

/// A session of five hundred messages.
async fn long(lab: &Lab) -> (InstanceId, SessionId) {
    let session = lab.fake.seed_session("long").unwrap();
    let recorded = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../testkit/captures/session500.messages.json"
    );
    let messages = serde_json::from_str(&fs::read_to_string(recorded).unwrap()).unwrap();
    lab.fake.seed_messages(&session, messages).unwrap();
    let added = lab.instance().await;
    let instance = added.rsplit('/').next().unwrap();
    (
        InstanceId::from(instance),
        SessionId::from(session.as_str()),
    )
}

#[tokio::test]
async fn what_is_not_there_is_still_a_page() {
    let lab = Lab::new().await;
    let instance = lab.instance().await;
    let id = instance.rsplit('/').next().unwrap();
    for (path, status) in [
        ("/".to_owned(), 200),
        (format!("/i/{id}"), 200),
        ("/i/nope".to_owned(), 404),
        ("/i/nope/s/nope".to_owned(), 404),
        (format!("/i/{id}/s/ses_nope"), 404),
    ] {
        let page = lab.get(&path).await;
        assert_eq!(page.status, status, "{path}");
        assert!(
            page.header("content-type").starts_with("text/html"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn assets_are_kept_for_ever() {
    let lab = Lab::new().await;
    for asset in page::assets() {
        let whole = lab.get(asset.path).await;
        assert_eq!(whole.status, 200, "{}", asset.path);
        assert_eq!(whole.header("content-type"), asset.content_type);
        assert!(whole.header("cache-control").contains("immutable"));
        let known = lab
            .request(Method::GET, asset.path)
            .header("if-none-match", asset.etag);
        assert_eq!(send(known).await.status, 304);
    }
}

#[tokio::test]
async fn what_a_browser_gets_is_in_the_language_that_is_set_or_that_it_prefers() {
    let lab = Lab::new().await;
    let as_browser = async |path: &str, prefers: &str| {
        let asked = lab.request(Method::GET, path);
        send(asked.header("accept-language", prefers)).await.text
    };
    let german = "de-AT,de;q=0.9,en;q=0.8";
    let page = as_browser("/", german).await;
    assert!(page.contains("<html lang=\"de\" dir=\"ltr\"") && page.contains("/assets/words-de-"));
    assert!(as_browser("/", "fr").await.contains("<html lang=\"en\""));
    assert!(lab.get("/").await.text.contains("<html lang=\"en\""));
    let dialog = as_browser("/fragment/settings", german).await;
    assert!(dialog.contains("Einstellungen"), "{dialog}");
    let missing = "/api/instances/none/sessions";
    assert!(
        as_browser(missing, german)
            .await
            .contains("Unbekannte Instanz")
    );
    assert!(lab.get(missing).await.text.contains("Unknown instance"));

    let set = lab.request(Method::PUT, "/api/settings");
    let set = send(set.json(&json!({ "language": "zh" }))).await;
    assert_eq!(set.status, 200);
    let page = as_browser("/", german).await;
    assert!(page.contains("<html lang=\"zh-Hans\"") && page.contains("总览"));
    // A program names no language: what it reads does not change with what a person sets.
    assert!(lab.get(missing).await.text.contains("Unknown instance"));
}

#[tokio::test]
async fn documents_are_compressed() {
    let lab = Lab::new().await;
    let plain = reqwest::Client::builder().no_gzip().build().unwrap();
    let asked = plain
        .get(format!("{}/api/openapi.json", lab.url))
        .header("accept-encoding", "br");
    assert_eq!(
        asked.send().await.unwrap().headers()["content-encoding"],
        "br"
    );
}

#[tokio::test]
async fn the_command_line_finds_the_password_of_a_folders_server() {
    let fake = FakeServer::start(FakeOptions::default()).await.unwrap();
    let home = tempfile::tempdir().unwrap();
    let launcher = launcher(&fake, home.path());
    let lab = Lab::with(fake, launcher).await;

    let added = lab
        .post(
            "/api/instances",
            json!({"folder": home.path(), "trust": true}),
        )
        .await
        .good();
    let id = added["id"].as_str().unwrap();
    lab.connected(id).await;
    let nowhere = json!({"directory": home.path().join("none")});
    lab.post(&format!("/api/instances/{id}/sessions"), nowhere)
        .await
        .problem(422, "invalid-request");
    let (url, login) = Servers::find(lab.data.path(), &id.into()).unwrap();
    assert_eq!(url.as_str().trim_end_matches('/'), lab.fake.url);
    let password = login.unwrap().password;
    assert!(password.len() > 20);
    for path in [
        "/api/instances",
        "/api/health",
        "/api/log?follow=false",
        "/",
    ] {
        assert!(!lab.get(path).await.text.contains(&password), "{path}");
    }
    assert_eq!(
        lab.delete(&format!("/api/instances/{id}")).await.status,
        204
    );
    assert_eq!(Servers::find(lab.data.path(), &id.into()), None);
}

/// A GIF of one point, in base64.
const POINT: &str = "R0lGODlhAQABAIAAAAAAAP///yH5BAAAAAAALAAAAAABAAEAAAICRAEAOw==";

#[tokio::test]
async fn pictures_are_served_by_what_they_are_and_nothing_else_is() {
    let lab = Lab::new().await;
    let session = lab.fake.seed_session("pictures").unwrap();
    let id = session.as_str();
    let file = |mime: &str, url: String| json!({"type": "file", "mime": mime, "filename": "a.png", "url": url});
    let picture = file("text/html", format!("data:text/html;base64,{POINT}"));
    let markup = file(
        "image/png",
        "data:image/png;base64,PHN2Zz48c2NyaXB0Lz48L3N2Zz4=".to_owned(),
    );
    let elsewhere = file("image/png", "http://127.0.0.1:1/a.png".to_owned());
    let named = |mut part: serde_json::Value, name: &str| {
        part["id"] = json!(name);
        part["sessionID"] = json!(id);
        part["messageID"] = json!("msg_a");
        part
    };
    let state = json!({"status": "completed", "input": {}, "output": {"a": [1, "x"]}, "attachments": [markup, picture]});
    let tool = json!({"type": "tool", "tool": "shot", "callID": "c", "state": state});
    let message = json!({
        "info": {"id": "msg_a", "sessionID": id, "role": "assistant", "time": {"created": 1, "completed": 2}},
        "parts": [
            named(picture, "prt_a"), named(markup, "prt_b"), named(elsewhere, "prt_c"), named(tool, "prt_d"),
        ],
    });
    lab.fake.seed_messages(id, vec![message]).unwrap();
    let added = lab.instance().await;
    let instance = added.rsplit('/').next().unwrap();
    let at = (InstanceId::from(instance), SessionId::from(id));
    let _kept = lab.watch(&at, HistoryDepth::Newest).await;
    let page = lab.get(&format!("/i/{instance}/s/{id}")).await.text;
    let shown: Vec<&str> = page
        .split("<img src=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert_eq!(shown.len(), 2, "{page}");
    // An answer that is no text is not lost either.
    assert!(
        page.contains("&quot;x&quot;") || page.contains("\"x\""),
        "{page}"
    );
    for url in shown {
        let served = lab.get(url).await;
        assert_eq!(
            (served.status.as_u16(), served.header("content-type")),
            (200, "image/gif")
        );
        assert_eq!(served.header("x-content-type-options"), "nosniff");
        assert!(
            served
                .header("content-security-policy")
                .contains("default-src 'none'")
        );
        assert!(served.text.starts_with("GIF89a"));
    }
    let messages = format!("/api/instances/{instance}/sessions/{id}/messages");
    for (message, part, nth) in [
        ("msg_a", "prt_b", 0),
        ("msg_a", "prt_c", 0),
        ("msg_a", "prt_d", 0),
        ("msg_a", "prt_d", 2),
        ("msg_a", "prt_z", 0),
        ("msg_z", "prt_a", 0),
    ] {
        let url = format!("{messages}/{message}/parts/{part}/files/{nth}");
        lab.get(&url).await.problem(404, "no-such-element");
    }
}
