//! Every command against a server whose every text commands terminals and fools eyes.

use std::process::Stdio;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Method, Uri};
use axum::response::Response;
use futures_util::stream;
use scripted::opencode::{FakeOptions, FakeServer};
use serde_json::{Map, Value};
use tokio::net::TcpListener;

use crate::program::{Done, Home, Running, program, until};

/// Stands at the end of every text: cursor, clipboard, a forged line, direction, nothing to be seen, and a shell's words.
const TEXT: &str = "\u{1b}[2J\u{1b}]52;c;ZXZpbA==\u{7}\u{9b}31m\u{7f}\r\ndrovers: \u{8}\u{85}\u{2028}\u{202e}\u{2066}\
                    \u{200e}\u{200f}\u{61c}\u{200b}\u{200d}\u{2060}\u{feff}\u{ad}\u{e0041}'; touch pwned #";
/// Stands at the end of every id and path: those with control characters are not taken at all.
const ID: &str = "\u{202e}\u{2066}\u{200e}\u{61c}\u{200b}\u{feff}\u{e0041}' $(touch pwned)";
const IDS: [&str; 11] = [
    "id",
    "sessionID",
    "messageID",
    "partID",
    "parentID",
    "requestID",
    "permissionID",
    "questionID",
    "callID",
    "aggregateID",
    "directory",
];
/// What the protocol itself compares.
const WORDS: [&str; 9] = [
    "type",
    "role",
    "status",
    "field",
    "mime",
    "reply",
    "mode",
    "finish",
    "providerID",
];

fn poisoned(value: Value, key: &str) -> Value {
    match value {
        Value::String(text) if WORDS.contains(&key) => Value::String(text),
        // Those of messages and parts are the hub's own.
        Value::String(text) if IDS.contains(&key) => {
            let ours = text.starts_with("msg_") || text.starts_with("prt_");
            Value::String(if ours { text } else { text + ID })
        }
        Value::String(text) => Value::String(text + TEXT),
        Value::Array(items) => {
            Value::Array(items.into_iter().map(|item| poisoned(item, key)).collect())
        }
        Value::Object(fields) => {
            Value::Object(fields.into_iter().map(field).collect::<Map<_, _>>())
        }
        value => value,
    }
}

fn field((key, value): (String, Value)) -> (String, Value) {
    let value = poisoned(value, &key);
    match key.starts_with("ses_") {
        true => (key + ID, value),
        false => (key, value),
    }
}

fn line(line: &str) -> String {
    match line.strip_prefix("data: ") {
        Some(data) => {
            let event = serde_json::from_str(data).unwrap();
            format!("data: {}\n", poisoned(event, ""))
        }
        None => format!("{line}\n"),
    }
}

/// Passes what is asked on to the real one, and poisons what that answers.
async fn pass_on(State(to): State<String>, method: Method, uri: Uri, body: Bytes) -> Response {
    let mut encoded = url::Url::parse("http://h/").unwrap();
    encoded.path_segments_mut().unwrap().push(ID);
    let query: String = url::form_urlencoded::byte_serialize(ID.as_bytes()).collect();
    let asked = uri.to_string();
    let asked = asked.replace(&encoded.path()[1..], "").replace(&query, "");
    let body = String::from_utf8(body.to_vec()).unwrap();
    let body = body.replace(serde_json::to_string(ID).unwrap().trim_matches('"'), "");
    let client = reqwest::Client::new();
    let request = client.request(method, format!("{to}{asked}"));
    let request = request
        .header("content-type", "application/json")
        .body(body);
    let mut answer = request.send().await.unwrap();
    let mut response = Response::builder().status(answer.status());
    for (name, value) in answer.headers() {
        if name != "content-length" && name != "transfer-encoding" {
            response = response.header(name, value);
        }
    }
    let kind = answer.headers().get("content-type");
    if kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream")) {
        let lines = stream::unfold((answer, String::new()), async |(mut answer, mut rest)| {
            rest.push_str(&String::from_utf8_lossy(&answer.chunk().await.ok()??));
            let end = rest.rfind('\n').map_or(0, |at| at + 1);
            let poisoned: String = rest[..end].lines().map(line).collect();
            rest.drain(..end);
            Some((Ok::<_, std::io::Error>(poisoned), (answer, rest)))
        });
        return response.body(Body::from_stream(lines)).unwrap();
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.unwrap() {
        bytes.extend_from_slice(&chunk);
    }
    let body = serde_json::from_slice(&bytes).map(|value| poisoned(value, "").to_string());
    response.body(Body::from(body.unwrap_or_default())).unwrap()
}

/// What is printed is plain: lines, and tabs.
fn plain(done: Done) -> Done {
    for text in [&done.out, &done.err] {
        let odd = text
            .chars()
            .find(|c| !model::plain::is_shown(*c) && !matches!(c, '\n' | '\t'));
        assert_eq!(odd, None, "{done:?}");
    }
    let forged = |line: &str| line.starts_with("drovers: ␈");
    assert!(!done.err.lines().any(forged), "{done:?}");
    done
}

