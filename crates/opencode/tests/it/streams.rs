//! Tests of event streams: requests, ends, and invalid streams.

use opencode::{Client, ClientError, Credentials, Http};
use tokio::net::TcpListener;

use crate::client::{PAGE, PATIENCE, client, client_of};
use crate::server::{Answer, Server};

#[tokio::test]
async fn what_is_no_event_stream_is_named() {
    let server =
        Server::start(|_| Answer::Bytes(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec())).await;
    let error = client(&server).global_events(PATIENCE).await.unwrap_err();
    assert!(
        matches!(error, ClientError::NoStream { status: 204, .. }),
        "{error:?}"
    );
    let server = Server::saying(PAGE, "<html>").await;
    let error = client(&server).events(PATIENCE).await.unwrap_err();
    assert!(
        matches!(error, ClientError::ContentType { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn why_there_is_no_stream_is_named_as_for_a_reply() {
    let error_of = async |address: &str| {
        let client = client_of(address).unwrap();
        client.global_events(PATIENCE).await.unwrap_err()
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nowhere = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = error_of(&nowhere).await;
    assert!(matches!(error, ClientError::Refused { .. }), "{error:?}");

    let plain = Server::saying("200 OK", "").await;
    let error = error_of(&plain.url.to_string().replace("http:", "https:")).await;
    assert!(matches!(error, ClientError::Tls { .. }), "{error:?}");

    let broken = Server::start(|_| Answer::Bytes(Vec::new())).await;
    let error = error_of(broken.url.as_str()).await;
    assert!(matches!(error, ClientError::Reset { .. }), "{error:?}");

    let other = Server::start(|_| Answer::Bytes(b"SSH-2.0-OpenSSH_9.9\r\n".to_vec())).await;
    let error = error_of(other.url.as_str()).await;
    assert!(
        matches!(error, ClientError::NotOpenCode { .. }),
        "{error:?}"
    );

    let unknown = Server::saying("404 Not Found", "no such page").await;
    let error = error_of(unknown.url.as_str()).await;
    let ClientError::NotFound { path, excerpt, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(
        (path.as_str(), excerpt.as_str()),
        ("/global/event", "no such page")
    );
}

#[tokio::test]
async fn a_stream_is_asked_for_as_everything_is() {
    let server = Server::saying("200 OK\nContent-Type: text/event-stream", "").await;
    let credentials = Some(Credentials {
        username: "u".to_owned(),
        password: "p".to_owned(),
    });
    let http = Http::new().unwrap();
    let client = Client::new(http, server.url.clone(), credentials).unwrap();
    client.global_events(PATIENCE).await.unwrap();
    let request = server.seen()[0].to_lowercase();
    let host = server
        .url
        .as_str()
        .trim_end_matches('/')
        .replace("http", "host");
    let host = host.replace("//", " ");
    for header in [
        "get /global/event http/1.1\r\n",
        &format!("{host}\r\n"),
        "user-agent: drovers/",
        "authorization: basic dtpw\r\n",
        "accept: text/event-stream\r\n",
        "accept-encoding: identity\r\n",
    ] {
        assert!(request.contains(header), "{header} in {request}");
    }
}

#[tokio::test]
async fn however_large_an_event_is_its_pieces_are_not() {
    let event = format!("data: {}\n\n", "x".repeat(1 << 20));
    let server = Server::saying("200 OK\nContent-Type: text/event-stream", &event).await;
    let mut stream = client(&server).global_events(PATIENCE).await.unwrap();
    let mut bytes = 0;
    while let Some(chunk) = stream.next_chunk().await.unwrap() {
        assert!(chunk.len() <= 16 << 10, "{} bytes at once", chunk.len());
        bytes += chunk.len();
    }
    assert_eq!(bytes, event.len());
}

#[tokio::test]
async fn a_stream_that_ends_and_one_that_is_cut() {
    let chunked =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (tail, properly) in [
        ("9\r\ndata: x\n\n\r\n0\r\n\r\n", true),
        ("9\r\ndata: x\n\n\r\n", false),
    ] {
        let bytes = format!("{chunked}{tail}").into_bytes();
        let server = Server::start(move |_| Answer::Bytes(bytes.clone())).await;
        let mut stream = client(&server)
            .at("/a b")
            .global_events(PATIENCE)
            .await
            .unwrap();
        assert_eq!(
            stream.next_chunk().await.unwrap().as_deref(),
            Some(&b"data: x\n\n"[..])
        );
        match stream.next_chunk().await {
            Ok(None) => assert!(properly),
            Err(ClientError::Reset { .. }) => assert!(!properly),
            other => panic!("{other:?}"),
        }
        let request = &server.seen()[0];
        assert!(
            request.starts_with("GET /global/event?directory=%2Fa+b HTTP/1.1\r\n"),
            "{request}"
        );
        assert!(
            request.contains("accept: text/event-stream\r\n")
                && request.contains("accept-encoding: identity\r\n")
        );
    }
}
