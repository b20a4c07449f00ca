//! Tests of the client: handling of invalid replies, and its requests.

use std::time::Duration;

use opencode::client::NewSession;
use opencode::wire::{PartKind, PermissionReply, SessionStatus};
use opencode::{Client, ClientError, Credentials, Http, SpokenDialect};
use tokio::net::TcpListener;

use crate::server::{Answer, Server, reply};

pub(crate) const PATIENCE: Duration = Duration::from_secs(3);
pub(crate) const JSON: &str = "200 OK\nContent-Type: application/json";
pub(crate) const STREAM: &str = "200 OK\nContent-Type: text/event-stream; charset=utf-8";
pub(crate) const PAGE: &str = "200 OK\nContent-Type: text/html";

pub(crate) fn client(server: &Server) -> Client {
    Client::new(Http::new().unwrap(), server.url.clone(), None).unwrap()
}

pub(crate) fn client_of(address: &str) -> Result<Client, ClientError> {
    Client::new(Http::new().unwrap(), address.parse().unwrap(), None)
}

pub(crate) async fn error_of(head: &str, body: &str) -> ClientError {
    client(&Server::saying(head, body).await)
        .session("s")
        .await
        .unwrap_err()
}

#[test]
fn only_web_addresses_are_taken() {
    for address in ["file:///etc", "mailto:a@b", "ws://host"] {
        assert!(
            matches!(client_of(address), Err(ClientError::BadAddress { .. })),
            "{address}"
        );
    }
}

#[tokio::test]
async fn nothing_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = client_of(&address).unwrap().health().await.unwrap_err();
    assert!(matches!(error, ClientError::Refused { .. }), "{error:?}");
}

#[tokio::test]
async fn an_unknown_name() {
    struct Nowhere;
    impl reqwest::dns::Resolve for Nowhere {
        fn resolve(&self, _: reqwest::dns::Name) -> reqwest::dns::Resolving {
            Box::pin(async { Err("no such host".into()) })
        }
    }
    let replies = reqwest::Client::builder()
        .no_proxy()
        .dns_resolver(Nowhere)
        .build()
        .unwrap();
    let http = Http::new().unwrap().with_replies(replies);
    let client = Client::new(http, "http://nowhere.invalid".parse().unwrap(), None).unwrap();
    let error = client.health().await.unwrap_err();
    assert_eq!(
        error,
        ClientError::Dns {
            host: "nowhere.invalid".to_owned()
        }
    );
}

#[tokio::test]
async fn a_connection_broken_off() {
    let server = Server::start(|_| Answer::Bytes(Vec::new())).await;
    let error = client(&server).health().await.unwrap_err();
    assert!(matches!(error, ClientError::Reset { .. }), "{error:?}");
}