async fn hostile_server() -> (FakeServer, String) {
    let fake = FakeServer::start(FakeOptions {
        rate: 0.0,
        ..FakeOptions::default()
    })
    .await
    .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().fallback(pass_on).with_state(fake.url.clone());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (fake, url)
}

#[tokio::test]
// Longer than 70 lines: every command once, against one server.
async fn no_command_prints_what_a_terminal_would_obey() {
    let (fake, url) = hostile_server().await;
    let ids: Vec<_> = ["Mend", "Mend", "Ask"]
        .map(|title| fake.seed_session(title).unwrap())
        .into();
    let home = Home::new();
    let log = home.path("log");
    let mut hub = home.command(&[
        "up",
        "--no-open",
        "--listen",
        "127.0.0.1:0",
        "-vv",
        "--attach",
        &url,
    ]);
    hub.stderr(Stdio::from(std::fs::File::create(&log).unwrap()));
    let hub = Running::of(hub).await;
    let instance = hub.connected().await;
    let run = async |args: &[&str]| plain(home.run(args).await);
    // What waits for a person, what failed, what is done.
    run(&["send", &ids[2], "permission"]).await.ok();
    run(&["send", &ids[1], "question Which one?"]).await.ok();
    let listed = until(async || {
        let listed = run(&["ls"]).await.ok();
        (listed.matches("Needs you").count() == 2).then_some(listed)
    });
    let listed = listed.await;
    assert!(
        listed.contains("permission for bash") && listed.contains("␛[2J"),
        "{listed}"
    );
    assert!(listed.contains("\\u{202e}"), "{listed}");
    let waited = run(&["send", &ids[0], "say all is well", "--wait"]).await;
    assert!(
        waited.out.starts_with("all is well") && waited.out.contains("␛[2J"),
        "{waited:?}"
    );
    let failed = run(&["send", &ids[0], "error 401 msg=no_key", "--wait"]).await;
    failed.refused(1, &["no answer: no key␛[2J"]);
    run(&["send", "Mend", "say x"])
        .await
        .refused(1, &["matches 2 sessions"]);
    // A session whose id could be none is not taken.
    run(&["check", &instance, "--text", "say ok"])
        .await
        .refused(1, &["the id of the created session is not valid"]);
    let stub = program(&home.path("opencode"), "#!/bin/sh\nexit 7\n");
    let stub = stub.to_str().unwrap();
    let opened = run(&["open", &ids[0], "--opencode", stub]).await;
    assert_eq!(opened.code, Some(7), "{opened:?}");
    let tail = run(&["tail", "--no-follow", "--from-start"]).await.ok();
    assert!(
        tail.contains("\\u{202e}") && tail.contains("␛[2J"),
        "{tail}"
    );
    for args in [
        &["ls", "--all"][..],
        &["ls", "--json"],
        &["tail", "--no-follow", "--from-start", "--json"],
        &["export"],
        &["export", "--whole"],
        &["send", &ids[0], "say done", "--wait", "--json"],
        &["continue", "--all"],
        &["journal", &instance, "off"],
        &["journal"],
    ] {
        run(args).await.ok();
    }
    for args in [
        &["continue", &ids[0]][..],
        &["check", &instance, "--text", "say ok", "--json"],
        &["send", "Nobody\u{1b}[2J", "x"],
        &["export", "Mend"],
    ] {
        assert_eq!(run(args).await.code, Some(1), "{args:?}");
    }
    // What the hub says of a server that is gone is told, too.
    drop(fake);
    hub.until(|instances| instances[0]["status"] != "connected")
        .await;
    run(&["ls", "--all"]).await.ok();
    run(&["open", &ids[0], "--opencode", stub]).await;
    let log = std::fs::read_to_string(log).unwrap();
    plain(Done {
        code: None,
        out: String::new(),
        err: log,
    });
    assert!(!home.path("pwned").exists());
}

#[tokio::test]
async fn a_recording_prints_nothing_that_a_terminal_would_obey() {
    let home = Home::new();
    for capture in testkit::captures::all().unwrap().iter().take(3) {
        let folder = testkit::workspace().join("crates/testkit/captures");
        let recorded =
            std::fs::read_to_string(folder.join(format!("{}.global.sse", capture.name())));
        let file = home.path("hostile.sse");
        std::fs::write(
            &file,
            recorded.unwrap().lines().map(line).collect::<String>(),
        )
        .unwrap();
        let file = file.to_str().unwrap();
        let shown = plain(home.run(&["replay", file]).await).ok();
        assert!(shown.contains("\\u{202e}"), "{shown}");
        plain(home.run(&["replay", file, "--json"]).await).ok();
    }
}