#[tokio::test]
async fn what_answers_is_no_web_server() {
    let server = Server::start(|_| Answer::Bytes(b"SSH-2.0-OpenSSH_9.9\r\n".to_vec())).await;
    let error = client(&server).health().await.unwrap_err();
    assert!(
        matches!(error, ClientError::NotOpenCode { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn compression_that_is_none() {
    let error = error_of(&format!("{JSON}\nContent-Encoding: gzip"), "{}").await;
    assert!(matches!(error, ClientError::BadJson { .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn silence_ends_in_a_timeout() {
    let server = Server::start(|_| Answer::Silence).await;
    let error = client(&server).health().await.unwrap_err();
    assert!(matches!(error, ClientError::Timeout { .. }), "{error:?}");
    let error = client(&server).global_events(PATIENCE).await.unwrap_err();
    assert_eq!(
        error,
        ClientError::Timeout {
            server: server.url.to_string(),
            after: PATIENCE
        }
    );
}

#[tokio::test]
async fn encryption_where_there_is_none() {
    let server = Server::saying(JSON, "{}").await;
    let address = server.url.to_string().replace("http:", "https:");
    let error = client_of(&address).unwrap().health().await.unwrap_err();
    assert!(matches!(error, ClientError::Tls { .. }), "{error:?}");
}

#[tokio::test]
async fn a_redirect_is_reported_and_not_followed() {
    let server = Server::saying("302 Found\nLocation: http://elsewhere/", "").await;
    let error = client(&server).session("s").await.unwrap_err();
    assert!(
        matches!(&error, ClientError::Redirect { location: Some(to), .. } if to == "http://elsewhere/")
    );
    assert!(error.to_string().contains("http://elsewhere/"), "{error}");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn refusals_are_told_apart() {
    let told = r#"{"name":"NotFoundError","data":{"message":"Session not\nfound: s"}}"#;
    let error = error_of("404 Not Found", told).await;
    assert!(
        matches!(&error, ClientError::NotFound { excerpt, .. } if excerpt == "Session not found: s"),
        "{error:?}"
    );
    let error = error_of(
        "404 Not Found",
        r#"{"_tag":"SomeError","message":"no such thing"}"#,
    )
    .await;
    assert!(
        error.to_string().ends_with("/session/s: no such thing"),
        "{error}"
    );
    assert!(matches!(
        error_of("409 Conflict", "busy").await,
        ClientError::Conflict { .. }
    ));
    let error = error_of("500 Oops", &"long ".repeat(1000)).await;
    assert!(
        matches!(&error, ClientError::Status { status: 500, .. }),
        "{error:?}"
    );
    assert!(error.to_string().len() < 400, "{error}");
}

#[tokio::test]
async fn a_password_is_asked_for_or_refused() {
    let server = Server::saying("401 Unauthorized", "").await;
    let error = client(&server).health().await.unwrap_err();
    assert_eq!(
        error,
        ClientError::Unauthorized {
            server: server.url.to_string(),
            given: false
        }
    );
    let credentials = Some(Credentials::password("s3cret"));
    let client = Client::new(Http::new().unwrap(), server.url.clone(), credentials).unwrap();
    let error = client.health().await.unwrap_err();
    assert_eq!(
        error,
        ClientError::Unauthorized {
            server: server.url.to_string(),
            given: true
        }
    );
    let requests = server.seen();
    assert!(!requests[0].contains("authorization:"));
    assert!(
        requests[1].contains("authorization: Basic b3BlbmNvZGU6czNjcmV0\r\n"),
        "{}",
        requests[1]
    );
}

#[tokio::test]
async fn a_password_in_the_address_is_used_and_never_shown() {
    let server = Server::saying("401 Unauthorized", "").await;
    let address = server
        .url
        .to_string()
        .replace("http://", "http://me:s3cret@");
    let client = client_of(&address).unwrap();
    let error = client.health().await.unwrap_err();
    for shown in [
        format!("{client:?}"),
        format!("{error:?}"),
        error.to_string(),
        client.base().to_string(),
    ] {
        assert!(!shown.contains("s3cret"), "{shown}");
    }
    assert!(server.seen()[0].contains("authorization: Basic bWU6czNjcmV0\r\n"));
}

#[tokio::test]
async fn replies_of_another_kind() {
    assert!(matches!(
        error_of(PAGE, "<html>").await,
        ClientError::ContentType { .. }
    ));
    assert!(matches!(
        error_of(JSON, "{").await,
        ClientError::BadJson { .. }
    ));
    assert!(matches!(
        error_of(JSON, "[]").await,
        ClientError::BadJson { .. }
    ));
}

#[tokio::test]
async fn a_reply_too_large_is_refused_at_its_announcement() {
    let head =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n";
    let server = Server::start(move |_| Answer::Bytes(head.into())).await;
    let error = client(&server).session("s").await.unwrap_err();
    assert!(matches!(error, ClientError::TooLarge { .. }), "{error:?}");
}

#[tokio::test]
async fn a_reply_too_large_is_refused_without_announcement() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n";
    let bytes = [
        head.as_bytes(),
        &vec![b' '; opencode::limits::MAX_REPLY_BYTES + 1],
    ]
    .concat();
    let server = Server::start(move |_| Answer::Bytes(bytes.clone())).await;
    let error = client(&server).session("s").await.unwrap_err();
    assert!(matches!(error, ClientError::TooLarge { .. }), "{error:?}");
}

/// The reply of a server, and the version that the client should detect.
type Seen = (fn(&str) -> Answer, Option<&'static str>);

/// All known or documented replies of OpenCode 2, with the expected version.
const V2: [Seen; 6] = [
    (
        |_| Answer::Bytes(reply(JSON, r#"{"healthy":true,"version":"2.0.0"}"#)),
        Some("2.0.0"),
    ),
    (
        |request| {
            let info = request.starts_with("GET /api/info ");
            Answer::Bytes(if info {
                reply(
                    JSON,
                    r#"{"version":"2.1.2","pid":7,"urls":[],"paths":{"tmp":"/tmp"}}"#,
                )
            } else {
                reply(PAGE, "<html>")
            })
        },
        Some("2.1.2"),
    ),
    (
        |request| {
            let info = request.starts_with("GET /api/info ");
            Answer::Bytes(if info {
                reply(JSON, r#"{"version":"2.1.2","pid":7}"#)
            } else {
                reply("404 Not Found", "")
            })
        },
        Some("2.1.2"),
    ),
    (
        |request| {
            let status = request.starts_with("GET /api/status ");
            Answer::Bytes(if status {
                reply(JSON, r#"{"version":"2.0.6","pid":7}"#)
            } else {
                reply(PAGE, "<html>")
            })
        },
        Some("2.0.6"),
    ),
    (
        |request| {
            let health = request.starts_with("GET /api/health ");
            Answer::Bytes(if health {
                reply(JSON, r#"{"healthy":true}"#)
            } else {
                reply(PAGE, "<html>")
            })
        },
        None,
    ),
    (
        |_| {
            let said = r#"{"_tag":"UnauthorizedError","message":"Unauthorized"}"#;
            Answer::Bytes(reply(
                "401 Unauthorized\nContent-Type: application/json",
                said,
            ))
        },
        None,
    ),
];

#[tokio::test]
async fn opencode_2_is_told_from_everything_else() {
    for (answer, version) in V2 {
        let server = Server::start(answer).await;
        let version = version.map(str::to_owned);
        let spoken = client(&server).probe(PATIENCE).await;
        assert_eq!(
            spoken,
            Ok(SpokenDialect::V2 {
                version: version.clone()
            })
        );
        let error = client(&server).health().await.unwrap_err();
        let words = error.to_string();
        assert!(
            matches!(&error, ClientError::V2NotSpoken { version: told, .. } if *told == version),
            "{error:?}"
        );
        let named = version.as_deref().unwrap_or("2");
        assert!(
            words.contains(&format!("OpenCode {named},")) && words.contains("version 1"),
            "{words}"
        );
    }
}

#[tokio::test]
async fn who_answers() {
    let server = Server::saying(JSON, r#"{"healthy":true,"version":"1.18.33"}"#).await;
    assert_eq!(
        client(&server).probe(PATIENCE).await,
        Ok(SpokenDialect::V1 {
            version: "1.18.33".to_owned()
        })
    );
    assert_eq!(client(&server).health().await.unwrap().version, "1.18.33");

    for (head, body) in [
        (PAGE, "<html>"),
        (JSON, "{}"),
        (JSON, r#"{"healthy":false}"#),
        (JSON, r#"{"version":"2.1.2"}"#),
        ("404 Not Found", ""),
    ] {
        let server = Server::saying(head, body).await;
        let error = client(&server).probe(PATIENCE).await.unwrap_err();
        assert!(
            matches!(error, ClientError::NotOpenCode { .. }),
            "{error:?}"
        );
        assert!(matches!(
            client(&server).health().await,
            Err(ClientError::NotOpenCode { .. })
        ));
    }

    let server = Server::start(|request| {
        let events = request.starts_with("GET /events ");
        Answer::Bytes(if events {
            reply(STREAM, "")
        } else {
            reply("404 Not Found", "")
        })
    })
    .await;
    assert_eq!(
        client(&server).probe(PATIENCE).await,
        Ok(SpokenDialect::Sketch)
    );
}

#[tokio::test]
async fn one_odd_element_does_not_lose_a_list() {
    let server = Server::saying(JSON, r#"[{"id":"a","title":"\ud83e"},{"id":7},{"id":"b"}]"#).await;
    let sessions = client(&server).at("/p").sessions(Some(500)).await.unwrap();
    let ids: Vec<_> = sessions
        .value
        .iter()
        .map(|session| session.id.as_str())
        .collect();
    assert_eq!((ids.as_slice(), sessions.malformed), (&["a", "b"][..], 1));
    assert!(
        server.seen()[0].starts_with("GET /session?directory=%2Fp&limit=500 "),
        "{}",
        server.seen()[0]
    );

    let server = Server::saying(JSON, r#"{"a":{"type":"busy"},"b":7}"#).await;
    let status = client(&server).status().await.unwrap();
    assert_eq!(
        (status.value.get("a"), status.malformed),
        (Some(&SessionStatus::Busy), 1)
    );
}

#[tokio::test]
async fn a_long_session_is_read_whole() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../testkit/captures/session500.messages.json");
    let server = Server::saying(
        &format!("{JSON}\nX-Next-Cursor: c1"),
        std::fs::read(path).unwrap(),
    )
    .await;
    let page = client(&server)
        .messages("ses_1", Some(80), Some("c0"))
        .await
        .unwrap();
    assert_eq!(
        (page.messages.len(), page.malformed, page.next.as_deref()),
        (546, 0, Some("c1"))
    );
    let parts = page.messages.iter().flat_map(|message| &message.parts);
    assert_eq!(
        parts
            .filter(|part| matches!(part.kind, PartKind::Other { .. }))
            .count(),
        0
    );
    let request = &server.seen()[0];
    assert!(
        request.starts_with("GET /session/ses_1/message?limit=80&before=c0 "),
        "{request}"
    );
    assert!(request.contains("accept-encoding: gzip\r\n"), "{request}");
    client(&server)
        .messages("ses_1", None, Some("c1"))
        .await
        .unwrap();
    assert!(server.seen()[1].starts_with("GET /session/ses_1/message?limit=100&before=c1 "));
}

#[tokio::test]
async fn orders_are_sent_as_the_server_reads_them() {
    let server = Server::saying(JSON, r#"{"id":"s"}"#).await;
    let client = client(&server).at("/p");
    let new = NewSession {
        title: Some("t".to_owned()),
        parent_id: Some("p".to_owned()),
        ..NewSession::default()
    };
    assert_eq!(client.create_session(&new).await.unwrap().id, "s");
    client
        .update_session("s/../x", &serde_json::json!({"title": "u"}))
        .await
        .unwrap();
    client
        .reply_permission("per_1", PermissionReply::Reject, Some("not so"))
        .await
        .unwrap();
    client
        .reply_question("que_1", &[vec!["Red".to_owned()]])
        .await
        .unwrap();
    client.reject_question("que_1").await.unwrap();
    client
        .prompt_async("s", &serde_json::json!({"parts": []}))
        .await
        .unwrap();
    client.abort("s").await.unwrap();
    client.fork_session("s", None).await.unwrap();
    client.fork_session("s", Some("msg_1")).await.unwrap();
    client.revert("s", "msg_1").await.unwrap();
    client.unrevert("s").await.unwrap();
    client.summarize("s", "p", "m").await.unwrap();
    client.delete_session("s").await.unwrap();
    let sent: Vec<_> = server
        .seen()
        .iter()
        .map(|request| {
            let (head, body) = request.split_once("\r\n\r\n").unwrap();
            format!("{} {body}", head.split(" HTTP").next().unwrap())
        })
        .collect();
    assert_eq!(
        sent,
        [
            r#"POST /session?directory=%2Fp {"title":"t","parentID":"p"}"#,
            r#"PATCH /session/s%2F..%2Fx?directory=%2Fp {"title":"u"}"#,
            r#"POST /permission/per_1/reply?directory=%2Fp {"reply":"reject","message":"not so"}"#,
            r#"POST /question/que_1/reply?directory=%2Fp {"answers":[["Red"]]}"#,
            "POST /question/que_1/reject?directory=%2Fp ",
            r#"POST /session/s/prompt_async?directory=%2Fp {"parts":[]}"#,
            "POST /session/s/abort?directory=%2Fp ",
            "POST /session/s/fork?directory=%2Fp {}",
            r#"POST /session/s/fork?directory=%2Fp {"messageID":"msg_1"}"#,
            r#"POST /session/s/revert?directory=%2Fp {"messageID":"msg_1"}"#,
            "POST /session/s/unrevert?directory=%2Fp {}",
            r#"POST /session/s/summarize?directory=%2Fp {"modelID":"m","providerID":"p"}"#,
            "DELETE /session/s?directory=%2Fp ",
        ]
    );
}

#[tokio::test]
async fn providers_are_read_by_name_only() {
    let body = r#"{"providers":[{"id":"p","name":"P","key":"sk-1","models":{"m":{"id":"m","name":"M","limit":{"context":8000}}}},{"x":1}],
        "default":{"p":"m"}}"#;
    let server = Server::saying(JSON, body).await;
    let read = client(&server).providers().await.unwrap();
    assert_eq!(
        (
            read.value.providers[0].models[0].name.as_str(),
            read.malformed
        ),
        ("M", 1)
    );
    assert_eq!(read.value.providers[0].models[0].context, 8000);
    assert_eq!(read.value.default["p"], "m");
    assert!(!format!("{read:?}").contains("sk-1"));
}
